"""The sound of the utterance under way, kept only where a tap permits it, and only until it ends.

Hearing ──begin, feed, end──► Tape      Worker ──deliver──► Tap
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stt_service.engine.api import Samples
from stt_service.events import Transcript, UtteranceFinal
from stt_service.hearing import Listening
from stt_service.listener.api import Recording, Tap


class Tape(Listening):
    """Holds one utterance at most. Owned by the worker's thread."""

    def __init__(self, tap: Tap, rate: int, overflows: Callable[[], int]) -> None:
        """``rate`` in hertz; ``overflows`` returns how often the source has lost audio so far."""
        self._tap = tap
        self._rate = rate
        self._overflows = overflows
        self._permit: str | None = None
        self._before = 0
        self._pieces: list[Samples] = []
        self._ended: tuple[str, Recording] | None = None

    def begin(self) -> None:
        self._forget()
        self._permit = self._tap.permit()
        self._before = self._overflows()

    def feed(self, samples: Samples) -> None:
        if self._permit is not None:
            self._pieces.append(samples)

    def end(self, utterance: str, transcript: Transcript) -> None:
        if self._permit is not None and self._pieces:
            recording = Recording(
                transcript=transcript,
                samples=np.concatenate(self._pieces),
                rate=self._rate,
                overflows=self._overflows() - self._before,
                permit=self._permit,
            )
            self._forget()
            self._ended = (utterance, recording)

    def drop(self) -> None:
        self._forget()

    def deliver(self, event: UtteranceFinal) -> None:
        """Hand the sound on: its utterance has passed the gate."""
        if self._ended is not None and self._ended[0] == event.utterance:
            self._tap.take(self._ended[1])

    def forget_ended(self) -> None:
        """Forget what has ended, which the gate may have kept back."""
        self._ended = None

    def _forget(self) -> None:
        self._permit = None
        self._pieces = []
        self._ended = None
