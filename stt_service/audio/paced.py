"""A recording that plays the microphone: its blocks come when their last sample would."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from stt_service.audio.api import AudioSource, Block

BLOCK_SECONDS = 0.03
"""Of audio in each block, as a microphone delivers it."""


class PacedSource(AudioSource):
    """Another source at real speed. Owned by the thread that iterates; any thread may close.

    Blocks are timed by their sample count from the first one, so that nothing adds up. Who reads
    too slowly gets the rest late but whole: a recording is not lost.
    """

    def __init__(
        self,
        source: AudioSource,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """``clock`` and ``wait``, in seconds, stand for the time of day in tests."""
        self._source = source
        self.format = source.format
        self.duration = source.duration
        self._clock = clock
        self._closed = threading.Event()
        self._wait = wait or self._closed.wait
        self._reading = threading.Lock()

    def blocks(self) -> Iterator[Block]:
        rate = self.format.rate
        size = max(1, round(rate * BLOCK_SECONDS))
        begin = self._clock()
        given = 0
        inner = self._source.blocks()
        while (large := self._next(inner)) is not None:
            for at in range(0, len(large), size):
                block = large[at : at + size]
                given += len(block)
                ahead = begin + given / rate - self._clock()
                if ahead > 0:
                    self._wait(ahead)
                if self._closed.is_set():
                    return
                yield block

    def _next(self, inner: Iterator[Block]) -> Block | None:
        with self._reading:
            return None if self._closed.is_set() else next(inner, None)

    def close(self) -> None:
        self._closed.set()
        with self._reading:
            self._source.close()
