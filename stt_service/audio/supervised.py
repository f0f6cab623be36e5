"""A source that is opened again whenever it fails, for ever: what comes out never ends.

    open() ──► microphone ──► resampler ──► blocks at one rate, whatever the device's
                   │ fails
                   └──► Outage: what to say, how long to wait ──► open() again

The microphone that comes back may have another rate than the one that went, and there may be none
at the start; so the blocks are mono at a rate of our own.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

from stt_service.audio.api import AudioFormat, AudioSource
from stt_service.audio.outage import Event, Outage, Step
from stt_service.audio.resample import Resampler, Samples
from stt_service.errors import AudioError, DeviceLostError

logger = logging.getLogger(__name__)

GLANCE_SECONDS = 0.5
"""Between two looks at what is plugged in while waiting."""


class SupervisedSource(AudioSource):
    """Keeps a live source running. Owned by the thread that iterates; any thread may close."""

    live = True
    picked = True

    def __init__(
        self,
        name: str,
        open_source: Callable[[], AudioSource],
        rate: int,
        *,
        report: Callable[[Event], None],
        channel: int | None = None,
        silent_after: float = 0.0,
        plugged: Callable[[], object] = lambda: None,
    ) -> None:
        """Nothing is opened yet.

        ``open_source`` raises :exc:`AudioError` while it cannot; ``rate`` in hertz is that of
        the blocks; ``report`` is called by the thread that iterates and must not block;
        ``channel`` picks one, None takes the mean; ``silent_after`` seconds of zeros count as a
        failure, 0 never; ``plugged`` returns something that differs when hardware has changed.
        """
        self.format = AudioFormat(rate, 1, name)
        self._open = open_source
        self._report = report
        self._channel = channel
        self._outage = Outage(name, rate, silent_after=silent_after)
        self._plugged = plugged
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._source: AudioSource | None = None

    def blocks(self) -> Iterator[Samples]:
        while not self._closed.is_set():
            try:
                yield from self._deliver()
            except AudioError as error:
                if self._closed.is_set():
                    return
                logger.debug("%s", error)  # the first one is an event; the others are the same
                self._rest(self._say(self._outage.failed(error)).wait)

    def _deliver(self) -> Iterator[Samples]:
        """Yield what one opening gives. Returns when it is to be opened again."""
        with self._open() as source:
            with self._lock:
                self._source = source
            if self._closed.is_set():
                return  # closed while it was being opened
            resampler = Resampler(source.format, self.format.rate, channel=self._channel)
            logger.info("listening to %s at %d Hz", source.format.name, source.format.rate)
            seen = 0
            try:
                for block in source.blocks():
                    samples = resampler.feed(block)
                    new, seen = source.overflows - seen, source.overflows
                    self.overflows += new
                    step = self._outage.heard(len(samples), zeros=not block.any(), overflows=new)
                    self._say(step)
                    yield samples
                    if step.reopen:
                        return
            finally:
                with self._lock:
                    self._source = None
        raise DeviceLostError(f"{source.format.name} has ended")

    def _say(self, step: Step) -> Step:
        for event in step.events:
            self._report(event)
        return step

    def _rest(self, seconds: float) -> None:
        """Wait, but not when something is plugged in or out meanwhile."""
        before = self._plugged()
        while seconds > 0 and not self._closed.wait(min(GLANCE_SECONDS, seconds)):
            seconds -= GLANCE_SECONDS
            if self._plugged() != before:
                self._outage.plugged()
                return

    def close(self) -> None:
        self._closed.set()
        with self._lock:
            if self._source is not None:
                self._source.close()
