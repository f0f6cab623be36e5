"""The chatter of sound libraries, kept off standard error while one of their functions runs.

ALSA, JACK and PortAudio write some eighty lines straight to file descriptor 2 whenever the devices
are listed, most of them about hardware that nobody has; on a Raspberry Pi they wear out the card.
There is no one switch for all three, so the descriptor leads into memory meanwhile. What other
threads write in that time - our own log above all - is not swallowed: every line that is not
known chatter is written to standard error afterwards, as it was.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)

STDERR = 2
MAX_BYTES = 1 << 20
"""Read back at most; one listing writes eight kilobytes."""
CHATTER = (
    b"ALSA lib ",
    b"Cannot connect to server",
    b"jack server is not running",
    b"JackShmReadWritePtr",
    b"Jack",
    b"connect(2) call to ",
    b"attempt to connect to server failed",
    b"Expression '",
    b"Expression `",
    b"PaAlsa",
    b"bt_audio_service_open",
)
"""How the lines begin that are no news."""

_only_one = threading.Lock()  # there is one standard error, and a library that is not reentrant


@contextmanager
def hushed(chatter: tuple[bytes, ...] = CHATTER) -> Iterator[list[str]]:
    """Run the body with the chatter, known by how its lines begin, kept off standard error.

    Yields a list that holds the chatter afterwards: there may be a reason in it.
    """
    said: list[str] = []
    with _only_one:
        sys.stderr.flush()
        try:
            kept = os.dup(STDERR)
        except OSError:
            yield said  # standard error is closed: nothing to keep clean
            return
        memory = os.memfd_create("chatter")
        os.dup2(memory, STDERR)
        try:
            yield said
        finally:
            sys.stderr.flush()
            os.dup2(kept, STDERR)
            os.close(kept)
            written = os.pread(memory, MAX_BYTES, 0)
            os.close(memory)
            _sort(written, said, chatter)


def _sort(written: bytes, said: list[str], chatter: tuple[bytes, ...]) -> None:
    ours = []
    for line in written.splitlines(keepends=True):
        if line.startswith(chatter):
            said.append(line.decode("utf-8", "replace").strip())
            logger.debug("%s", said[-1])
        elif line.strip():
            ours.append(line)
    if ours:
        os.write(STDERR, b"".join(ours))
