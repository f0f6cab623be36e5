"""New utterances become clips to be tagged: a priority each, by what is known when they come.

    utterances ──► words and voices are counted ──► clips

Runs beside receiving, which is not to wait for it. Of words only numbers of a 16-bit hash are
counted: what was said by those who withdraw leaves no trace here.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from stt_service.collector.agreement import normalise
from stt_service.collector.tables import utterances
from stt_service.collector.tagging_rules import priority
from stt_service.collector.tagging_tables import clips, progress, words
from stt_service.collector.tagging_votes import rejudge

BATCH = 500
"""Utterances that are taken in within one transaction."""
OVERLAP = 10_000
"""Numbers before the last one that are looked at again: transactions of other processes may end
later than ones that began after them."""
BUCKETS = 1 << 16


def take_in(connection: Connection, chance: random.Random | None = None) -> int:
    """Take in up to a batch; return how many. Runs within its caller's transaction."""
    chance = chance or random.SystemRandom()
    last = _last(connection)
    rows = _new(connection, last)
    if not rows:
        return 0
    spoken = [_buckets(row.label or row.text) for row in rows]
    common = _common(connection, set().union(*spoken))
    voices = _voices(connection, {row.pseudonym for row in rows})
    made = []
    for row, heard in zip(rows, spoken, strict=True):
        worth = priority(row.confidence, [common[one] for one in heard], voices[row.pseudonym])
        common.update(heard)
        voices[row.pseudonym] += 1
        made.append(
            {
                "utterance": row.id,
                "pseudonym": row.pseudonym,
                "seconds": row.seconds,
                "state": "open",
                "voters": 0,
                "priority": worth,
                "shuffle": chance.random(),
                "leased_until": 0,
                "text": "",
                "agree": 0,
                "against": 0,
                "gold": False,
            }
        )
    connection.execute(insert(clips), made)
    _count(connection, Counter(one for heard in spoken for one in heard))
    highest = max(last, *(row.number for row in rows))
    connection.execute(update(progress).values(taken_in=highest))
    rejudge(connection, [row.id for row in rows if row.label is not None])
    return len(rows)


def _last(connection: Connection) -> int:
    """Return the number of the last utterance, and keep all others out until the end."""
    found = connection.execute(
        update(progress).values(taken_in=progress.c.taken_in).returning(progress.c.taken_in)
    ).scalar()
    if found is None:
        connection.execute(insert(progress).values(id=1, taken_in=0))
        return 0
    return int(found)


def _new(connection: Connection, last: int) -> Sequence[Any]:
    query = (
        select(
            utterances.c.number,
            utterances.c.id,
            utterances.c.pseudonym,
            utterances.c.seconds,
            utterances.c.confidence,
            utterances.c.text,
            utterances.c.label,
        )
        .outerjoin(clips, clips.c.utterance == utterances.c.id)
        .where(utterances.c.number > last - OVERLAP, clips.c.utterance.is_(None))
        .order_by(utterances.c.number)
        .limit(BATCH)
        .with_for_update(read=True, key_share=True, of=utterances)  # none is deleted meanwhile
    )
    return connection.execute(query).all()


def _buckets(text: str) -> set[int]:
    return {
        int.from_bytes(hashlib.sha256(word.encode()).digest()[:2]) % BUCKETS
        for word in normalise(text).split()
    }


def _common(connection: Connection, buckets: Iterable[int]) -> Counter[int]:
    query = select(words.c.bucket, words.c.clips).where(words.c.bucket.in_(buckets))
    return Counter({row.bucket: row.clips for row in connection.execute(query)})


def _voices(connection: Connection, pseudonyms: Iterable[str]) -> Counter[str]:
    query = (
        select(clips.c.pseudonym, func.count())
        .where(clips.c.pseudonym.in_(pseudonyms))
        .group_by(clips.c.pseudonym)
    )
    return Counter({row[0]: row[1] for row in connection.execute(query)})


def _count(connection: Connection, counts: Counter[int]) -> None:
    known = set(
        connection.execute(select(words.c.bucket).where(words.c.bucket.in_(counts))).scalars()
    )
    if known:
        connection.execute(
            update(words)
            .where(words.c.bucket == bindparam("one"))
            .values(clips=words.c.clips + bindparam("more")),
            [{"one": bucket, "more": counts[bucket]} for bucket in sorted(known)],
        )
    fresh = [{"bucket": one, "clips": counts[one]} for one in sorted(counts.keys() - known)]
    if fresh:
        connection.execute(insert(words), fresh)
