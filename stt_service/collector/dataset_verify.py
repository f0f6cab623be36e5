"""Looks at every byte of an export: whether it is what was exported, and may still be used."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from stt_service.collector import dataset_manifest as manifests
from stt_service.collector.dataset_card import Tally
from stt_service.collector.dataset_refresh import count
from stt_service.collector.dataset_split import split_of
from stt_service.errors import DatasetError

LINE = re.compile(r"([0-9a-f]{64})  ([^\n]+)\n?")


def verify(
    folder: Path, *, now: datetime | None = None, advance: Callable[[], None] = lambda: None
) -> Iterator[str]:
    """Yield all that is wrong, one sentence each; nothing when all is well.

    Calls ``advance`` for each file. Raises :exc:`DatasetError` where there is no export to look at.
    """
    manifest = manifests.read(folder)
    today = (now or datetime.now(UTC)).astimezone(UTC).date()
    if today > manifest.refresh_by:
        yield f"it was to be refreshed by {manifest.refresh_by}"
    if manifests.digest_of(folder / manifests.SUMS) != manifest.sums_sha256:
        yield f"{manifests.SUMS} is not the one that was exported"
    listed = {manifests.FILE, manifests.SUMS}
    for digest, name in _sums(folder / manifests.SUMS):
        listed.add(name)
        fault = _look(folder, name, digest)
        if fault:
            yield fault
        advance()
    found = (path for path in folder.rglob("*") if not path.is_dir())
    strays = sorted({path.relative_to(folder).as_posix() for path in found} - listed)
    for name in strays:
        yield f"{name} is no part of it"
    yield from _clips(folder, manifest, listed)


def _sums(path: Path) -> Iterator[tuple[str, str]]:
    with manifests.opened(path) as file:
        for number, line in enumerate(file, start=1):
            found = LINE.fullmatch(line)
            if not found:
                raise DatasetError(f"{path}, line {number} is no sum", "Export it anew")
            yield found[1], found[2]


def _look(folder: Path, name: str, digest: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        return f"{name} lies elsewhere"
    try:
        return "" if manifests.digest_of(folder / name) == digest else f"{name} was changed"
    except FileNotFoundError:
        return f"{name} is missing"
    except OSError as error:
        return f"{name} cannot be read: {error.strerror}"


def _clips(folder: Path, manifest: manifests.Manifest, listed: set[str]) -> Iterator[str]:
    revoked = manifests.read_revoked(folder)
    tally = Tally()
    for row in manifests.read_clips(folder):
        count(tally, row)
        if (row["id"], row["audio_sha256"]) in revoked:
            yield f"{row['path']} was withdrawn"
        if row["path"] not in listed:
            yield f"{row['path']} has no sum"
        if split_of(row["speaker"]) != row["split"]:
            yield f"{row['path']} is in the split of other speakers"
    if tally.counts() != manifest.splits:
        yield f"{manifests.CLIPS} has another number of clips than {manifests.FILE} says"
