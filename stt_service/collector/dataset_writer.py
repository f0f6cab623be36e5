"""Files of an export: written once, hashed while they are written, listed in SHA256SUMS.

    sound, tables ──► Staging (folder.part-PID) ──► sums, dataset.json ──► finish: a rename

A folder of that name is whole, or it is not there.
"""

from __future__ import annotations

import csv
import glob
import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from stt_service.closing import Closing
from stt_service.collector import dataset_manifest as manifests
from stt_service.errors import DatasetError


class Table(Closing):
    """A table of an export: a header, then lines. Owned by its staging's thread."""

    def __init__(self, path: Path, columns: Iterable[str], delimiter: str = ",") -> None:
        """Begin the table. Raises :exc:`OSError`."""
        self._file: TextIO = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, delimiter=delimiter, lineterminator="\n")
        self._writer.writerow(columns)

    def add(self, *values: object) -> None:
        """Write one line. Raises :exc:`OSError`."""
        self._writer.writerow(values)

    def close(self) -> None:
        self._file.close()


class Staging(Closing):
    """A folder that is being made; ``close`` without ``finish`` removes it. For one thread."""

    def __init__(self, target: Path) -> None:
        """Make an empty folder beside the target. Raises :exc:`DatasetError`."""
        if target.exists():
            raise DatasetError(f"{target} exists", "Name a new folder, or `dataset refresh` it")
        self._target = target
        self.folder = target.with_name(f"{target.name}.part-{os.getpid()}")
        self._tables: dict[str, Table] = {}
        self._folders: set[Path] = set()
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _remove_left_over(target)
            self.folder.mkdir()
            self._sums = (self.folder / manifests.SUMS).open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def table(self, path: str, columns: Iterable[str], delimiter: str = ",") -> Table:
        """Return a table of the export, begun at first use. Raises :exc:`OSError`."""
        if path not in self._tables:
            self._tables[path] = Table(self._place(path), columns, delimiter)
        return self._tables[path]

    def add(self, path: str, content: bytes) -> None:
        """Write a whole file. Raises :exc:`OSError`."""
        self._place(path).write_bytes(content)
        self.note(path, hashlib.sha256(content).hexdigest())

    def copy(self, path: str, content: bytes, sha256: str) -> None:
        """Write a whole file whose hash is known. Raises :exc:`OSError`."""
        self._place(path).write_bytes(content)
        self.note(path, sha256)

    def note(self, path: str, sha256: str) -> None:
        """List a file. Raises :exc:`OSError`."""
        self._sums.write(f"{sha256}  {path}\n")

    def finish_tables(self) -> None:
        """End all tables and list them. Raises :exc:`OSError`."""
        for path, table in self._tables.items():
            table.close()
            self.note(path, manifests.digest_of(self.folder / path))
        self._tables.clear()

    def finish_sums(self) -> str:
        """End SHA256SUMS and return its own hash. Raises :exc:`OSError`."""
        self._sums.close()
        return manifests.digest_of(self.folder / manifests.SUMS)

    def describe(self, manifest: manifests.Manifest) -> None:
        """Write dataset.json. Raises :exc:`OSError`."""
        text = manifest.model_dump_json(indent=2) + "\n"
        (self.folder / manifests.FILE).write_text(text, encoding="utf-8")

    def finish(self) -> None:
        """Give the folder its name. Raises :exc:`OSError`."""
        self.folder.rename(self._target)

    def close(self) -> None:
        for table in self._tables.values():
            table.close()
        self._sums.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _place(self, path: str) -> Path:
        place = self.folder / path
        if place.parent not in self._folders:
            place.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(place.parent)
        return place


def _remove_left_over(target: Path) -> None:
    """Remove what exports to this place have left that were killed: no refresh would reach it."""
    for folder in target.parent.glob(f"{glob.escape(target.name)}.part-*"):
        process = folder.name.rpartition("-")[2]
        if process.isdecimal() and not Path(f"/proc/{process}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def unwritable(place: Path, error: OSError) -> DatasetError:
    """Return the fault of a place that cannot be written to."""
    return DatasetError(
        f"{error.filename or place} cannot be written: {error.strerror}",
        "Make room there, or name another folder",
    )
