"""Where the collector's sound lies: a folder, or a bucket that fsspec knows.

An object's name is the utterance's id and its hash: nobody can overwrite another's. It is written
before its row and deleted after it; what has no row is left over from a crash, and swept.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]

from stt_service.atomic import write_atomically
from stt_service.errors import CollectorError

SUFFIX = ".flac"


def object_name(utterance: str, audio_sha256: str) -> str:
    """Return an object's name; the first digits make folders of a bearable size."""
    return f"{utterance[:2]}/{utterance}-{audio_sha256[:16]}{SUFFIX}"


class Objects(ABC):
    """Sound by name. Any thread and any process may use it."""

    @abstractmethod
    def put(self, name: str, data: bytes) -> None:
        """Store an object that is whole and lasts when this returns. Raises CollectorError."""

    @abstractmethod
    def get(self, name: str) -> bytes | None:
        """Return an object, None where there is none. Raises :exc:`CollectorError`."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Delete an object; one that is not there is deleted. Raises :exc:`CollectorError`."""

    @abstractmethod
    def delete_all(self, utterance: str) -> None:
        """Delete all objects of an utterance, also what a crash has left of it.

        Raises :exc:`CollectorError`.
        """

    @abstractmethod
    def names(self) -> Iterator[tuple[str, float]]:
        """Yield all names, of half-written ones too, and when each was written.

        In seconds since 1970. Raises :exc:`CollectorError`.
        """


class Folder(Objects):
    """Objects as files."""

    def __init__(self, folder: Path) -> None:
        """The folder is made where it is missing. Raises :exc:`CollectorError`."""
        self._folder = folder
        with _told(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, name: str, data: bytes) -> None:
        path = self._folder / name
        with _told(path):
            if not path.parent.is_dir():
                path.parent.mkdir(mode=0o700, exist_ok=True)
                _sync(self._folder)
            write_atomically(path, data)
            _sync(path.parent)

    def get(self, name: str) -> bytes | None:
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _failed(self._folder / name, error) from error

    def delete(self, name: str) -> None:
        path = self._folder / name
        with _told(path):
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                _sync(path.parent)

    def delete_all(self, utterance: str) -> None:
        folder = self._folder / utterance[:2]
        with _told(folder):
            for pattern in (f"{utterance}-*", f".{utterance}-*"):  # whole ones, half-written ones
                for path in folder.glob(pattern):
                    path.unlink(missing_ok=True)
            if folder.is_dir():
                _sync(folder)

    def names(self) -> Iterator[tuple[str, float]]:
        with _told(self._folder):
            for folder in sorted(self._folder.glob("*/")):
                for path in folder.iterdir():
                    try:
                        yield f"{folder.name}/{path.name}", path.stat().st_mtime
                    except FileNotFoundError:
                        continue  # deleted meanwhile


class Bucket(Objects):
    """Objects of any file system of fsspec, such as S3."""

    def __init__(self, url: str) -> None:
        """Raises :exc:`CollectorError` for a URL that fsspec cannot open."""
        try:
            self._system, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError, OSError) as error:
            raise CollectorError(f"{url!r} cannot be opened: {error}", _REMEDY) from error

    def put(self, name: str, data: bytes) -> None:
        with _told(name):
            self._system.pipe_file(self._path(name), data)

    def get(self, name: str) -> bytes | None:
        try:
            return bytes(self._system.cat_file(self._path(name)))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _failed(name, error) from error

    def delete(self, name: str) -> None:
        with _told(name):
            try:
                self._system.rm_file(self._path(name))
            except FileNotFoundError:
                return
            finally:
                self._system.invalidate_cache()

    def delete_all(self, utterance: str) -> None:
        with _told(utterance):
            self._system.invalidate_cache()
            for path in self._system.glob(self._path(f"{utterance[:2]}/{utterance}-*")):
                self._system.rm_file(path)
            self._system.invalidate_cache()

    def names(self) -> Iterator[tuple[str, float]]:
        with _told(self._root):
            found: dict[str, dict[str, Any]] = self._system.find(self._root, detail=True)
            for path, facts in found.items():
                written = facts.get("LastModified") or facts.get("created") or facts.get("mtime")
                moment = written.timestamp() if isinstance(written, datetime) else written
                yield path[len(self._root) :].strip("/"), float(moment or 0.0)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"


_REMEDY = "Use file:///absolute/folder or s3://bucket/folder (pip install s3fs)"


def open_objects(url: str) -> Objects:
    """Return the objects at a URL or in a folder. Raises :exc:`CollectorError`."""
    if url.startswith("file://"):
        url = url.removeprefix("file://")
    return Bucket(url) if "://" in url else Folder(Path(url))


class _told:  # noqa: N801 -- reads as a statement
    """Turns what the system says into the collector's own error."""

    def __init__(self, place: object) -> None:
        self._place = place

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError):
            raise _failed(self._place, error) from error


def _failed(place: object, error: OSError) -> CollectorError:
    return CollectorError(
        f"{place} failed: {error.strerror or error}", "Look at the disk or the bucket"
    )


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
