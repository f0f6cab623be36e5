"""The row of an utterance that is received, with all that is looked up and counted beside it.

    locked: deleted? there already? ──no──► one more of today ──► row ──► audit

All or nothing, in one transaction; nobody else deletes or stores the same id meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from sqlalchemy import BindParameter, Engine, bindparam, insert, literal, select, text
from sqlalchemy.dialects import sqlite

from stt_service.collector.database import ask, lock_number, note, writing
from stt_service.collector.receive_function import NAME
from stt_service.collector.tables import days, tombstones, utterances


class Standing(Protocol):
    """A row with what is known of an id."""

    buried: int | None
    """Number of its tombstone."""
    owner: str | None
    """Who has sent it."""
    audio_sha256: str | None
    received: str | None


BY_NAME: BindParameter[str] = bindparam("name")
STANDING = (
    utterances.c.pseudonym.label("owner"),
    utterances.c.audio_sha256,
    utterances.c.received,
    tombstones.c.number.label("buried"),
)
"""Columns of :class:`Standing`."""


def store(engine: Engine, row: Mapping[str, object], *, day: int, most: int) -> tuple[Any, bool]:
    """Store an utterance if nothing speaks against it; return how its id stood, and whether.

    ``most`` are those of one contributor on one ``day``. Raises :exc:`CollectorError`.
    """
    if engine.dialect.name == "postgresql":
        return _store_at_once(engine, row, day, most)
    with writing(engine) as connection:
        found = connection.execute(_NOW, {"name": row["id"]}).one()
        if found.buried is not None or found.owner is not None:
            return found, False
        given = {"pseudonym": row["pseudonym"], "day": day, "utterances": 1, "most": most}
        if connection.execute(_COUNT, given).first() is None:
            return found, False
        connection.execute(_STORE, row)
        note(connection, "received", str(row["id"]))
    return found, True


def _store_at_once(
    engine: Engine, row: Mapping[str, object], day: int, most: int
) -> tuple[Any, bool]:
    given = {
        "given": json.dumps(row),
        "number": lock_number(str(row["id"])),
        "day": day,
        "most": most,
    }
    found = ask(engine, _RECEIVE, given)
    return found, found.stored


# Made once: a statement costs what it takes to make it.
_ONE = select(literal(1).label("one")).subquery()
_NOW = select(*STANDING).select_from(
    _ONE.outerjoin(utterances, utterances.c.id == BY_NAME).outerjoin(
        tombstones, tombstones.c.id == BY_NAME
    )
)
_STORE = insert(utterances)
_COUNT = (
    sqlite.insert(days)
    .on_conflict_do_update(
        index_elements=[days.c.pseudonym, days.c.day],
        set_={"utterances": days.c.utterances + 1},
        where=days.c.utterances < bindparam("most"),
    )
    .returning(days.c.utterances)
)
_RECEIVE = text(f"SELECT * FROM {NAME}(CAST(:given AS json), :number, :day, :most)")  # noqa: S608
