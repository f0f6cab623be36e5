"""Whether bytes are the sound that they are said to be; decoded in pieces, never whole."""

from __future__ import annotations

import io

import soundfile

from stt_service.collector.refusal import RefusedError

RATES = (8_000, 48_000)
"""Hertz; lowest and highest."""
BLOCK = 16_384
"""Samples that are decoded at once."""
TOLERANCE = 0.02
"""Seconds by which a length may be wrong."""
MAGIC = b"fLaC"
LENGTH = slice(22, 26)
"""Lower 32 of 36 bits of the number of samples; STREAMINFO always comes first."""
SAMPLE_BYTES = 2
MAX_AROUND = 64 << 10
"""Bytes of a file beyond its samples uncompressed: headers and padding."""


def check_sound(flac: bytes, seconds: float, longest: float) -> None:
    """Check a FLAC file: one channel, 16 bits, whole, as long as said, and nothing behind it.

    Raises :exc:`RefusedError`. However long the header says it is, no more than ``longest``
    seconds are decoded.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(flac)) as file:
            if file.format != "FLAC" or file.subtype != "PCM_16" or file.channels != 1:
                raise RefusedError(415, "the sound is no FLAC of 16 bits, one channel", _REMEDY)
            if not RATES[0] <= file.samplerate <= RATES[1]:
                raise RefusedError(415, f"the sound has {file.samplerate} Hz", _REMEDY)
            said, rate = file.frames, file.samplerate
        if said > longest * rate:
            raise RefusedError(413, f"the sound is longer than {longest:g} s", "Keep it")
        if not said or abs(said / rate - seconds) > TOLERANCE:
            raise RefusedError(422, f"seconds: the sound has {said / rate:.2f}", _REMEDY)
        if not flac.startswith(MAGIC) or len(flac) > said * SAMPLE_BYTES + MAX_AROUND:
            raise RefusedError(415, "the file holds more than its sound", _REMEDY)
        _decode(flac, said)
    except soundfile.LibsndfileError as error:
        raise RefusedError(415, f"the sound is no FLAC: {error.error_string}", _REMEDY) from None


def _decode(flac: bytes, said: int) -> None:
    """Decode ``said`` samples and look for another one, which must not be there.

    A decoder stops where the header says. Another program might go on, and hear what nobody has
    checked: so this one is told of one sample more than there should be.
    """
    longer = bytearray(flac)
    longer[LENGTH] = (said + 1 & 0xFFFFFFFF).to_bytes(4, "big")
    longer[LENGTH.start - 1] = flac[LENGTH.start - 1] & 0xF0 | said + 1 >> 32
    with soundfile.SoundFile(io.BytesIO(longer)) as file:
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
