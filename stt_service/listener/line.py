"""A client's audio on its way to the recogniser: fed by its thread, recognised by the worker's.

client ──feed──► Backlog, in slices ──serve──► cutter ──► Hearing ──► hear(event)
                                                                  └──► done(error)
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from stt_service.audio.backlog import Backlog
from stt_service.engine.api import Samples
from stt_service.errors import SttError
from stt_service.events import Heard
from stt_service.hearing import Cutter, Hearing
from stt_service.listener.api import BusyError, Caller

logger = logging.getLogger(__name__)

SLICE_SECONDS = 0.1
"""Audio recognised at once: what the microphone waits for at most, a few milliseconds of work."""

Hear = Callable[[Heard], None]
Done = Callable[[SttError | None], None]


class Line(Caller):
    """One client. ``feed``, ``finish`` and ``close`` are for any thread, the rest for the worker's.

    The worker makes its hearing when it first serves it, for only that thread may use the engine.
    """

    def __init__(
        self,
        rate: int,
        *,
        limit: float,
        changed: threading.Condition,
        cutter: Cutter,
        open_hearing: Callable[[], Hearing],
        hear: Hear,
        done: Done,
    ) -> None:
        """``rate`` in hertz; ``limit`` seconds of audio may wait; ``changed`` wakes the worker."""
        self.rate = rate
        self._limit = limit
        self._slice = int(SLICE_SECONDS * rate)
        self._changed = changed
        self._backlog = Backlog(rate, seconds=limit, changed=changed)
        self._cutter = cutter
        self._open_hearing = open_hearing
        self._hear = hear
        self._done = done
        self._hearing: Hearing | None = None
        self._closed = False
        self.over = False
        """Nothing is to be done for it any more."""

    def feed(self, samples: Samples) -> None:
        with self._changed:
            if self._closed or self.over:
                return
            if self._backlog.waiting + len(samples) / self.rate > self._limit:
                raise BusyError(
                    f"more than {self._limit:g} seconds of audio are waiting",
                    "Send it no faster than it is recognised",
                )
            for at in range(0, len(samples), self._slice):
                self._backlog.put(samples[at : at + self._slice])

    def waiting(self) -> float:
        return self._backlog.waiting

    def finish(self) -> None:
        self._backlog.end()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def ready(self) -> bool:
        """There is something to do for it."""
        return not self.over and (self._closed or self._backlog.waiting > 0 or self._backlog.ended)

    @property
    def hearing(self) -> Hearing | None:
        """What recognises it, once it has been served."""
        return self._hearing

    def serve(self) -> float:
        """Recognise one slice, or end; return the seconds of audio taken."""
        if self._closed:
            self._end()
            return 0.0
        try:
            if self._hearing is None:
                self._hearing = self._open_hearing()
            samples = self._backlog.get(0)
            events = self._cutter.finish() if samples is None else self._cutter.feed(samples)
            for heard in self._hearing.take(events):
                self._hear(heard)
        except SttError as error:
            self.fail(error)
            return 0.0
        except RuntimeError as error:
            # The client's event loop has been closed: there is nobody to tell.
            logger.info("a client has gone without closing: %s", error)
            self._end()
            return 0.0
        if samples is None:
            self._end()
            self._tell(None)
            return 0.0
        return len(samples) / self.rate

    def fail(self, error: SttError) -> None:
        """End it for a reason that the client is told."""
        if not self.over:
            self._end()
            self._tell(error)

    def _tell(self, error: SttError | None) -> None:
        try:
            self._done(error)
        except RuntimeError as gone:
            logger.info("a client has gone without closing: %s", gone)

    def _end(self) -> None:
        self.over = True
        self._backlog.clear()
        if self._hearing is not None:
            self._hearing.close()
