"""All clients whose audio is recognised, each in its turn."""

from __future__ import annotations

import threading
from collections import deque

from stt_service.engine.api import Engine
from stt_service.errors import SttError
from stt_service.listener.api import BusyError
from stt_service.listener.line import Line


class Lines:
    """A round of clients. Any thread may add; the worker's takes turns and ends them."""

    def __init__(self, limit: int, changed: threading.Condition) -> None:
        """``limit`` clients at once; ``changed`` wakes the worker."""
        self._limit = limit
        self._changed = changed
        self._lines: deque[Line] = deque()
        self.total = 0
        """Clients so far."""
        self.refused = 0
        """Those turned away."""

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, line: Line) -> None:
        """Serve a client. Raises :exc:`BusyError` when there are too many."""
        with self._changed:
            if len(self._lines) >= self._limit:
                self.refused += 1
                raise BusyError(
                    f"{self._limit} clients are being recognised already", "Try again later"
                )
            self._lines.append(line)
            self.total += 1
            self._changed.notify_all()

    @property
    def ready(self) -> bool:
        """There is something to do for one of them. To be asked with the lock held."""
        return any(line.ready for line in self._lines)

    def turn(self) -> Line | None:
        """Return the next one with something to do; the others come first next time."""
        with self._changed:
            for _ in range(len(self._lines)):
                line = self._lines.popleft()
                self._lines.append(line)
                if line.ready:
                    return line
        return None

    def remove(self, line: Line) -> None:
        """Forget one that is over."""
        with self._changed:
            self._lines.remove(line)

    def fail(self, error: SttError) -> None:
        """End all of them for a reason that they are told."""
        with self._changed:
            lines = list(self._lines)
            self._lines.clear()
        for line in lines:
            line.fail(error)

    def engines(self) -> list[Engine]:
        """Return the engines in use."""
        with self._changed:
            return [line.hearing.engine for line in self._lines if line.hearing is not None]
