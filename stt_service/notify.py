"""What the program tells systemd: that it is ready, what it does, that its audio flows.

The protocol is that of ``sd_notify(3)``: datagrams of ``KEY=value`` lines to the socket named by
``$NOTIFY_SOCKET``. Where there is no such socket, nothing is sent.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping

from stt_service.closing import Closing

logger = logging.getLogger(__name__)

MAX_STATUS = 500
"""Characters of the line that ``systemctl status`` shows."""
BEATS = 4
"""Signs of life within the time that the watchdog waits: three may be lost."""


class Notifier(Closing):
    """Talks to the service manager. Any thread may call anything; nothing waits or fails."""

    def __init__(
        self, environ: Mapping[str, str], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``environ`` names the socket and the watchdog's time; ``clock`` counts seconds."""
        self._clock = clock
        self._address = environ.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if self._address else None
        if self._socket is not None:
            self._socket.settimeout(0)
        self._every = _interval(environ)
        self._last = -float("inf")

    def ready(self) -> None:
        """The program does what it is for, or says what hinders it."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """Say in one line what is going on."""
        self._send(f"STATUS={' '.join(text.split())[:MAX_STATUS]}")

    def reloading(self) -> None:
        """Settings are read anew; :meth:`ready` says when that is over."""
        micros = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={micros}")

    def stopping(self) -> None:
        """The program ends."""
        self._send("STOPPING=1")

    def beat(self) -> None:
        """Audio flows: feed the watchdog. May be called for every block."""
        if self._every is None:
            return
        now = self._clock()
        if now - self._last >= self._every:
            self._last = now
            self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(message.encode(), self._address)
        except OSError as error:
            # A manager that is being restarted, or whose queue is full, is no reason to stop.
            logger.info("the service manager was not told: %s", error)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _interval(environ: Mapping[str, str]) -> float | None:
    """Return the seconds between signs of life, None where nobody waits for them."""
    try:
        wait = int(environ.get("WATCHDOG_USEC", "0")) / 1e6
        meant = int(environ.get("WATCHDOG_PID", str(os.getpid())))
    except ValueError:
        return None
    return wait / BEATS if wait > 0 and meant == os.getpid() else None
