"""What somebody says of a clip: noted, and the clip judged anew by all that was said of it.

Each function runs within its caller's transaction. A clip's row is locked before its votes are
read, so that two people who answer at once do not miss each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal, cast

from sqlalchemy import Connection, and_, case, delete, func, insert, or_, select, update

from stt_service.collector import tagging_next, tagging_people
from stt_service.collector.agreement import (
    OWNER,
    Reason,
    Verdict,
    Vote,
    fault_of,
    judge,
    normalise,
)
from stt_service.collector.tables import utterances
from stt_service.collector.tagging_next import Assignment
from stt_service.collector.tagging_people import DAY, Tagger, TaggerError
from stt_service.collector.tagging_rules import is_trusted, listening_left
from stt_service.collector.tagging_tables import clips, taggers, votes

Kind = Literal["text", "report", "skip"]
GOLD = "gold"
"""Kind of an answer to a known clip: measures who gives it, and counts for nothing else."""
SKIPPED = 0.7
"""What a clip's priority is multiplied by when somebody skips it: others come first."""
BATCH = 500
"""Clips that are judged anew at once."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody answers to a ticket."""

    ticket: str
    kind: Kind
    text: str = ""
    """Of kind ``text``: what was said."""
    reason: Reason | None = None
    """Of kind ``report``."""


def answer(connection: Connection, tagger: Tagger, given: Answer, now: float) -> None:
    """Note an answer, or another one to the same ticket. Raises :exc:`TaggerError`."""
    held = tagging_next.find(connection, tagger, given.ticket)
    if not tagging_next.stays(connection, held.utterance):
        raise tagging_next.gone()
    _lock(connection, [held.utterance])
    _check(connection, held, given, now)
    plain = normalise(given.text) if given.kind == "text" else ""
    measures = held.gold and given.kind != "skip" and given.reason != "private"
    kind = GOLD if measures else given.kind
    _replace(connection, tagger, held.utterance, given, kind, plain, now)
    right = _measure(connection, held, plain) if measures else None
    tagging_next.note_done(connection, held.ticket, right=right)
    changed = _figures(connection, tagger, held, given, right)
    if not held.gold and given.kind == "skip" and not held.done:
        _put_back(connection, held.utterance)
    rejudge(connection, [held.utterance])
    if changed:
        # All that this person ever said counts now, or does not count any more.
        rejudge(connection, clips_of(connection, tagger.number))


def _check(connection: Connection, held: Assignment, given: Answer, now: float) -> None:
    if given.kind == "report" and given.reason is None:
        raise TaggerError(422, "a report needs a reason", "Choose one")
    fault = fault_of(given.text) if given.kind == "text" else None
    if fault is not None:
        raise TaggerError(422, "this text cannot count", fault)
    seconds = connection.execute(
        select(clips.c.seconds).where(clips.c.utterance == held.utterance)
    ).scalar_one()
    if held.heard is None or listening_left(seconds, now - held.heard) > 0:
        raise TaggerError(425, "it was not heard yet", "Hear it to the end first")


def _lock(connection: Connection, names: list[str]) -> None:
    """Keep others from judging clips until the transaction ends; SQLite lets one in anyway."""
    connection.execute(
        select(clips.c.utterance)
        .where(clips.c.utterance.in_(names))
        .order_by(clips.c.utterance)
        .with_for_update()
    ).all()


def _replace(
    connection: Connection,
    tagger: Tagger,
    utterance: str,
    given: Answer,
    kind: str,
    plain: str,
    now: float,
) -> None:
    connection.execute(
        delete(votes).where(votes.c.utterance == utterance, votes.c.tagger == tagger.number)
    )
    connection.execute(
        insert(votes).values(
            utterance=utterance,
            tagger=tagger.number,
            kind=kind,
            text=given.text if given.kind == "text" else "",
            plain=plain,
            reason=given.reason if given.kind == "report" else None,
            day=int(now // DAY),
        )
    )


def _measure(connection: Connection, held: Assignment, plain: str) -> bool:
    """Return whether the answer to a known clip is right."""
    known = connection.execute(
        select(clips.c.text).where(clips.c.utterance == held.utterance)
    ).scalar_one()
    return bool(plain == known)


def _figures(
    connection: Connection, tagger: Tagger, held: Assignment, given: Answer, right: bool | None
) -> bool:
    """Add to somebody's figures; return whether that changes whether their votes count."""
    more = {
        "tagged": int(not held.done and given.kind != "skip"),
        "right": (right is True) - (held.right is True),
        "wrong": (right is False) - (held.right is False),
    }
    if any(more.values()):
        tagging_people.add(connection, tagger.number, **more)
    after = is_trusted(tagger.right + more["right"], tagger.wrong + more["wrong"])
    return after != is_trusted(tagger.right, tagger.wrong)


def _put_back(connection: Connection, utterance: str) -> None:
    connection.execute(
        update(clips)
        .where(clips.c.utterance == utterance)
        .values(priority=clips.c.priority * SKIPPED, leased_until=0)
    )


def clips_of(connection: Connection, tagger: int) -> list[str]:
    """Return all clips of which somebody has said something."""
    query = select(votes.c.utterance).where(
        votes.c.tagger == tagger, votes.c.kind.in_(("text", "report"))
    )
    return list(connection.execute(query).scalars())


def rejudge(connection: Connection, names: Iterable[str]) -> None:
    """Bring verdicts up to date with the votes that count now."""
    rest = iter(sorted(names))  # always in one order: two who lock wait, but not for each other
    while batch := list(islice(rest, BATCH)):
        _lock(connection, batch)
        said = _counting(connection, batch)
        for utterance in batch:
            _judge(connection, utterance, said.get(utterance, []))


def _counting(connection: Connection, names: Iterable[str]) -> dict[str, list[tuple[Vote, bool]]]:
    """Return the votes that count, and whether they are a reference's; the owners' included."""
    said: dict[str, list[tuple[Vote, bool]]] = {}
    owners = select(utterances.c.id, utterances.c.label).where(
        utterances.c.id.in_(names), utterances.c.label.is_not(None)
    )
    for row in connection.execute(owners):
        said.setdefault(row.id, []).append((Vote(OWNER, row.label), False))
    query = (
        select(votes, taggers.c.reference, taggers.c.right, taggers.c.wrong)
        .join(taggers, taggers.c.number == votes.c.tagger)
        .where(
            votes.c.utterance.in_(names),
            votes.c.kind.in_(("text", "report")),
            taggers.c.barred.is_(False),
        )
    )
    for row in connection.execute(query):
        if is_trusted(row.right, row.wrong):
            vote = Vote(str(row.tagger), row.plain, cast("Reason | None", row.reason))
            said.setdefault(row.utterance, []).append((vote, row.reference))
    return said


def _judge(connection: Connection, utterance: str, said: list[tuple[Vote, bool]]) -> None:
    verdict = judge(vote for vote, _ in said)
    connection.execute(
        update(clips)
        .where(clips.c.utterance == utterance)
        .values(
            state=verdict.state,
            text=verdict.text,
            agree=verdict.agree,
            against=verdict.against,
            voters=sum(vote.person != OWNER for vote, _ in said),
            gold=_is_known(verdict, said),
            leased_until=0,
        )
    )


def _is_known(verdict: Verdict, said: list[tuple[Vote, bool]]) -> bool:
    """Return whether a reference is among those who agree."""
    return verdict.state == "valid" and any(
        reference and normalise(vote.text) == verdict.text for vote, reference in said
    )


@dataclass(frozen=True, slots=True)
class Mine:
    """What somebody has done."""

    today: int
    tagged: int
    settled: int
    """Of their votes, those whose clip is decided."""
    agreed: int
    """Of these, those that say what was decided."""


def mine(connection: Connection, tagger: Tagger, now: float) -> Mine:
    """Return what somebody has done."""
    counted = votes.c.kind.in_(("text", "report"))
    same = or_(
        and_(clips.c.state == "valid", votes.c.plain == clips.c.text),
        and_(clips.c.state == "invalid", votes.c.kind == "report"),
    )
    row = connection.execute(
        select(
            func.count(),
            func.coalesce(func.sum(case((same, 1), else_=0)), 0),
        )
        .select_from(votes.join(clips, clips.c.utterance == votes.c.utterance))
        .where(votes.c.tagger == tagger.number, counted, clips.c.state != "open")
    ).one()
    return Mine(today(connection, tagger, now), tagger.tagged, int(row[0]), int(row[1]))


def today(connection: Connection, tagger: Tagger, now: float) -> int:
    """Return of how many clips somebody has said something today, UTC."""
    return int(
        connection.execute(
            select(func.count())
            .select_from(votes)
            .where(
                votes.c.tagger == tagger.number,
                votes.c.day == int(now // DAY),
                votes.c.kind != "skip",
            )
        ).scalar_one()
    )


def states(connection: Connection) -> Iterator[tuple[str, int, float]]:
    """Yield each state, the number of clips in it, and their seconds. Looks at every clip."""
    query = select(clips.c.state, func.count(), func.sum(clips.c.seconds)).group_by(clips.c.state)
    for state, count, seconds in connection.execute(query):
        yield state, int(count), float(seconds)
