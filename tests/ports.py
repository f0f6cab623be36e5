"""Ports for servers that come and go while others knock at them."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

PORTS = (20_000, 30_000)
"""Below those that the system hands out. A watcher that knocks at one of those which is closed may
be connected to itself, and any stranger may be given it: then the server finds it in use."""


def free_port() -> int:
    """Return one that nobody is given by chance while the server is away."""
    while True:
        port = random.SystemRandom().randrange(*PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
