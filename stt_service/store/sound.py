"""The FLAC files of the store: made in memory, whole or not there.

A file counts only with its row. It is written before the row and removed after it, both while its
writer holds the database's write lock or by :func:`sweep`, which holds it too: whatever lies there
without a row is left over from a crash.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import soundfile

from stt_service.engine.api import Samples
from stt_service.errors import StoreError
from stt_service.memory_file import memory_file
from stt_service.store.db import make_folder, sync_folder

FOLDER = "audio"
SUFFIX = ".flac"
TEMPORARY = ".new"
MAX_BYTES = 64 << 20
"""Of a file that is read back: an utterance of 300 s at 48 kHz has half of it uncompressed."""


def encode(samples: Samples, rate: int) -> bytes:
    """Return mono int16 samples as FLAC, 16 bits; the same bytes for the same samples."""
    with memory_file() as memory:
        # By its descriptor, never as an object: see stt_service/memory_file.py.
        with soundfile.SoundFile(
            memory.fileno(), "w", rate, 1, "PCM_16", format="FLAC", closefd=False
        ) as file:
            file.write(samples)
        memory.seek(0)
        return memory.read()


class SoundFolder:
    """The folder of sound files below a store's. Its database's write lock guards it."""

    def __init__(self, store: Path) -> None:
        """Raises :exc:`OSError` when the folder cannot be made."""
        self._folder = store / FOLDER
        make_folder(self._folder)

    def path(self, name: str) -> Path:
        """Return where the sound of an utterance lies."""
        return self._folder / f"{name}{SUFFIX}"

    def write(self, name: str, data: bytes) -> None:
        """Write a file that is whole and on the card when this returns. Raises :exc:`OSError`."""
        temporary = self._folder / f"{name}{TEMPORARY}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self.path(name))
        sync_folder(self._folder)

    def read(self, name: str) -> bytes:
        """Return a file's content. Raises :exc:`StoreError`."""
        try:
            with self.path(name).open("rb") as file:
                return file.read(MAX_BYTES)
        except OSError as error:
            raise StoreError(
                f"{self.path(name)} cannot be read: {error.strerror}", "Delete the utterance"
            ) from error

    def remove(self, names: Iterable[str]) -> None:
        """Remove files; those that are gone already are no matter. Raises :exc:`OSError`."""
        for name in names:
            self.path(name).unlink(missing_ok=True)
        sync_folder(self._folder)

    def discard(self, name: str) -> None:
        """Remove what there is of a file that was not saved, if that can be done now."""
        for path in (self._folder / f"{name}{TEMPORARY}", self.path(name)):
            try:
                path.unlink(missing_ok=True)
            except OSError:
                continue  # the next sweep does it

    def names(self) -> set[str]:
        """Return the names of all whole files. Raises :exc:`OSError`."""
        return {path.stem for path in self._folder.iterdir() if path.suffix == SUFFIX}

    def sweep(self, known: set[str]) -> int:
        """Remove all that is not known, and half files; return how many. Raises :exc:`OSError`."""
        left = [
            path
            for path in self._folder.iterdir()
            if path.suffix == TEMPORARY or (path.suffix == SUFFIX and path.stem not in known)
        ]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    def free(self) -> int:
        """Return the bytes that the file system has left for us. Raises :exc:`OSError`."""
        found = os.statvfs(self._folder)
        return found.f_bavail * found.f_frsize
