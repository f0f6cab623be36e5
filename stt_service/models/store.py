"""Which models are installed, which one is chosen, and whether their files are still whole.

Below the state directory::

    chosen-model                 name of the model chosen with `use`; absent: the bundled one
    models/pins.json             URL to SHA-256, for files whose publisher gives no checksum
    models/NAME/installed.json   a ModelEntry with the sizes and hashes of what was installed
    models/NAME/FILE             its files; FILE.part and FILE.part.json while one is fetched

Every write is atomic; an entry counts as installed once ``installed.json`` is there, which is
written last and removed first.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stt_service.atomic import write_atomically
from stt_service.errors import ModelError
from stt_service.models.registry import NAME_PATTERN, ModelEntry, explain, read_registry

AUTO = "auto"
RECORD = "installed.json"
MAX_RECORD_BYTES = 1 << 20
"""Of one record; a hundred times what one holds."""
CHOICE = "chosen-model"
MAX_CHOICE_BYTES = 1 << 10
"""Of the file that names the chosen model: a name and a line end."""
HASH_BLOCK_BYTES = 1 << 20

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model that can be opened now."""

    id: str
    """Name in results."""
    model: Path
    """The ``.tflite`` file."""
    scorer: Path | None
    """Its own language model."""
    alpha: float | None = None
    """None: the scorer's own."""
    beta: float | None = None
    """None: the scorer's own."""
    beam_width: int | None = None
    """None: the model's own."""
    speech_level: float | None = None
    """Decibels below full scale to which quieter speech is raised; None: it is not."""
    calibration: Mapping[str, Any] | None = None
    """None: the decoder's general weights."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One line of ``models list``."""

    name: str
    entry: ModelEntry
    installed: bool
    chosen: bool


class ModelStore:
    """The models of one state directory. Holds nothing open; any thread may use it."""

    def __init__(self, data_dir: Path, state_dir: Path) -> None:
        """``data_dir`` holds the registry and the bundled model, ``state_dir`` the rest.

        Raises :exc:`ModelError` when the registry is damaged.
        """
        self.state_dir = state_dir
        self._data_dir = data_dir
        self.registry = read_registry(data_dir / "registry.toml")

    def folder(self, name: str) -> Path:
        """Return where a model's files lie. Raises :exc:`ModelError` for impossible names."""
        if not re.match(NAME_PATTERN, name):
            raise ModelError(
                f"{name!r} cannot be the name of a model",
                "Use letters, digits, dots, hyphens and underscores, at most 64",
            )
        entry = self.registry.get(name)
        bundled = entry is not None and entry.bundled
        return self._data_dir if bundled else self.state_dir / "models" / name

    def installed(self, name: str) -> ModelEntry | None:
        """Return what is installed under that name. Raises :exc:`ModelError` when it is damaged."""
        folder = self.folder(name)
        known = self.registry.get(name)
        if known is not None and known.bundled:
            return known if (folder / known.model.file).is_file() else None
        record = folder / RECORD
        if not record.is_file():
            return None
        try:
            with record.open("rb") as file:
                return ModelEntry.model_validate_json(file.read(MAX_RECORD_BYTES))
        except ValidationError as error:
            raise ModelError(
                f"{record} is damaged: {explain(error)}",
                f"Run `stt-service models remove {name}` and install it again",
            ) from error

    def chosen(self) -> str | None:
        """Return the model that ``auto`` stands for; None when there is none at all."""
        try:
            with (self.state_dir / CHOICE).open("rb") as file:
                name = file.read(MAX_CHOICE_BYTES).decode("utf-8", "replace").strip()
        except (FileNotFoundError, NotADirectoryError):
            name = ""
        except OSError as error:
            raise ModelError(
                f"{self.state_dir / CHOICE} cannot be read: {error.strerror}",
                "Mend its permissions, or set model.name in the settings",
            ) from error
        if name:
            return name
        return next((name for name, entry in self.registry.items() if entry.bundled), None)

    def listing(self) -> tuple[Listing, ...]:
        """Return all models, known and installed, in the registry's order, then by name."""
        folders = (self.state_dir / "models").glob(f"*/{RECORD}")
        extra = sorted({record.parent.name for record in folders} - set(self.registry))
        chosen = self.chosen()
        lines = []
        for name in (*self.registry, *extra):
            present = self.installed(name)
            entry = present or self.registry[name]
            lines.append(Listing(name, entry, present is not None, name == chosen))
        return tuple(lines)

    def resolve(self, wanted: str = AUTO) -> InstalledModel:
        """Return the model of that name, the ``.tflite`` file at that path, or the chosen one.

        Raises :exc:`ModelError` when there is none such.
        """
        if wanted == AUTO:
            chosen = self.chosen()
            if chosen is None:
                raise ModelError("no model is chosen", "Install one: `stt-service models list`")
            wanted = chosen
        elif os.sep in wanted or wanted.endswith(".tflite") or Path(wanted).is_file():
            path = Path(wanted).expanduser()
            if not path.exists():
                raise ModelError(f"there is no model file {path}")
            return InstalledModel(path.stem, path, None)
        entry = self.installed(wanted)
        if entry is None:
            raise self._not_installed(wanted)
        folder = self.folder(wanted)
        return InstalledModel(
            id=wanted,
            model=folder / entry.model.file,
            scorer=folder / entry.scorer.file if entry.scorer else None,
            alpha=entry.alpha,
            beta=entry.beta,
            beam_width=entry.beam_width,
            speech_level=entry.speech_level,
            calibration=entry.calibration,
        )

    def vouched_for(self) -> frozenset[str]:
        """Return the SHA-256 of the models that this release was tested with."""
        files = [file for entry in self.registry.values() for file in entry.files]
        return frozenset(file.sha256 for file in files if file.sha256)

    def use(self, name: str) -> None:
        """Make ``auto`` stand for this model. Raises :exc:`ModelError` if it is not installed."""
        if self.installed(name) is None:
            raise self._not_installed(name)
        try:
            self.state_dir.mkdir(parents=True, exist_ok=True)
            write_atomically(self.state_dir / CHOICE, f"{name}\n".encode())
        except OSError as error:
            raise ModelError(
                f"{self.state_dir / CHOICE} cannot be written: {error.strerror}",
                "Set paths.state to a folder that you may write to, or model.name in the settings",
            ) from error

    def remove(self, name: str) -> None:
        """Delete a model's files, half-fetched ones too; if it was chosen, ``auto`` is reset.

        Raises :exc:`ModelError` for the bundled model and for one that is not there.
        """
        folder = self.folder(name)
        if folder == self._data_dir:
            raise ModelError(
                f"{name} is bundled with the program and cannot be removed",
                "Choose another with `stt-service models use NAME`",
            )
        if not folder.is_dir():
            raise self._not_installed(name)
        (folder / RECORD).unlink(missing_ok=True)
        shutil.rmtree(folder)
        if self.chosen() == name:
            (self.state_dir / CHOICE).unlink()

    def verify(self, name: str, progress: Progress | None = None) -> None:
        """Read every file of a model and compare it with what was installed.

        Raises :exc:`ModelError` naming the file that is missing or altered.
        """
        entry = self.installed(name)
        if entry is None:
            raise self._not_installed(name)
        remedy = (
            "Install stt-service again"
            if entry.bundled
            else f"Run `stt-service models remove {name}` and install it again"
        )
        for file in entry.files:
            path = self.folder(name) / file.file
            if not path.is_file():
                raise ModelError(f"{path} is missing", remedy)
            if (size := path.stat().st_size) != file.size:
                raise ModelError(f"{path} has {size} bytes, not {file.size}", remedy)
            if file.sha256 and sha256(path, progress) != file.sha256:
                raise ModelError(f"{path} has changed since it was installed", remedy)

    def _not_installed(self, name: str) -> ModelError:
        if name in self.registry and not self.registry[name].bundled:
            return ModelError(
                f"the model {name} is not installed", f"Run `stt-service models install {name}`"
            )
        if name in self.registry:
            return ModelError(
                f"the bundled model {name} is missing from {self._data_dir}",
                "Install stt-service again",
            )
        return ModelError(
            f"there is no model called {name}", "`stt-service models list` shows what there is"
        )


def sha256(path: Path, progress: Progress | None = None) -> str:
    """Return the hash of a file in lower-case hexadecimal."""
    digest = hashlib.sha256()
    total = path.stat().st_size
    done = 0
    with path.open("rb") as file:
        while block := file.read(HASH_BLOCK_BYTES):
            digest.update(block)
            done += len(block)
            if progress is not None:
                progress(done, total)
    return digest.hexdigest()
