"""The engine that recognises now, the one to come, and those that clients still use."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

from stt_service.engine.api import Engine
from stt_service.errors import ModelError

logger = logging.getLogger(__name__)

FIRST_RETRY = 1.0
"""Seconds until a model is tried again; doubled each time."""
LAST_RETRY = 30.0
"""Seconds at most: who installs the model should not have to restart anything."""


class Engines:
    """Opens, replaces and closes engines. Owned by the worker's thread."""

    def __init__(self, rate: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """``rate`` in hertz is that of the audio; ``clock``, in seconds, times attempts."""
        self.current: Engine | None = None
        """Any thread may look at its model."""
        self.opened = 0
        """Times that one was opened."""
        self._rate = rate
        self._clock = clock
        self._retired: list[Engine] = []
        self._wait = FIRST_RETRY
        self._due = clock()

    def wait(self) -> float:
        """Return the seconds until the next attempt."""
        return max(0.0, self._due - self._clock())

    def put_off(self) -> None:
        """Do not try again before a while has passed, a longer one each time."""
        self._due = self._clock() + self._wait
        self._wait = min(2 * self._wait, LAST_RETRY)

    def worked(self) -> None:
        """It has recognised something: the next failure is a new one."""
        self._wait = FIRST_RETRY

    def open(self, make: Callable[[], Engine]) -> Engine:
        """Replace the current engine. Raises :exc:`SttError`; the current one then stays."""
        engine = make()
        if (rate := engine.model.sample_rate) != self._rate:
            engine.close()
            raise ModelError(
                f"the model {engine.model.id} wants {rate} samples per second, and {self._rate} "
                "are listened to",
                "Restart the daemon",
            )
        self.retire()
        self.current = engine
        self.opened += 1
        logger.info("opened the model %s", engine.model.id)
        return engine

    def retire(self) -> None:
        """Let the current engine be; it is closed when nobody uses it any more."""
        if self.current is not None:
            self._retired.append(self.current)
            self.current = None

    def close_unused(self, used: Iterable[Engine]) -> None:
        """Close what is retired and not in use."""
        if not self._retired:
            return
        keep = {id(engine) for engine in used}
        for engine in self._retired:
            if id(engine) not in keep:
                engine.close()
        self._retired = [engine for engine in self._retired if id(engine) in keep]

    def close(self) -> None:
        """Close all."""
        self.retire()
        self.close_unused(())
