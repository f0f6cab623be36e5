"""A program's sound in, a clip of the set out: vocal tract, rate, level; or nothing, if broken."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr

from training.features import SAMPLE_RATE

PEAK = 0.5
"""Loudest sample of a clip, full scale 1.0. Other levels come with augmentation."""
SILENCE = 1e-3
"""A clip that is nowhere louder is broken."""
SECONDS = (0.2, 19.0)
"""Shortest and longest clip."""
LETTERS_PER_SECOND = (2.0, 30.0)
"""Slowest and fastest speech; what lies outside has been cut off, or read as something else."""


def finish(
    audio: npt.NDArray[np.float32], rate: int, tract: float
) -> npt.NDArray[np.float32] | None:
    """Return the sound at 16 kHz with all its frequencies times ``tract``, and as much shorter.

    None for a sound that is silent, or too short or long for any clip. Uses ``soxr``.
    """
    resampled = soxr.resample(audio, rate * tract, SAMPLE_RATE)
    peak = float(np.abs(resampled).max(initial=0.0))
    if peak < SILENCE or not SECONDS[0] <= len(resampled) / SAMPLE_RATE <= SECONDS[1]:
        return None
    result: npt.NDArray[np.float32] = resampled * np.float32(PEAK / peak)
    return result


def plausible(transcript: str, seconds: float) -> bool:
    """Whether a transcript can be said in that time; what is one word long always can."""
    if len(transcript) < 8:
        return True
    slow, fast = LETTERS_PER_SECOND
    # Names of letters take longer to say than letters of words.
    letters = sum(6 if len(word) == 1 else len(word) + 1 for word in transcript.split())
    return slow <= letters / seconds <= fast
