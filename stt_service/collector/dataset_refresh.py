"""Takes what was withdrawn out of a copy of a dataset, and sets its next date.

    list ──► revocations.csv ──► tables ──► sound ──► sums ──► manifest.csv ──► dataset.json

In this order: interrupted at any point, the copy refuses to be used, and refreshing again ends it.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import cast

from stt_service.atomic import write_atomically
from stt_service.collector import dataset_manifest as manifests
from stt_service.collector.dataset_card import Tally, card
from stt_service.collector.dataset_layouts import CV_SENTENCES, sentence_id, tables_of
from stt_service.collector.dataset_manifest import Manifest, Revocation
from stt_service.collector.dataset_split import Split
from stt_service.collector.dataset_writer import Table, unwritable
from stt_service.errors import DatasetError

TEMPORARY = ".new"
OVERLAP = 1000
"""Withdrawals that are asked for again."""
NAME = re.compile(r"[0-9a-f]{32}")
"""Of a clip: what refresh deletes is named by a table, which could name anything."""

Gone = dict[str, dict[str, str]]
"""Lines of manifest.csv that have to go, by the clip's id."""


def refresh(
    folder: Path,
    revocations: Iterable[Revocation],
    *,
    days: int = manifests.REFRESH_DAYS,
    now: datetime | None = None,
    advance: Callable[[], None] = lambda: None,
) -> int:
    """Take out what was withdrawn; return how many clips that were.

    ``revocations`` are those after :func:`since`; what is known already does not matter. Memory
    grows with them only. Raises :exc:`DatasetError`.
    """
    manifest = manifests.read(folder)
    moment = (now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
    try:
        last = _note(folder, revocations, manifest.revocations)
        gone, tally = _look(folder, advance)
        refreshed = manifest.model_copy(
            update={
                "refreshed": moment,
                "refresh_by": moment.date() + timedelta(days=days),
                "revocations": last,
                "splits": tally.counts(),
            }
        )
        _take_out(folder, refreshed, gone, card(refreshed, tally))
    except OSError as error:
        raise unwritable(folder, error) from error
    return len(gone)


def since(manifest: Manifest) -> int:
    """Return the number after which a copy asks what was withdrawn.

    Some earlier ones are asked for again: a collector of several processes may give a number before
    it has given the one before it.
    """
    return max(0, manifest.revocations - OVERLAP)


def _note(folder: Path, revocations: Iterable[Revocation], last: int) -> int:
    """Add to what the copy knows; return the number of the last one."""
    known = manifests.read_revoked(folder).ids

    def lines() -> Iterator[tuple[object, ...]]:
        nonlocal last
        fresh = (one for one in revocations if one.id not in known)
        for one in chain(manifests.revocations(folder), fresh):
            last = max(last, one.number)
            yield one.number, one.id, one.audio_sha256, one.deleted

    _write(folder / manifests.REVOCATIONS, manifests.REVOCATION_COLUMNS, lines())
    return last


def _look(folder: Path, advance: Callable[[], None]) -> tuple[Gone, Tally]:
    """Return the lines of clips that have to go, by id, and the sum of all others."""
    revoked = manifests.read_revoked(folder)
    gone: Gone = {}
    tally = Tally()
    for row in manifests.read_clips(folder):
        if (row["id"], row["audio_sha256"]) in revoked:
            _check(folder, row)
            gone[row["id"]] = row
        else:
            count(tally, row)
        advance()
    return gone, tally


def count(tally: Tally, row: dict[str, str]) -> None:
    """Count a line of manifest.csv. Raises :exc:`DatasetError`."""
    try:
        tally.add(
            cast(Split, row["split"]),
            row["speaker"],
            float(row["seconds"]),
            int(row["agree"]),
            int(row["against"]),
        )
    except (KeyError, ValueError) as error:
        raise DatasetError(f"{row['path']}: its line is damaged", "Export it anew") from error


def _check(folder: Path, row: dict[str, str]) -> None:
    path = PurePosixPath(row["path"])
    if not NAME.fullmatch(row["id"]) or path.stem != row["id"] or ".." in path.parts:
        raise DatasetError(
            f"{folder / manifests.CLIPS}: {row['path']} is no clip's name", "Export it anew"
        )
    if path.is_absolute():
        raise DatasetError(f"{folder / manifests.CLIPS}: {row['path']} is absolute")


def _take_out(folder: Path, manifest: Manifest, gone: Gone, readme: str) -> None:
    changed = [manifests.REVOCATIONS, manifests.CARD]
    if gone:
        for name, where in tables_of(manifest.layout, manifest.language).items():
            if (folder / name).exists():
                _filter(folder / name, where.column, where.delimiter, gone)
                changed.append(name)
        if manifest.layout == "common-voice":
            changed.append(_recount(folder, manifest.language, gone))
        for row in gone.values():
            (folder / row["path"]).unlink(missing_ok=True)
    (folder / manifests.CARD).write_text(readme, encoding="utf-8")
    # Its hash has to be in the sums, which have to be there first.
    clips = folder / manifests.CLIPS
    kept = _temporary(clips)
    _filter(clips, "id", ",", gone, kept)
    sums = _sum_up(folder, changed, {row["path"] for row in gone.values()}, kept)
    kept.replace(clips)
    text = manifest.model_copy(update={"sums_sha256": sums}).model_dump_json(indent=2)
    write_atomically(folder / manifests.FILE, f"{text}\n".encode())


def _filter(
    path: Path, column: str, delimiter: str, gone: Iterable[str], target: Path | None = None
) -> None:
    """Leave lines out of a table: those whose column, without folder and ending, is an id."""
    with manifests.opened(path) as file:
        header = next(csv.reader(file, delimiter=delimiter), [])
    names = set(gone)
    lines = (
        tuple(row[name] for name in header)
        for row in manifests.rows(path, (column,), delimiter)
        if PurePosixPath(row[column]).stem not in names
    )
    _write(path, header, lines, delimiter, target)


def _recount(folder: Path, language: str, gone: Gone) -> str:
    """Correct the numbers of clips of each sentence; drop those that nobody says any more."""
    name = f"{language}/validated_sentences.tsv"
    ids = {sentence_id(row["transcript"]) for row in gone.values()}
    left = Counter(
        row["sentence_id"]
        for row in manifests.rows(folder / language / "validated.tsv", ("sentence_id",), "\t")
        if row["sentence_id"] in ids
    )

    def lines() -> Iterator[tuple[object, ...]]:
        for row in manifests.rows(folder / name, CV_SENTENCES, "\t"):
            if row["sentence_id"] in ids:
                row["clips_count"] = str(left[row["sentence_id"]])
            if row["clips_count"] != "0":
                yield tuple(row[column] for column in CV_SENTENCES)

    _write(folder / name, CV_SENTENCES, lines(), "\t")
    return name


def _sum_up(folder: Path, changed: Iterable[str], gone: set[str], clips: Path) -> str:
    """Bring SHA256SUMS up to date; return its own hash."""
    path, anew = folder / manifests.SUMS, {*changed, manifests.CLIPS}
    temporary = _temporary(path)
    with manifests.opened(path) as file, temporary.open("w", encoding="utf-8") as out:
        for line in file:
            name = line.rstrip("\n")[66:]
            if name not in gone and name not in anew:
                out.write(line)
        for name in sorted(anew):
            source = clips if name == manifests.CLIPS else folder / name
            out.write(f"{manifests.digest_of(source)}  {name}\n")
    temporary.replace(path)
    return manifests.digest_of(path)


def _write(
    path: Path,
    columns: Iterable[str],
    lines: Iterable[tuple[object, ...]],
    delimiter: str = ",",
    target: Path | None = None,
) -> None:
    """Write a table anew, whole or not at all; to ``target``, if given, which nobody reads yet."""
    temporary = target or _temporary(path)
    with Table(temporary, columns, delimiter) as table:
        for line in lines:
            table.add(*line)
    if target is None:
        temporary.replace(path)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}{TEMPORARY}")
