"""A name or a file in, an installed model out: all of its files whole and checked, or nothing."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stt_service.atomic import write_atomically
from stt_service.errors import ModelError
from stt_service.models.download import SPARE_BYTES, Patience, Wanted, fetch
from stt_service.models.registry import FileEntry, ModelEntry
from stt_service.models.store import (
    HASH_BLOCK_BYTES,
    MAX_RECORD_BYTES,
    RECORD,
    ModelStore,
    Progress,
    sha256,
)

Announce = Callable[[str, int], Progress]
"""Called with a file's name and bytes when its turn comes; returns what to report progress to."""


class Installer:
    """Brings models into a store. One process at a time: others are told to wait."""

    def __init__(
        self,
        store: ModelStore,
        check: Callable[[Path], object],
        announce: Announce,
        patience: Patience | None = None,
    ) -> None:
        """``check`` opens an acoustic model as an engine would and raises :exc:`ModelError`."""
        self._store = store
        self._check = check
        self._announce = announce
        self._patience = patience or Patience()

    def install(self, name: str, *, repin: bool = False) -> None:
        """Fetch a model of the registry.

        Files whose publisher gives no checksum are compared with the one that was pinned when
        they were first fetched; ``repin`` accepts what comes now instead. Raises
        :exc:`ModelError`, :exc:`DownloadError`.
        """
        entry = self._store.registry.get(name)
        if entry is None:
            raise ModelError(
                f"there is no model called {name} to install",
                f"Known are {', '.join(self._store.registry)}; or name a .tflite file",
            )
        if self._store.installed(name) is not None:
            return
        with self._folder(name) as folder:
            pins = {} if repin else self._pins()
            files = [self._fetch(file, folder, pins) for file in entry.files]
            self._check(folder / entry.model.file)
            self._write_pins({f.url: f.sha256 for f in files if f.url and f.sha256})
            scorer = files[1] if entry.scorer else None
            self._record(folder, entry.model_copy(update={"model": files[0], "scorer": scorer}))

    def install_files(self, name: str, model: Path, scorer: Path | None = None) -> None:
        """Copy a model from local files. Raises :exc:`ModelError`."""
        if name in self._store.registry or self._store.installed(name) is not None:
            raise ModelError(f"there is already a model called {name}", "Choose another --name")
        self._check(model)
        with self._folder(name) as folder:
            entry = ModelEntry(
                title=f"installed from {model.name}",
                model=self._copy(model, folder / f"{name}.tflite"),
                scorer=self._copy(scorer, folder / f"{name}{scorer.suffix}") if scorer else None,
            )
            self._record(folder, entry)

    def _fetch(self, file: FileEntry, folder: Path, pins: dict[str, str]) -> FileEntry:
        if file.url is None:
            raise ModelError(f"{file.file} has no address to fetch it from")
        target = folder / file.file
        expected = file.sha256 or pins.get(file.url)
        if target.is_file() and target.stat().st_size == file.size:
            digest = sha256(target)  # whole already, from an installation that was interrupted
            if expected in (None, digest):
                return file.model_copy(update={"sha256": digest})
        wanted = Wanted(file.url, target, file.size, expected)
        digest = fetch(wanted, self._announce(file.file, file.size), self._patience)
        return file.model_copy(update={"sha256": digest})

    def _copy(self, source: Path, target: Path) -> FileEntry:
        try:
            size = source.stat().st_size
            if shutil.disk_usage(target.parent).free < size + SPARE_BYTES:
                raise ModelError(f"{target.parent} has no room for the {size} bytes of {source}")
            progress = self._announce(source.name, size)
            done = 0
            with source.open("rb") as old, target.open("wb") as new:
                while block := old.read(HASH_BLOCK_BYTES):
                    new.write(block)
                    done += len(block)
                    progress(done, size)
                new.flush()
                os.fsync(new.fileno())
        except OSError as error:
            raise ModelError(f"{source} cannot be copied: {error.strerror or error}") from error
        return FileEntry(file=target.name, size=done, sha256=sha256(target))

    @contextmanager
    def _folder(self, name: str) -> Iterator[Path]:
        """Make the model's folder and keep other installers out while it fills."""
        folder = self._store.folder(name)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder.parent / ".lock").open("wb")
        except OSError as error:
            raise ModelError(
                f"{folder} cannot be made: {error.strerror}",
                "Set paths.state to a folder that you may write to",
            ) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ModelError(
                    "another installation is under way", "Wait until it is done"
                ) from error
            yield folder

    def _record(self, folder: Path, entry: ModelEntry) -> None:
        data = entry.model_dump_json(indent=1, exclude_none=True)
        write_atomically(folder / RECORD, data.encode())

    @property
    def _pin_file(self) -> Path:
        return self._store.state_dir / "models" / "pins.json"

    def _pins(self) -> dict[str, str]:
        try:
            with self._pin_file.open("rb") as file:
                pins = json.loads(file.read(MAX_RECORD_BYTES))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise ModelError(
                f"{self._pin_file} is damaged", "Delete it; checksums are then pinned anew"
            ) from error
        return pins if isinstance(pins, dict) else {}

    def _write_pins(self, new: dict[str, str]) -> None:
        write_atomically(self._pin_file, json.dumps(self._pins() | new, indent=1).encode())
