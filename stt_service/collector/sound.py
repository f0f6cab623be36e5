"""Whether bytes are the sound that they are said to be; decoded in pieces, never whole."""

from __future__ import annotations

import io

import soundfile

from stt_service.collector.refusal import RefusedError

RATES = (8_000, 48_000)
"""Hertz; lowest and highest."""
BLOCK = 131_072
"""Samples that are decoded at once. After each the library seeks, which costs two frames: most
utterances are one block."""
TOLERANCE = 0.02
"""Seconds by which a length may be wrong."""
MAGIC = b"fLaC"
FACTS = slice(18, 26)
"""64 bits of STREAMINFO, which always comes first: 20 of the rate, 3 of the channels less one, 5 of
the bits of a sample less one, 36 of the number of samples."""
BITS = 16
SAMPLE_BYTES = 2
MAX_AROUND = 64 << 10
"""Bytes of a file beyond its samples uncompressed: headers and padding."""


def check_sound(flac: bytes, seconds: float, longest: float) -> None:
    """Check a FLAC file: one channel, 16 bits, whole, as long as said, and nothing behind it.

    Raises :exc:`RefusedError`. However long the header says it is, no more than ``longest``
    seconds are decoded.
    """
    if not flac.startswith(MAGIC) or len(flac) < FACTS.stop:
        raise RefusedError(415, "the sound is no FLAC", _REMEDY)
    facts = int.from_bytes(flac[FACTS], "big")
    rate, said = facts >> 44, facts & 0xF_FFFF_FFFF
    if facts >> 36 & 0xFF != BITS - 1:  # and one channel, which is 0
        raise RefusedError(415, "the sound is no FLAC of 16 bits, one channel", _REMEDY)
    if not RATES[0] <= rate <= RATES[1]:
        raise RefusedError(415, f"the sound has {rate} Hz", _REMEDY)
    if said > longest * rate:
        raise RefusedError(413, f"the sound is longer than {longest:g} s", "Keep it")
    if not said or abs(said / rate - seconds) > TOLERANCE:
        raise RefusedError(422, f"seconds: the sound has {said / rate:.2f}", _REMEDY)
    if len(flac) > said * SAMPLE_BYTES + MAX_AROUND:
        raise RefusedError(415, "the file holds more than its sound", _REMEDY)
    try:
        _decode(flac, facts + 1, said)
    except soundfile.LibsndfileError as error:
        raise RefusedError(415, f"the sound is no FLAC: {error.error_string}", _REMEDY) from None


def _decode(flac: bytes, facts: int, said: int) -> None:
    """Decode ``said`` samples and look for another one, which must not be there.

    A decoder stops where the header says. Another program might go on, and hear what nobody has
    checked: so this one is told, by ``facts``, of one sample more than there should be.
    """
    told = b"".join((flac[: FACTS.start], facts.to_bytes(8, "big"), flac[FACTS.stop :]))
    with soundfile.SoundFile(io.BytesIO(told)) as file:
        if (file.format, file.subtype, file.channels) != ("FLAC", "PCM_16", 1):
            raise RefusedError(415, "the sound is no FLAC of 16 bits, one channel", _REMEDY)
        left = said - 1
        while left and (read := len(file.read(min(left, BLOCK), dtype="int16"))) > 0:
            left -= read
        try:
            last = len(file.read(2, dtype="int16"))
        except soundfile.LibsndfileError as error:
            # Where the sound ends it cannot go on; where it does not, something else lies there.
            last = 0 if "sync" in error.error_string else 1
    if left or last != 1:
        raise RefusedError(422, "the sound is shorter or longer than its header says", _REMEDY)


_REMEDY = "Send what the device has recorded"
