"""What does not work now, told once when it begins and once when it is over."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from stt_service.errors import SttError
from stt_service.events import Fault, LiveEvent, Recovered

logger = logging.getLogger(__name__)

SOURCE_CODES = frozenset({"microphone-lost", "microphone-busy", "microphone-silent", "source"})
"""Faults because of which no audio comes."""


class Faults:
    """The faults of one daemon. Any thread may report, any may look."""

    def __init__(self, publish: Callable[[LiveEvent], None]) -> None:
        self._publish = publish
        self._lock = threading.Lock()
        self._faults: dict[str, Fault] = {}

    def report(self, event: Fault | Recovered) -> None:
        """Note an event and pass it on; a fault that is known and unchanged is not told again."""
        with self._lock:
            if isinstance(event, Fault):
                if self._faults.get(event.code) == event:
                    return
                self._faults[event.code] = event
            else:
                self._faults.pop(event.code, None)
            # Within the lock, so that a fault and its recovery are told in order.
            self._publish(event)
        if isinstance(event, Fault):
            logger.warning("%s", f"{event.message}. {event.remedy}".removesuffix(". "))
        else:
            logger.info("%s", event.message)

    def begin(self, code: str, error: SttError) -> None:
        """Report a fault from its exception."""
        self.report(Fault(code, error.message, error.remedy))

    def over(self, code: str, message: str) -> None:
        """Report a recovery, where there was a fault."""
        with self._lock:
            known = code in self._faults
        if known:
            self.report(Recovered(code, message))

    def now(self) -> tuple[Fault, ...]:
        """Return those that have not recovered, oldest first."""
        with self._lock:
            return tuple(self._faults.values())

    @property
    def source_is_down(self) -> bool:
        """No audio comes, and somebody knows why."""
        return not SOURCE_CODES.isdisjoint(self._faults)
