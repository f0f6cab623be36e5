"""Keeps the greetings of C++ libraries off the user's terminal."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)

NATIVE_BEGINNINGS = (
    b"INFO:",
    b"WARNING:",
    b"ERROR:",
    b"TensorFlow:",
    b"DeepSpeech:",
    b"Coqui STT:",
    "\N{BOX DRAWINGS LIGHT UP AND RIGHT}".encode(),
)
"""How lines begin that LiteRT and the original libraries print; the last goes on with an error."""

_STANDARD_ERROR = threading.Lock()
"""Held while file descriptor 2 leads elsewhere: two detours at once would lose the way back."""


@contextmanager
def native_messages() -> Iterator[None]:
    """Send what C++ code prints on standard error to the log; other lines go on to where they were.

    Such code greets the user with "INFO: Created TensorFlow Lite XNNPACK delegate for CPU."
    """
    with _STANDARD_ERROR, tempfile.TemporaryFile() as words:
        try:
            before = os.dup(2)
        except OSError:  # closed, as in some daemons
            yield
            return
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(words.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(before, 2)
            os.close(before)
            words.seek(0)
            for line in words:
                if line.strip().startswith(NATIVE_BEGINNINGS):
                    logger.debug("%s", line.decode("utf-8", "replace").strip())
                else:
                    os.write(2, line)
