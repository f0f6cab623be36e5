"""The statements of the utterance store; each runs within its caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any, Literal

from stt_service.events import Alternative
from stt_service.store.kept import Kept, NewUtterance, Stats, Which
from stt_service.store.sealing import Seal, Sealer

NAMES = tuple(name for name in Kept.__slots__ if name != "readable")
COLUMNS = ", ".join(NAMES)
"""Of the table, in the order of the fields."""
CLOCK_SET = 1_735_689_600.0
"""2025: nothing was saved before. A clock that says so was never set, as on a board that has just
begun in 1970."""


def insert(
    connection: sqlite3.Connection,
    new: NewUtterance,
    facts: Mapping[str, object],
    sealer: Sealer | None,
) -> None:
    """Add a row; ``facts`` are the columns that the store itself knows."""
    said = new.transcript
    alternatives = json.dumps([[one.text, one.confidence] for one in said.alternatives])
    row = {
        **facts,
        "seconds": new.seconds,
        "clipped": new.clipped,
        "overflows": new.overflows,
        "text": sealed(sealer, said.text, facts["id"], "text"),
        "confidence": said.confidence,
        "alternatives": sealed(sealer, alternatives, facts["id"], "alternatives"),
        "key": sealer.id if sealer else None,
        "model": said.model,
        "scorer": said.scorer,
        "engine": said.engine,
        "capture": json.dumps(dict(new.capture), sort_keys=True),
    }
    names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
    connection.execute(f"INSERT INTO utterances ({names}) VALUES ({marks})", row)  # noqa: S608


def sealed(sealer: Sealer | None, text: str, name: object, part: str) -> str:
    """Return the text of an utterance as it is to lie in its row."""
    return sealer.seal_text(text, f"{name}:{part}") if sealer else text


def exists(connection: sqlite3.Connection, digest: str) -> bool:
    """Return whether the same sound is kept already."""
    query = "SELECT 1 FROM utterances WHERE audio_sha256 = ?"
    return connection.execute(query, (digest,)).fetchone() is not None


def kept_rows(
    connection: sqlite3.Connection, seal: Seal, condition: str = "TRUE", *values: object
) -> list[Kept]:
    """Return utterances, oldest first; ``condition`` is SQL of ours."""
    query = f"SELECT {COLUMNS} FROM utterances WHERE {condition} ORDER BY number"  # noqa: S608
    return [_kept(row, seal) for row in connection.execute(query, values)]


def page_of(
    connection: sqlite3.Connection, seal: Seal, which: Which, offset: int, limit: int
) -> tuple[list[Kept], int]:
    """Return some of those with a verdict, newest first, and how many there are of them."""
    matches = "(:which = 'all' OR coalesce(review, 'waiting') = :which)"
    values = {"which": which, "offset": offset, "limit": limit}
    query = (
        f"SELECT {COLUMNS} FROM utterances WHERE {matches} "  # noqa: S608 -- own names
        "ORDER BY number DESC LIMIT :limit OFFSET :offset"
    )
    found = [_kept(row, seal) for row in connection.execute(query, values)]
    count = f"SELECT count(*) FROM utterances WHERE {matches}"  # noqa: S608 -- as above
    return found, int(connection.execute(count, values).fetchone()[0])


def _kept(row: tuple[Any, ...], seal: Seal) -> Kept:
    values = dict(zip(NAMES, row, strict=True))
    readable = True
    if values["key"] is not None:
        if isinstance(seal, Sealer) and seal.id == values["key"]:
            for part in ("text", "label", "alternatives"):
                if values[part] is not None:
                    values[part] = seal.open_text(values[part], f"{values['id']}:{part}")
        else:
            readable = False
            values |= {"text": "", "label": None, "alternatives": "[]"}
    pairs = json.loads(values["alternatives"])
    values["alternatives"] = tuple(Alternative(text, confidence) for text, confidence in pairs)
    values["capture"] = json.loads(values["capture"])
    return Kept(**values, readable=readable)


def sums(connection: sqlite3.Connection, quota: int) -> Stats:
    """Return how much there is; ``quota`` in bytes is passed on."""
    utterances, size, seconds, labelled, accepted, rejected = connection.execute(
        "SELECT count(*), total(bytes), total(seconds), count(label), "
        "count(*) FILTER (WHERE review = 'accepted'), count(*) FILTER (WHERE review = 'rejected') "
        "FROM utterances"
    ).fetchone()
    return Stats(
        utterances=utterances,
        bytes=int(size),
        seconds=seconds,
        labelled=labelled,
        accepted=accepted,
        rejected=rejected,
        sent=connection.execute("SELECT count(*) FROM sent").fetchone()[0],
        tombstones=connection.execute("SELECT count(*) FROM tombstones").fetchone()[0],
        quota_bytes=quota,
    )


def was_sent(connection: sqlite3.Connection, name: str) -> bool:
    """Return whether an utterance has left."""
    query = "SELECT 1 FROM sent WHERE utterance = ?"
    return connection.execute(query, (name,)).fetchone() is not None


def bury(
    connection: sqlite3.Connection, column: Literal["utterance", "actor"], value: str, now: float
) -> None:
    """Turn what was sent into tombstones."""
    connection.execute(
        "INSERT OR IGNORE INTO tombstones SELECT utterance, deletion_token, ? FROM sent "  # noqa: S608
        f"WHERE {column} = ?",
        (now, value),
    )
    connection.execute(f"DELETE FROM sent WHERE {column} = ?", (value,))  # noqa: S608


def delete(connection: sqlite3.Connection, column: Literal["id", "actor"], value: str) -> list[str]:
    """Delete rows; return their utterances' ids."""
    query = f"DELETE FROM utterances WHERE {column} = ? RETURNING id"  # noqa: S608
    return [row[0] for row in connection.execute(query, (value,)).fetchall()]


def outlive(connection: sqlite3.Connection, oldest: float, since: float) -> list[str]:
    """Delete rows that were saved before ``oldest`` by the clock, or ``since`` by counting.

    Where nobody had set the clock yet, counting alone tells how old they are.
    """
    query = (
        "DELETE FROM utterances WHERE (saved < :oldest AND saved >= :set) OR since < :since "
        "RETURNING id"
    )
    given = {"oldest": oldest, "set": CLOCK_SET, "since": since}
    return [row[0] for row in connection.execute(query, given).fetchall()]


def evict(connection: sqlite3.Connection, room: int) -> list[str]:
    """Delete rows, oldest first and corrected ones last, until ``room`` bytes hold the rest."""
    used = int(connection.execute("SELECT total(bytes) FROM utterances").fetchone()[0])
    query = "SELECT id, bytes FROM utterances ORDER BY label IS NOT NULL, number"
    gone: list[str] = []
    rows = iter(connection.execute(query).fetchall() if used > room else ())
    while used > room:
        name, size = next(rows)
        gone += delete(connection, "id", name)
        used -= size
    return gone
