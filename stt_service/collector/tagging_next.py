"""Which clip somebody gets: one they have not, that others have not in hand, that teaches most.

Clips that wait for another vote come before fresh ones, for one vote alone is worth nothing. Among
those that wait the look begins at a random place; fresh ones are looked through from the top. Both
looks are bounded, so that they take the same time however many clips there are and however many
of them this person has seen.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    delete,
    exists,
    insert,
    select,
    update,
)

from stt_service.collector.tagging_people import Tagger
from stt_service.collector.tagging_rules import gold_chance
from stt_service.collector.tagging_tables import assignments, clips, votes

LEASE_SECONDS = 600
"""That a clip is in somebody's hands, and no one else is bothered with it."""
UNDO_SECONDS = 600
"""That a vote can be changed."""
WINDOW = 200
"""Clips that are looked at in one query: some are this person's own, seen, or in other hands."""
WINDOWS = 8
"""Looks from the top, before somebody is told that there is nothing to do."""
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
    found = _known(connection, tagger, own, chance) if gold else None
    if found is not None:
        return _note(connection, tagger, found, now, gold=True)
    for _ in range(TRIES):
        found = _waiting(connection, tagger, own, now, chance) or _fresh(
            connection, tagger, own, now
        )
        if found is None:
            return None
        if _lease(connection, found, now):
            return _note(connection, tagger, found, now, gold=False)
    return None


def find(connection: Connection, tagger: Tagger, ticket: str) -> Assignment | None:
    """Return what a ticket of somebody stands for; None when that was too long ago."""
    row = connection.execute(
        select(*_COLUMNS).where(
            assignments.c.ticket == ticket, assignments.c.tagger == tagger.number
        )
    ).one_or_none()
    return None if row is None else Assignment(*row)


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


def _free(
    window: FromClause, tagger: Tagger, own: Collection[str], now: float | None
) -> list[ColumnElement[bool]]:
    """Return what holds for a clip that somebody may have."""
    seen = exists().where(votes.c.utterance == window.c.utterance, votes.c.tagger == tagger.number)
    held = exists().where(
        assignments.c.utterance == window.c.utterance, assignments.c.tagger == tagger.number
    )
    found: list[ColumnElement[bool]] = [~seen, ~held]
    if now is not None:
        found.append(window.c.leased_until <= int(now))
    if own:
        found.append(window.c.pseudonym.not_in(own))
    return found


def _first(connection: Connection, query: Select[Any]) -> str | None:
    found = connection.execute(query.limit(1)).first()
    return None if found is None else str(found[0])


def _columns() -> tuple[ColumnElement[object], ...]:
    return clips.c.utterance, clips.c.pseudonym, clips.c.priority, clips.c.leased_until


def _waiting(
    connection: Connection,
    tagger: Tagger,
    own: Collection[str],
    now: float,
    chance: random.Random,
) -> str | None:
    place = chance.random()
    for begin in (place, 0.0):
        window = (
            select(*_columns())
            .where(clips.c.state == "open", clips.c.voters > 0, clips.c.shuffle >= begin)
            .order_by(clips.c.shuffle)
            .limit(WINDOW)
            .subquery()
        )
        query = select(window.c.utterance).where(*_free(window, tagger, own, now))
        found = _first(connection, query.order_by(window.c.priority.desc()))
        if found is not None:
            return found
    return None


def _fresh(connection: Connection, tagger: Tagger, own: Collection[str], now: float) -> str | None:
    after: tuple[float, str] | None = None
    for _ in range(WINDOWS):
        inner = select(*_columns()).where(clips.c.state == "open", clips.c.voters == 0)
        if after is not None:
            inner = inner.where(
                (clips.c.priority < after[0])
                | ((clips.c.priority == after[0]) & (clips.c.utterance > after[1]))
            )
        inner = inner.order_by(clips.c.priority.desc(), clips.c.utterance).limit(WINDOW)
        window = inner.subquery()
        query = select(window.c.utterance).where(*_free(window, tagger, own, now))
        found = _first(connection, query.order_by(window.c.priority.desc(), window.c.utterance))
        if found is not None:
            return found
        last = connection.execute(
            select(window.c.priority, window.c.utterance).order_by(
                window.c.priority, window.c.utterance.desc()
            )
        ).first()
        if last is None:
            return None
        after = (last.priority, last.utterance)
    return None


def _known(
    connection: Connection, tagger: Tagger, own: Collection[str], chance: random.Random
) -> str | None:
    for begin in (chance.random(), 0.0):
        window = (
            select(*_columns())
            .where(clips.c.gold, clips.c.shuffle >= begin)
            .order_by(clips.c.shuffle)
            .limit(WINDOW)
            .subquery()
        )
        found = _first(
            connection, select(window.c.utterance).where(*_free(window, tagger, own, None))
        )
        if found is not None:
            return found
    return None
