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
        self._energy = 0
        self._peak = 0
        self._clipped = 0
        self._speech = False

    def feed(self, samples: NDArray[np.int16], *, speech: bool = False) -> list[Level]:
        """Take mono samples, shape (n,), and whether speech was heard in them."""
        levels: list[Level] = []
        while len(samples):
            part, samples = samples[: self._size - self._count], samples[self._size - self._count :]
            wide = part.astype(np.int64)
            self._count += len(part)
            self._energy += int(wide @ wide)
            self._peak = max(self._peak, int(wide.max()), -int(wide.min()))
            self._clipped += int(np.count_nonzero((part == 32767) | (part == -32768)))
            self._speech |= speech
            if self._count == self._size:
                levels.append(self._level())
                self._begin()
        return levels

    def _level(self) -> Level:
        return Level(
            rms_db=decibels(math.sqrt(self._energy / self._size)),
            peak_db=decibels(self._peak),
            clipped=self._clipped,
            speech=self._speech,
        )


def decibels(amplitude: float) -> float:
    """Return an amplitude in sample units as decibels below full scale, -100 at least."""
    if amplitude <= 0:
        return FLOOR_DB
    return max(FLOOR_DB, 20 * math.log10(amplitude / FULL_SCALE))
