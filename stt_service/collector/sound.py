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


def check_sound(flac: bytes, seconds: float, longest: float) -> None:
    """Check a FLAC file: one channel, 16 bits, whole, as long as said.

    Raises :exc:`RefusedError`. However long the header says it is, no more than ``longest``
    seconds are decoded.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(flac)) as file:
            if file.format != "FLAC" or file.subtype != "PCM_16" or file.channels != 1:
                raise RefusedError(415, "the sound is no FLAC of 16 bits, one channel", _REMEDY)
            if not RATES[0] <= file.samplerate <= RATES[1]:
                raise RefusedError(415, f"the sound has {file.samplerate} Hz", _REMEDY)
            said = file.frames
            if said > longest * file.samplerate:
                raise RefusedError(413, f"the sound is longer than {longest:g} s", "Keep it")
            found = 0
            while (read := len(file.read(BLOCK, dtype="int16"))) > 0 and found <= said:
                found += read
            rate = file.samplerate
    except soundfile.LibsndfileError as error:
        raise RefusedError(415, f"the sound is no FLAC: {error.error_string}", _REMEDY) from None
    if found != said or abs(found / rate - seconds) > TOLERANCE:
        raise RefusedError(422, f"seconds: the sound has {found / rate:.2f}", _REMEDY)


_REMEDY = "Send what the device has recorded"
