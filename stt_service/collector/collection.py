"""One collection: its database, its sound, its rules, and the parts that work on them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import Engine, func, select
from sqlalchemy.sql.elements import ColumnElement

from stt_service.collector import admission
from stt_service.collector.database import reading, seal_key, writing
from stt_service.collector.intake import Intake, Limits
from stt_service.collector.objects import Objects, object_name
from stt_service.collector.removal import Removal
from stt_service.collector.tables import contributors, tombstones, utterances
from stt_service.collector.tagging import Tagging
from stt_service.errors import CollectorError

PROBE = "00/probe.flac"
"""Written and deleted again to see whether sound can be stored."""


PAGE = 1000
"""Rows that are read at once."""


@dataclass(frozen=True, slots=True)
class Sums:
    """How much there is."""

    contributors: int
    utterances: int
    bytes: int
    seconds: float
    deleted: int


class Collection:
    """Everything that requests work on. Any thread may call."""

    def __init__(
        self,
        engine: Engine,
        objects: Objects,
        *,
        limits: Limits,
        texts: frozenset[str],
        bits: int | None,
    ) -> None:
        """``bits`` of work let anybody in; None: by invitation only. ``texts`` are hashes."""
        self.engine = engine
        self.objects = objects
        self.limits = limits
        self.texts = texts
        self.bits = bits

    @cached_property
    def key(self) -> bytes:
        """Seals challenges and receipts."""
        return seal_key(self.engine)

    @cached_property
    def intake(self) -> Intake:
        """Receives."""
        return Intake(self.engine, self.objects, self.limits, self.texts)

    @cached_property
    def removal(self) -> Removal:
        """Deletes."""
        return Removal(self.engine, self.objects, self.key)

    @cached_property
    def tagging(self) -> Tagging:
        """Lets people hear and judge."""
        return Tagging(self.engine, self.sound)

    def enrol(self, who: admission.Joining, now: int) -> bool:
        """Let somebody in; False where that was so before. Raises :exc:`RefusedError`."""
        if self.bits is None and not who.invitation:
            raise admission.by_invitation()
        key = self.key  # which asks the database: not within the transaction
        with writing(self.engine) as connection:
            return admission.join(connection, who, key=key, bits=self.bits or 0, now=now)

    def sound(self, utterance: str) -> bytes:
        """Return an utterance's FLAC. Raises :exc:`CollectorError`, also when it has gone."""
        query = select(utterances.c.audio_sha256).where(utterances.c.id == utterance)
        with reading(self.engine) as connection:
            digest = connection.execute(query).scalar()
        data = None if digest is None else self.objects.get(object_name(utterance, digest))
        if data is None or hashlib.sha256(data).hexdigest() != digest:
            raise CollectorError(f"the sound of {utterance} is gone or damaged", "Restore it")
        return data

    def ids(self) -> Iterator[str]:
        """Yield the ids of all utterances, page by page, in the order of arrival."""
        last = 0
        while True:
            query = (
                select(utterances.c.number, utterances.c.id)
                .where(utterances.c.number > last)
                .order_by(utterances.c.number)
                .limit(PAGE)
            )
            with reading(self.engine) as connection:
                rows = connection.execute(query).all()
            yield from (row.id for row in rows)
            if len(rows) < PAGE:
                return
            last = rows[-1].number

    def sums(self) -> Sums:
        """Return how much there is. Raises :exc:`CollectorError`."""
        total = func.coalesce
        with reading(self.engine) as connection:
            count, size, seconds = connection.execute(
                select(
                    func.count(),
                    total(func.sum(utterances.c.bytes), 0),
                    total(func.sum(utterances.c.seconds), 0.0),
                ).select_from(utterances)
            ).one()
            people = connection.execute(select(func.count()).select_from(contributors)).scalar()
            received: ColumnElement[bool] = tombstones.c.audio_sha256.is_not(None)
            gone = connection.execute(
                select(func.count()).select_from(tombstones).where(received)
            ).scalar()
        return Sums(people or 0, count, int(size), float(seconds), gone or 0)

    def check(self) -> None:
        """See whether the database and the place for sound work. Raises CollectorError."""
        with reading(self.engine) as connection:
            connection.execute(select(1))
        self.objects.put(PROBE, b"")
        self.objects.delete(PROBE)
