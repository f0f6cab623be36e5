"""Which clip somebody gets: one they have not, that others have not in hand, that teaches most.

Clips that wait for another vote come before fresh ones, for one vote alone is worth nothing. Among
those that wait the look begins at a random place; fresh ones are looked through from the top. Both
looks are bounded, so that they take the same time however many clips there are and however many
of them this person has seen.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    bindparam,
    delete,
    exists,
    insert,
    literal_column,
    select,
    update,
)

from stt_service.collector.tables import utterances
from stt_service.collector.tagging_people import Tagger, TaggerError
from stt_service.collector.tagging_rules import gold_chance
from stt_service.collector.tagging_tables import assignments, clips, votes

LEASE_SECONDS = 600
"""That a clip is in somebody's hands, and no one else is bothered with it."""
UNDO_SECONDS = 600
"""That a vote can be changed."""
WINDOW = 200
"""Clips that are looked at in one query: some of them this person has seen."""
WINDOWS = 8
"""Looks from the top, before somebody is told that there is nothing to do."""
ABOVE_ALL = 2.0
"""No clip's priority is that high."""
TRIES = 5
"""Times that another process may take a clip first."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A clip in somebody's hands."""

    ticket: str
    """Random: names the clip to this person, and only now."""
    utterance: str
    served: float
    """Unix time."""
    heard: float | None
    """Unix time of the first sending of its sound."""
    gold: bool
    right: bool | None
    """Of an answered known clip."""
    done: bool


_COLUMNS = tuple(assignments.c[name] for name in Assignment.__slots__)


def assign(
    connection: Connection,
    tagger: Tagger,
    own: Collection[str],
    now: float,
    chance: random.Random | None = None,
) -> Assignment | None:
    """Give somebody a clip, or the one that they have in hand; None when there is none.

    ``own`` are pseudonyms whose clips are not to be given.
    """
    chance = chance or random.SystemRandom()
    _forget(connection, tagger, now)
    current = connection.execute(
        select(*_COLUMNS).where(
            assignments.c.tagger == tagger.number, assignments.c.done.is_(False)
        )
    ).first()
    if current is not None:
        return Assignment(*current)
    gold = chance.random() < gold_chance(tagger.tagged)
    found = _known(connection, tagger, own, now, chance) if gold else None
    if found is not None and stays(connection, found):
        return _note(connection, tagger, found, now, gold=True)
    for _ in range(TRIES):
        found = _waiting(connection, tagger, own, now, chance) or _fresh(
            connection, tagger, own, now
        )
        if found is None:
            return None
        if stays(connection, found) and _lease(connection, found, now):
            return _note(connection, tagger, found, now, gold=False)
    return None


def find(connection: Connection, tagger: Tagger, ticket: str) -> Assignment:
    """Return what a ticket of somebody stands for. Raises :exc:`TaggerError` for an old one."""
    row = connection.execute(
        select(*_COLUMNS).where(
            assignments.c.ticket == ticket, assignments.c.tagger == tagger.number
        )
    ).one_or_none()
    if row is None:
        raise gone()
    return Assignment(*row)


def gone() -> TaggerError:
    """Return what a ticket is refused with when its clip was passed on, or withdrawn."""
    return TaggerError(410, "this clip is not in your hands any more", "Go on with the next")


def stays(connection: Connection, utterance: str) -> bool:
    """Keep an utterance from being deleted until the transaction ends; False when it has gone.

    Before its clip is locked: a deletion takes them in this order, and would wait for us as we for
    it. SQLite lets one in anyway.
    """
    query = select(utterances.c.id).where(utterances.c.id == utterance)
    kept = query.with_for_update(read=True, key_share=True)
    return connection.execute(kept).first() is not None


def note_heard(connection: Connection, ticket: str, now: float) -> None:
    """Note that the sound was sent; the first time counts."""
    connection.execute(
        update(assignments)
        .where(assignments.c.ticket == ticket, assignments.c.heard.is_(None))
        .values(heard=now)
    )


def note_done(connection: Connection, ticket: str, *, right: bool | None) -> None:
    """Note that somebody has answered."""
    connection.execute(
        update(assignments).where(assignments.c.ticket == ticket).values(done=True, right=right)
    )


def _forget(connection: Connection, tagger: Tagger, now: float) -> None:
    """Let go of what somebody has put aside: the clip's lease has ended by then too."""
    connection.execute(
        delete(assignments).where(
            assignments.c.tagger == tagger.number, assignments.c.served < now - UNDO_SECONDS
        )
    )


def _note(
    connection: Connection, tagger: Tagger, utterance: str, now: float, *, gold: bool
) -> Assignment:
    made = Assignment(secrets.token_hex(16), utterance, now, None, gold, None, done=False)
    values = {name: getattr(made, name) for name in Assignment.__slots__}
    connection.execute(insert(assignments).values(tagger=tagger.number, **values))
    return made


def _lease(connection: Connection, utterance: str, now: float) -> bool:
    taken = connection.execute(
        update(clips)
        .where(clips.c.utterance == utterance, clips.c.leased_until <= int(now))
        .values(leased_until=int(now) + LEASE_SECONDS)
    )
    return taken.rowcount == 1


def _columns() -> tuple[ColumnElement[Any], ...]:
    return clips.c.utterance, clips.c.pseudonym, clips.c.priority


def _free(window: FromClause) -> Select[Any]:
    """Return the clips of a window of which this person has neither said nor held anything."""
    seen = exists().where(
        votes.c.utterance == window.c.utterance, votes.c.tagger == bindparam("tagger")
    )
    held = exists().where(
        assignments.c.utterance == window.c.utterance,
        assignments.c.tagger == bindparam("tagger"),
    )
    return select(window.c.utterance).where(~seen, ~held).limit(1)


# Made once: to put a statement together takes longer than to answer it.
_NOT_OWN = clips.c.pseudonym.not_in(bindparam("own", expanding=True))
_IN_NO_HAND = clips.c.leased_until <= bindparam("now")
_FROM_HERE = clips.c.shuffle >= bindparam("begin")
_SHUFFLED = select(*_columns()).order_by(clips.c.shuffle).limit(bindparam("window"))
_WAITING_WINDOW = _SHUFFLED.where(
    clips.c.state == literal_column("'open'"),
    clips.c.voters > literal_column("0"),
    _FROM_HERE,
    _IN_NO_HAND,
    _NOT_OWN,
).subquery()
_WAITING = _free(_WAITING_WINDOW).order_by(_WAITING_WINDOW.c.priority.desc())
_KNOWN = _free(_SHUFFLED.where(clips.c.gold, _FROM_HERE, _NOT_OWN).subquery())
_FRESH_WINDOW = (
    select(*_columns())
    .where(
        clips.c.state == literal_column("'open'"),
        clips.c.voters == literal_column("0"),
        clips.c.priority <= bindparam("at_most"),
        (clips.c.priority < bindparam("at_most")) | (clips.c.utterance > bindparam("after")),
        _IN_NO_HAND,
        _NOT_OWN,
    )
    .order_by(clips.c.priority.desc(), clips.c.utterance)
    .limit(bindparam("window"))
    .subquery()
)
_FRESH = _free(_FRESH_WINDOW).order_by(_FRESH_WINDOW.c.priority.desc(), _FRESH_WINDOW.c.utterance)
_FRESH_END = select(_FRESH_WINDOW.c.priority, _FRESH_WINDOW.c.utterance).order_by(
    _FRESH_WINDOW.c.priority, _FRESH_WINDOW.c.utterance.desc()
)


def _look(
    connection: Connection, tagger: Tagger, own: Collection[str], now: float
) -> Callable[..., str | None]:
    """Return what runs one of the statements above for somebody."""
    given = {"tagger": tagger.number, "own": list(own), "now": int(now), "window": WINDOW}

    def run(statement: Select[Any], **more: float | str) -> str | None:
        found = connection.execute(statement, {**given, **more}).first()
        return None if found is None else str(found[0])

    return run


def _waiting(
    connection: Connection,
    tagger: Tagger,
    own: Collection[str],
    now: float,
    chance: random.Random,
) -> str | None:
    run = _look(connection, tagger, own, now)
    return run(_WAITING, begin=chance.random()) or run(_WAITING, begin=0.0)


def _known(
    connection: Connection,
    tagger: Tagger,
    own: Collection[str],
    now: float,
    chance: random.Random,
) -> str | None:
    run = _look(connection, tagger, own, now)
    return run(_KNOWN, begin=chance.random()) or run(_KNOWN, begin=0.0)


def _fresh(connection: Connection, tagger: Tagger, own: Collection[str], now: float) -> str | None:
    run = _look(connection, tagger, own, now)
    place: dict[str, float | str] = {"at_most": ABOVE_ALL, "after": ""}
    for _ in range(WINDOWS):
        found = run(_FRESH, **place)
        if found is not None:
            return found
        # All of these this person has skipped. Others may stand further down.
        given = {"own": list(own), "now": int(now), "window": WINDOW, **place}
        last = connection.execute(_FRESH_END, given).first()
        if last is None:
            return None
        place = {"at_most": last.priority, "after": last.utterance}
    return None
