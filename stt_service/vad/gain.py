"""A quiet microphone, raised for its detector: the level a detector was made for, at any level.

    frame ──► its level ──► floor of the room, top of the voice ──► gain ──► detector ──► verdict

Detectors have thresholds of their own for what is too soft to be a voice. Before them a quiet
microphone loses words, most of all short ones. The room tells how much is missing: its noise is
brought up to :data:`ROOM_DB`, and the voices come with it, but none is raised beyond
:data:`VOICE_DB`, which is loud enough. Only the detector hears it so; what is recognised and kept
is what the microphone gave.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from stt_service.vad.api import Vad

ROOM_DB = -55.0
"""Up to where a room's noise is brought, in decibels below full scale."""
VOICE_DB = -30.0
"""Up to where a frame of a voice is brought: louder ones would only make their echo speech."""
FIRST_DB = -45.0
"""How loud a voice is taken to be that has not been heard yet: the first word of a recording is
raised by 15 decibels at most."""
RISE_DB = 6.0
"""By which the floor may rise in a second: pauses within a sentence bring it down again."""
FALL_DB = 2.0
"""By which the top may fall in a second: where a usual voice has been heard, the next seconds are
judged as without a gain, and a recording is cut alike whatever came before it."""
SILENT_DB = -90.0
"""Up to this a frame holds zeros or the last bit's play, which tell nothing of a room."""
FULL_SCALE = 32768.0


class GainVad(Vad):
    """Another detector behind a gain that follows what comes; owned by one thread."""

    def __init__(self, detector: Vad, max_gain: float) -> None:
        """``max_gain`` in decibels."""
        self._detector = detector
        self._max_gain = max_gain
        self.rate = detector.rate
        self.frame = detector.frame
        self._seconds = detector.frame / detector.rate
        self._floor: float | None = None
        self._top = FIRST_DB

    def is_speech(self, frame: NDArray[np.int16]) -> bool:
        wide = frame.astype(np.float64)
        self._follow(float(wide @ wide) / self.frame)
        if self._floor is not None:
            gain = min(ROOM_DB - self._floor, VOICE_DB - self._top, self._max_gain)
            if gain > 0:
                wide *= 10 ** (gain / 20)
                frame = np.clip(np.rint(wide), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
        return self._detector.is_speech(frame)

    def _follow(self, power: float) -> None:
        """Take a frame's mean square."""
        level = 10 * math.log10(power / FULL_SCALE**2) if power else -math.inf
        self._top = max(level, self._top - FALL_DB * self._seconds)
        if level > SILENT_DB:
            floor = math.inf if self._floor is None else self._floor + RISE_DB * self._seconds
            self._floor = min(level, floor)

    def reset(self) -> None:
        self._detector.reset()
        self._floor, self._top = None, FIRST_DB
