"""One program for each port and each device: locks that end with whoever holds them.

The kernel lets go of a lock when its process is gone, however it went, so none is ever stale; the
process id in the file is for the message only.
"""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path

from stt_service.closing import Closing
from stt_service.errors import SttError

MAX_NAME = 100
"""Characters of a lock's name that count."""


class InUseError(SttError):
    """Another process holds the lock."""


class Lock(Closing):
    """Held from its making until it is closed, or its process ends."""

    def __init__(self, folder: Path, thing: str) -> None:
        """Take the lock of a ``thing``, such as ``port 8765``.

        Raises :exc:`InUseError` naming who holds it, :exc:`SttError` when the folder is unusable.
        """
        name = re.sub(r"[^\w.-]+", "-", thing)[:MAX_NAME]
        path = folder / f"{name}.lock"
        self._descriptor = -1
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Below /tmp others may have put something in our way: links are not followed.
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise SttError(
                f"{path} cannot be opened: {error.strerror}",
                "Set paths.runtime to a folder that you may write to",
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise InUseError(
                f"another stt-service (process {holder}) uses the {thing}",
                "Stop it, or choose another",
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor

    def close(self) -> None:
        # The file stays: who removed it could let two others each lock one of the same name.
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
