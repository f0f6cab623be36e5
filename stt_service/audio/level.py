"""How loud it is: samples in, a figure for every quarter of a second of audio out.

The clock is the sample count, so that a recording has the same figures at any speed.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from stt_service.events import Level

EVERY_SECONDS = 0.25
"""Of audio for each figure: a meter that moves, and no flood of messages."""
FLOOR_DB = -100.0
"""Below the least that 16 bits can hold, -90.3."""
FULL_SCALE = 32768.0


class LevelMeter:
    """Measures one source; owned by one thread."""

    def __init__(self, rate: int, *, every: float = EVERY_SECONDS) -> None:
        """``rate`` in hertz, ``every`` in seconds."""
        self._size = max(1, round(rate * every))
        self._begin()

    def _begin(self) -> None:
        self._count = 0
        self._parts: list[NDArray[np.int16]] = []  # measured at once: blocks are short
        self._speech = False

    def feed(self, samples: NDArray[np.int16], *, speech: bool = False) -> list[Level]:
        """Take mono samples, shape (n,), and whether speech was heard in them."""
        levels: list[Level] = []
        while len(samples):
            part, samples = samples[: self._size - self._count], samples[self._size - self._count :]
            self._count += len(part)
            self._parts.append(part)
            self._speech |= speech
            if self._count == self._size:
                levels.append(self._level())
                self._begin()
        return levels

    def _level(self) -> Level:
        whole = np.concatenate(self._parts)
        wide = whole.astype(np.float64)  # sums of squares are exact up to 2**53
        low, high = int(whole.min()), int(whole.max())
        clipped = 0
        if low == -32768 or high == 32767:
            clipped = int(np.count_nonzero((whole == 32767) | (whole == -32768)))
        return Level(
            rms_db=decibels(math.sqrt(float(wide @ wide) / self._size)),
            peak_db=decibels(max(high, -low)),
            clipped=clipped,
            speech=self._speech,
        )


def decibels(amplitude: float) -> float:
    """Return an amplitude in sample units as decibels below full scale, -100 at least."""
    if amplitude <= 0:
        return FLOOR_DB
    return max(FLOOR_DB, 20 * math.log10(amplitude / FULL_SCALE))
