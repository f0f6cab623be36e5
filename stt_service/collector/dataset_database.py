"""A dataset's source: the tables and objects of a collector, read page by page.

A page is a transaction of its own. One long one would keep SQLite from receiving for as long as an
export takes, and PostgreSQL from tidying up; what is withdrawn meanwhile is asked for at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, Select, and_, func, select

from stt_service.collector.database import BURYING, lock, reading, writing
from stt_service.collector.dataset_export import Source
from stt_service.collector.dataset_layouts import Clip
from stt_service.collector.dataset_manifest import Revocation
from stt_service.collector.dataset_split import speaker_id, split_of
from stt_service.collector.objects import Objects, object_name
from stt_service.collector.tables import tombstones, utterances
from stt_service.collector.tagging_tables import clips

ROWS = 1000
"""Of a page: half a megabyte."""


def _published() -> ColumnElement[bool]:
    """Return what holds for a clip that may be in a dataset."""
    return and_(clips.c.state == "valid", utterances.c.scope == "publish")


class DatabaseSource(Source):
    """Clips of a collector that are valid and to be published. For one thread."""

    def __init__(self, engine: Engine, objects: Objects) -> None:
        self._engine = engine
        self._objects = objects

    def clips(self) -> Iterator[Clip]:
        query = (
            select(
                utterances.c.id,
                utterances.c.pseudonym,
                utterances.c.seconds,
                utterances.c.audio_sha256,
                clips.c.text,
                clips.c.agree,
                clips.c.against,
            )
            .join(clips, clips.c.utterance == utterances.c.id)
            .where(_published())
        )
        for row in self._pages(query, utterances.c.id, ""):
            speaker = speaker_id(row.pseudonym)
            yield Clip(
                id=row.id,
                speaker=speaker,
                split=split_of(speaker),
                text=row.text,
                seconds=row.seconds,
                agree=row.agree,
                against=row.against,
                audio_sha256=row.audio_sha256,
            )

    def sound(self, clip: Clip) -> bytes | None:
        return self._objects.get(object_name(clip.id, clip.audio_sha256))

    def revocations(self, after: int) -> Iterator[Revocation]:
        query = select(
            tombstones.c.number,
            tombstones.c.id,
            tombstones.c.audio_sha256,
            tombstones.c.deleted,
        ).where(tombstones.c.audio_sha256.is_not(None))  # what never came is in no copy
        for row in self._pages(query, tombstones.c.number, after):
            yield Revocation(row.number, row.id, row.audio_sha256, row.deleted)

    @contextmanager
    def at_rest(self, after: int) -> Iterator[bool]:
        query = select(tombstones.c.number).where(
            tombstones.c.number > after, tombstones.c.audio_sha256.is_not(None)
        )
        with writing(self._engine) as connection:
            lock(connection, BURYING)
            yield connection.execute(query.limit(1)).first() is None

    def _pages(
        self, query: Select[Any], key: ColumnElement[Any], after: str | int
    ) -> Iterator[Row[Any]]:
        """Yield rows in the order of a key, a page in each transaction."""
        while True:
            with reading(self._engine) as connection:
                page = connection.execute(query.where(key > after).order_by(key).limit(ROWS)).all()
            yield from page
            if len(page) < ROWS:
                return
            after = page[-1][0]

    def count(self) -> int:
        """Return how many clips there are to be exported."""
        query = (
            select(func.count())
            .select_from(utterances.join(clips, clips.c.utterance == utterances.c.id))
            .where(_published())
        )
        with reading(self._engine) as connection:
            return int(connection.execute(query).scalar_one())


@dataclass(frozen=True, slots=True)
class Standing:
    """What a collector has, and how far it is."""

    scope: str
    state: str
    """``new`` for what the tagger has not taken in."""
    clips: int
    seconds: float
    speakers: int


def standing(engine: Engine) -> list[Standing]:
    """Return how much there is of each scope and state. Looks at every utterance."""
    state = func.coalesce(clips.c.state, "new")
    query = (
        select(
            utterances.c.scope,
            state,
            func.count(),
            func.sum(utterances.c.seconds),
            func.count(utterances.c.pseudonym.distinct()),
        )
        .select_from(utterances.outerjoin(clips, clips.c.utterance == utterances.c.id))
        .group_by(utterances.c.scope, state)
        .order_by(utterances.c.scope, state)
    )
    with reading(engine) as connection:
        return [
            Standing(row[0], row[1], int(row[2]), float(row[3]), int(row[4]))
            for row in connection.execute(query)
        ]
