"""What an export says of itself, and whether it may still be used. Needs no database.

dataset.json      what it is, until when it may be used without looking again
SHA256SUMS        all other files, as ``sha256sum --check`` reads it
revocations.csv   what has been withdrawn, as far as this copy knows
manifest.csv      one line for each clip: the same in all layouts
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal, TextIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stt_service.collector.dataset_split import Split
from stt_service.errors import DatasetError

FILE = "dataset.json"
SUMS = "SHA256SUMS"
REVOCATIONS = "revocations.csv"
CLIPS = "manifest.csv"
CARD = "README.md"

LICENCE = "CC0-1.0"
REFRESH_DAYS = 90
"""Days after which a copy has to ask what was withdrawn."""
MAX_BYTES = 1 << 20
"""Of dataset.json; a real one has a thousand."""
MAX_REVOCATIONS = 5_000_000
"""Lines of revocations.csv: they are held in memory, a hundred bytes each."""
BLOCK = 1 << 20
"""Bytes that are read at once when a file is hashed."""

Layout = Literal["common-voice", "deepspeech", "audiofolder"]

CLIP_COLUMNS = (
    "path", "speaker", "transcript", "seconds", "split", "id", "audio_sha256", "agree", "against",
)  # fmt: skip
"""Of manifest.csv. ``training`` reads the first five."""
REVOCATION_COLUMNS = ("number", "id", "audio_sha256", "deleted")


class Count(BaseModel):
    """How much there is of something."""

    model_config = ConfigDict(frozen=True)
    clips: int = Field(ge=0)
    seconds: float = Field(ge=0)
    speakers: int = Field(ge=0)


class Manifest(BaseModel):
    """The content of dataset.json."""

    model_config = ConfigDict(frozen=True)
    format: Literal["stt-service-dataset"] = "stt-service-dataset"
    version: Literal[1] = 1
    layout: Layout
    language: str = Field(pattern=r"^[A-Za-z0-9-]{2,35}$")
    licence: str = LICENCE
    made: datetime
    refreshed: datetime
    refresh_by: date
    """Last day, UTC, on which this copy may be used without ``dataset refresh``."""
    collector: str | None = None
    """Where to ask what was withdrawn: the address of a collector."""
    revocations: int = Field(ge=0)
    """Number of the last withdrawal that this copy knows."""
    sums_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of the file SHA256SUMS."""
    splits: dict[Split, Count]


@dataclass(frozen=True, slots=True)
class Revocation:
    """A clip that was withdrawn."""

    number: int
    """1, 2, 3...: the order of the collector."""
    id: str
    audio_sha256: str
    """Of the FLAC that was received; empty where it never came."""
    deleted: str
    """ISO 8601, UTC."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """All withdrawn clips that a copy knows of."""

    ids: frozenset[str]
    sounds: frozenset[str]
    """SHA-256 of their FLAC: the same sound may come in again under another id."""

    def __contains__(self, clip: tuple[str, str]) -> bool:
        """Whether a clip, its id and its sound's SHA-256, was withdrawn."""
        return clip[0] in self.ids or clip[1] in self.sounds


def is_export(folder: Path) -> bool:
    """Return whether a folder is a dataset that was exported here."""
    return (folder / FILE).is_file()


def read(folder: Path) -> Manifest:
    """Return what an export says of itself. Raises :exc:`DatasetError`."""
    path = folder / FILE
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise DatasetError(f"{path} is larger than {MAX_BYTES} bytes", "Export it anew")
        return Manifest.model_validate_json(raw)
    except FileNotFoundError as error:
        raise DatasetError(
            f"{folder} is no exported dataset: it has no {FILE}", "Name the folder of an export"
        ) from error
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise DatasetError(f"{path}: {place}: {first['msg']}", "Export it anew") from error


def admit(*folders: Path, now: datetime | None = None) -> None:
    """Let exports be used.

    Raises :exc:`DatasetError` past a refresh-by date, and when a clip in any of them was withdrawn
    as far as any of them knows.
    """
    today = (now or datetime.now(UTC)).astimezone(UTC).date()
    for folder in folders:
        manifest = read(folder)
        if today > manifest.refresh_by:
            raise DatasetError(
                f"{folder} was to be refreshed by {manifest.refresh_by}", remedy(folder)
            )
    known = [read_revoked(folder) for folder in folders]
    revoked = Revoked(
        frozenset().union(*(one.ids for one in known)),
        frozenset().union(*(one.sounds for one in known)),
    )
    for folder in folders:
        for clip in read_clips(folder):
            if (clip["id"], clip["audio_sha256"]) in revoked:
                raise DatasetError(f"{folder}: {clip['path']} was withdrawn", remedy(folder))


def remedy(folder: Path) -> str:
    """Return what to do with an export that may not be used as it is."""
    return f"Run: stt-service dataset refresh {folder}"


def read_revoked(folder: Path) -> Revoked:
    """Return what a copy knows to be withdrawn. Raises :exc:`DatasetError`."""
    ids, sounds = set(), set()
    for count, one in enumerate(revocations(folder)):
        if count >= MAX_REVOCATIONS:
            raise DatasetError(f"{folder / REVOCATIONS} has too many lines", "Export it anew")
        ids.add(one.id)
        if one.audio_sha256:
            sounds.add(one.audio_sha256)
    return Revoked(frozenset(ids), frozenset(sounds))


def revocations(folder: Path) -> Iterator[Revocation]:
    """Yield what a copy knows to be withdrawn, in its order. Raises :exc:`DatasetError`."""
    path = folder / REVOCATIONS
    for row in rows(path, REVOCATION_COLUMNS):
        try:
            number = int(row["number"])
        except ValueError as error:
            raise DatasetError(f"{path}: a line has no number", "Export it anew") from error
        yield Revocation(number, row["id"], row["audio_sha256"], row["deleted"])


def read_clips(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the lines of manifest.csv. Raises :exc:`DatasetError`."""
    return rows(folder / CLIPS, CLIP_COLUMNS)


def rows(path: Path, columns: Iterable[str], delimiter: str = ",") -> Iterator[dict[str, str]]:
    """Yield the lines of a table that has these columns. Raises :exc:`DatasetError`."""
    with opened(path) as file:
        reader = csv.DictReader(file, delimiter=delimiter)
        missing = set(columns) - set(reader.fieldnames or ())
        if missing:
            raise DatasetError(f"{path} has no column {min(missing)}", "Export it anew")
        for number, row in enumerate(reader, start=2):
            if None in row or None in row.values():
                raise DatasetError(
                    f"{path}, line {number}: not {len(reader.fieldnames or ())} columns",
                    "Export it anew",
                )
            yield row


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """Lend a table for reading. Raises :exc:`DatasetError`."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}", "Export it anew") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path} is damaged: {error}", "Export it anew") from error


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file. Raises :exc:`OSError`."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
