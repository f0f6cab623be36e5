"""``models/registry.toml`` in, frozen entries out: the models that are known by name."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stt_service.errors import ModelError

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
"""Names become folders: no separators, no leading dot, short."""
FILE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
SHA256_PATTERN = r"^[0-9a-f]{64}$"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class FileEntry(_Frozen):
    """One file of a model."""

    file: Annotated[str, Field(pattern=FILE_PATTERN)]
    """Its name on disk."""
    size: Annotated[int, Field(gt=0)]
    """Bytes."""
    sha256: Annotated[str, Field(pattern=SHA256_PATTERN)] | None = None
    """Lower-case hexadecimal; None where the publisher gives none."""
    url: str | None = None
    """Where it is fetched from; None for bundled and local files."""


class ModelEntry(_Frozen):
    """One model: its acoustic part, its language model, and how they are best decoded."""

    title: str
    """What it is and what it is good for, in one line."""
    language: str = ""
    """BCP 47 tag."""
    license: str = ""
    """SPDX identifier."""
    source: str = ""
    """Where it comes from: a page or a folder of the project."""
    bundled: bool = False
    """It is installed with the program."""
    model: FileEntry
    scorer: FileEntry | None = None
    alpha: Annotated[float, Field(ge=0, le=20)] | None = None
    """Weight of the language model; None takes the scorer's own."""
    beta: Annotated[float, Field(ge=-20, le=20)] | None = None
    """Bonus for each word, natural-log units; None takes the scorer's own."""
    beam_width: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Hypotheses per frame; None takes the model's own."""
    speech_level: Annotated[float, Field(ge=-60, le=0)] | None = None
    """Decibels below full scale to which speech is raised whose loudest moment is quieter; None
    leaves it as it is, as the original libraries do."""
    calibration: dict[str, Any] | None = None
    """Weights of the confidence, as ``decoder.confidence`` reads them."""

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """All of its files, the acoustic model first."""
        return (self.model,) if self.scorer is None else (self.model, self.scorer)

    @property
    def size(self) -> int:
        """Bytes of all of its files."""
        return sum(file.size for file in self.files)


class _Registry(_Frozen):
    models: dict[Annotated[str, Field(pattern=NAME_PATTERN)], ModelEntry]


def read_registry(path: Path) -> Mapping[str, ModelEntry]:
    """Return the entries by name, in the file's order.

    Raises :exc:`ModelError` naming the file and every mistake in it.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        return _Registry.model_validate(raw).models
    except OSError as error:
        raise ModelError(
            f"the list of models, {path}, cannot be read: {error.strerror}",
            "Install stt-service again",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        raise ModelError(f"{path} has mistakes: {explain(error)}") from error


def explain(error: ValidationError) -> str:
    """Put the mistakes that pydantic found into one line."""
    return "; ".join(
        f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}"
        for detail in error.errors(include_url=False, include_context=False)
    )
