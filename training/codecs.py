"""Speech through telephones and the net: what lossy codecs leave of it, with libsndfile alone."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from training.features import SAMPLE_RATE

SHARE = 0.08
"""Share of training clips that go through a codec when they are prepared: it takes too long to do
that while the network waits."""


@dataclass(frozen=True)
class Codec:
    """A way to lose information."""

    container: str
    """libsndfile's name of the file format."""
    coding: str
    """libsndfile's name of the coding in it."""
    rate: int
    """Sampling rate in Hz."""
    strength: float | None = None
    """libsndfile's compression level, 0 to 1, where the coding has one."""


CODECS = (
    Codec("WAV", "GSM610", 8000),
    Codec("WAV", "ULAW", 8000),
    Codec("WAV", "ULAW", 8000),
    Codec("OGG", "OPUS", 16000, 0.95),
    Codec("OGG", "OPUS", 16000, 1.0),
    Codec("MP3", "MPEG_LAYER_III", 16000, 0.99),
    Codec("OGG", "VORBIS", 16000, 1.0),
)
"""Mobile and fixed telephones; 15 and 9 kbit/s of Opus, 20 of MP3, 26 of Vorbis."""


def codec_for(name: str) -> Codec | None:
    """Return the codec that a clip goes through, or None for most: it hangs on its name alone."""
    rank = int(hashlib.sha256(f"codec {name}".encode()).hexdigest()[:12], 16)
    chosen, place = rank % len(CODECS), rank // len(CODECS)
    return CODECS[chosen] if place % 10_000 < SHARE * 10_000 else None


def through(audio: npt.NDArray[np.int16], codec: Codec) -> npt.NDArray[np.int16]:
    """Return what is left of ``audio`` (16 kHz) after coding and decoding; as long as before."""
    samples = audio.astype(np.float32) / 32768
    if codec.rate != SAMPLE_RATE:
        samples = soxr.resample(samples, SAMPLE_RATE, codec.rate)
    options: dict[str, Any] = (
        {} if codec.strength is None else {"compression_level": codec.strength}
    )
    file = io.BytesIO()
    soundfile.write(
        file, samples, codec.rate, format=codec.container, subtype=codec.coding, **options
    )
    file.seek(0)
    decoded, rate = soundfile.read(file, dtype="float32")
    if rate != SAMPLE_RATE:
        decoded = soxr.resample(decoded, rate, SAMPLE_RATE)
    decoded = np.pad(decoded, (0, max(0, len(audio) - len(decoded))))[: len(audio)]
    result: npt.NDArray[np.int16] = np.clip(np.round(decoded * 32768), -32768, 32767).astype(
        np.int16
    )
    return result
