"""A file descriptor to read from, with a time-out, until another thread says stop.

Python's own buffered files can do neither, and a thread that is stuck in one at the end of the
program brings the interpreter down.
"""

from __future__ import annotations

import os
import select
import threading

from stt_service.closing import Closing
from stt_service.errors import DeviceLostError


class DescriptorReader(Closing):
    """Reads one descriptor and owns it. One thread reads; any thread may close."""

    def __init__(self, descriptor: int, *, name: str, timeout: float | None = None) -> None:
        """``timeout`` in seconds between two reads that give something; None waits for ever."""
        self._descriptor = descriptor
        self._name = name
        self._timeout = timeout
        self._stop = os.eventfd(0)
        self._reading = threading.Lock()
        self._closed = False

    def read(self, size: int) -> bytes:
        """Return 1 to ``size`` bytes as soon as there are any; none at the end or once closed.

        Raises :exc:`DeviceLostError` when nothing came in time, or when reading fails.
        """
        with self._reading:
            if self._closed:
                return b""
            poll = select.poll()
            poll.register(self._descriptor, select.POLLIN)
            poll.register(self._stop, select.POLLIN)
            ready = poll.poll(None if self._timeout is None else self._timeout * 1000)
            if not ready:
                raise DeviceLostError(
                    f"{self._name} has delivered nothing for {self._timeout:g} seconds"
                )
            if any(descriptor == self._stop for descriptor, _ in ready):
                return b""
            try:
                return os.read(self._descriptor, size)
            except OSError as error:
                raise DeviceLostError(f"{self._name} cannot be read: {error.strerror}") from error

    def close(self) -> None:
        """Wake the reader, then free the descriptor. Harmless when already closed."""
        if self._closed:
            return
        self._closed = True
        os.eventfd_write(self._stop, 1)
        with self._reading:
            os.close(self._descriptor)
            os.close(self._stop)
