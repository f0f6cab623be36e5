"""Audio on its way from the thread that captures to the thread that recognises.

    capture thread ──put──► Backlog ──get──► worker thread

A microphone cannot wait, and a worker that has fallen behind must catch up with what is said now,
not with what was said a minute ago: when the backlog is full, its oldest samples are dropped and
counted.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.int16]
"""Shape (n,), or (n, channels) on the way out of a sound card."""

DEFAULT_SECONDS = 10.0
"""Of audio that may wait. A worker that is this far behind does not recover by waiting more; it
rides out a Raspberry Pi that swaps or writes its card for some seconds. 320 KB at 16 kHz."""


class Backlog:
    """Samples that wait. One thread puts, one gets; any thread may read the figures."""

    def __init__(
        self,
        rate: int,
        *,
        seconds: float = DEFAULT_SECONDS,
        changed: threading.Condition | None = None,
    ) -> None:
        """``rate`` of the samples in hertz, ``seconds`` of them that may wait.

        ``changed`` is notified of audio and of its end: a thread that waits for other things too
        hands in its own condition and looks with ``get(0)``.
        """
        self._rate = rate
        self._room = max(1, round(seconds * rate))
        self._changed = changed or threading.Condition()
        self._blocks: deque[Samples] = deque()
        self._held = 0
        self._dropped = 0
        self._clock = 0
        self._ended = False

    def put(self, samples: Samples) -> None:
        """Add samples, which the caller must not change later. Never waits.

        Raises :exc:`ValueError` after :meth:`end`.
        """
        if not len(samples):
            return
        with self._changed:
            if self._ended:
                raise ValueError("a backlog that has ended takes no more audio")
            self._blocks.append(samples)
            self._held += len(samples)
            while self._held > self._room:
                self._drop(self._held - self._room)
            self._changed.notify_all()

    def put_in_turn(self, samples: Samples) -> None:
        """Add samples as soon as there is room, without dropping any: for a source that can wait.

        Returns without them once the backlog has ended.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._ended or not self._held or self._held + len(samples) <= self._room
            )
            if not self._ended:
                self._blocks.append(samples)
                self._held += len(samples)
                self._changed.notify_all()

    def _drop(self, count: int) -> None:
        oldest = self._blocks.popleft()
        if len(oldest) > count:
            self._blocks.appendleft(oldest[count:])
        gone = min(count, len(oldest))
        self._held -= gone
        self._dropped += gone
        self._clock += gone

    def get(self, timeout: float | None = None) -> Samples | None:
        """Return the oldest block, waiting up to ``timeout`` seconds for it (None: for ever).

        None where there was nothing in time, or where there will be nothing: see :attr:`ended`.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._blocks or self._ended, timeout)
            if not self._blocks:
                return None
            samples = self._blocks.popleft()
            self._held -= len(samples)
            self._clock += len(samples)
            self._changed.notify_all()  # a source that waits for its turn
            return samples

    def end(self) -> None:
        """Say that nothing more will be put. What waits can still be got. Harmless twice."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget what waits, without counting it as dropped: while muted nobody wants it."""
        with self._changed:
            self._clock += self._held
            self._blocks.clear()
            self._held = 0
            self._changed.notify_all()

    @property
    def ended(self) -> bool:
        """Whether the audio has ended and all of it has been got."""
        with self._changed:
            return self._ended and not self._blocks

    @property
    def dropped(self) -> int:
        """Samples dropped since the beginning."""
        return self._dropped

    @property
    def waiting(self) -> float:
        """Seconds of audio that wait."""
        return self._held / self._rate

    @property
    def clock(self) -> int:
        """Samples got, dropped and cleared: the source's time at which the last block got ends.

        To be read by the thread that gets. A step larger than the block is a gap before it.
        """
        return self._clock
