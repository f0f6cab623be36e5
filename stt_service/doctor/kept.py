"""What the store holds, read without changing or making anything.

SQLite makes two files beside a database of this kind even to read it. So: with nobody's log beside
it, the file is read as one that never changes; with a log, both files are there already.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from stt_service.doctor.api import Finding
from stt_service.errors import StoreError
from stt_service.store.consent import Ledger, fold
from stt_service.store.db import APPLICATION, FILE, MIGRATIONS

WAIT_SECONDS = 2.0
"""For a daemon that writes."""
MANY = 1000
"""Deletions elsewhere that wait: the collection has not been reached for long."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept, in figures alone."""

    scope: Literal["", "keep", "upload", "publish"]
    """Of the consent that is alive; empty where there is none."""
    guests: bool
    utterances: int
    tombstones: int
    """Deletions elsewhere that are still to be asked for."""
    refused: int = 0
    """Utterances that the collection has not taken, and that are not tried again."""
    paused: bool = False
    """Nothing is sent, until a time or until somebody says so."""


def read_kept(folder: Path) -> Kept | None:
    """Return what there is; None where nobody has ever agreed to anything.

    Raises :exc:`StoreError` for what cannot be read and :exc:`ConsentError` for a broken ledger.
    """
    path = folder / FILE
    if not path.exists():
        return None
    with _reading(path) as connection:
        if _pragma(connection, "application_id") != APPLICATION:
            raise StoreError(f"{path} belongs to another program", "Move it away")
        if _pragma(connection, "user_version") > len(MIGRATIONS):
            raise StoreError(
                f"{path} was written by a newer stt-service", "Install that version again"
            )
        standing = fold(Ledger.read(connection))
        live = standing.live
        return Kept(
            scope=live.scope if live else "",
            guests=standing.guests,
            utterances=_count(connection, "SELECT count(*) FROM utterances"),
            tombstones=_count(connection, "SELECT count(*) FROM tombstones"),
            refused=_of_queue(
                connection,
                "deliveries",
                "SELECT count(*) FROM deliveries WHERE state = 'quarantined'",
            ),
            paused=bool(
                _of_queue(
                    connection,
                    "queue_pause",
                    "SELECT count(*) FROM queue_pause WHERE until IS NULL "
                    "OR until > unixepoch('now')",
                )
            ),
        )


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    log, shared = (path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm"))
    if log.exists() and not shared.exists():
        raise StoreError(
            f"{path} was cut off while it was written",
            "It mends itself: `stt-service consent status`, then ask again",
        )
    how = "mode=ro" if log.exists() else "immutable=1"
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?{how}",
            uri=True,
            timeout=WAIT_SECONDS,
            isolation_level=None,
        )
        try:
            yield connection
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StoreError(
            f"{path} cannot be read: {error}",
            "Ask as the user whose store it is; if it stays so, the file is damaged",
        ) from error


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return _count(connection, f"PRAGMA {name}")


def _count(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])


def _of_queue(connection: sqlite3.Connection, table: str, query: str) -> int:
    """Count in a table that only devices which send anything need to have."""
    there = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    return _count(connection, query) if there else 0


def judge_consent(kept: Kept | None) -> Finding:
    """Say whether what is said is kept."""
    if kept is None or not kept.scope:
        facts = {"saving": False, "utterances": kept.utterances if kept else 0}
        return Finding("consent", "ok", "fine", "none: nothing that is said is kept", "", facts)
    facts = {"saving": True, "utterances": kept.utterances, "guests": kept.guests}
    who = "a guest" if kept.guests else "the owner"
    text = f"{who} agreed to `{kept.scope}`; {kept.utterances} utterances are kept"
    return Finding("consent", "ok", "fine", text, "", {**facts, "scope": kept.scope})


def judge_broken(error: StoreError) -> Finding:
    """Say why the store cannot be read."""
    return Finding("consent", "fail", "consent-broken", error.message, error.remedy)


def judge_queue(kept: Kept | None) -> Finding:
    """Say whether something waits to be asked for elsewhere."""
    waiting = kept.tombstones if kept else 0
    refused = kept.refused if kept else 0
    paused = kept is not None and kept.paused
    facts = {"tombstones": waiting, "refused": refused, "paused": paused}
    if paused:
        return Finding(
            "queue",
            "warn",
            "queue-paused",
            "nothing is sent",
            "`stt-service queue status` says why, `stt-service queue resume` goes on",
            facts,
        )
    if refused:
        return Finding(
            "queue",
            "warn",
            "queue-refused",
            f"the collection has not taken {refused} utterances",
            "`stt-service queue status` says why, `stt-service queue retry` tries again",
            facts,
        )
    if waiting > MANY:
        return Finding(
            "queue",
            "warn",
            "queue-waiting",
            f"{waiting} deletions elsewhere are not confirmed yet",
            "They are asked for until confirmed: is the collection still reachable? The system's "
            "service has no way out to the network until it is given one: docs/systemd.md",
            facts,
        )
    text = f"{waiting} deletions elsewhere wait" if waiting else "nothing waits"
    return Finding("queue", "ok", "fine", text, "", facts)
