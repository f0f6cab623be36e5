"""A collector with utterances, people with keys, and a clock, for the tests of the tagger."""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy", reason="the collector needs the extra 'collector'")

from sqlalchemy import Engine, select

from stt_service.collector import tagging_next, tagging_people
from stt_service.collector.objects import Objects, object_name
from stt_service.collector.tagging import Tagging
from stt_service.collector.tagging_people import TaggerError
from stt_service.collector.tagging_tables import assignments, clips
from stt_service.collector.tagging_votes import Answer
from tests.collector.databases import collection, databases, receive, row, sound

engine = databases


@dataclass
class Stage:
    """A collector with utterances, people with keys, and a clock."""

    engine: Engine
    now: float = 1_000_000_000.0
    objects: Objects = field(init=False)
    tagging: Tagging = field(init=False)
    folder: InitVar[Path] = Path()

    def __post_init__(self, folder: Path) -> None:
        everything = collection(self.engine, folder)
        self.objects, self.tagging = everything.objects, everything.tagging

    def add(self, number: int, **more: object) -> str:
        values = row(number, **more)
        receive(self.engine, values)
        self.objects.put(object_name(str(values["id"]), str(values["audio_sha256"])), sound(number))
        self.tagging.take_in()
        return str(values["id"])

    def join(self, *, reference: bool = False) -> str:
        return self.tagging.join(self.tagging.invite(self.now, reference=reference), self.now)

    def next(self, key: str, *own: str) -> tuple[str, str] | None:
        """Return ticket and utterance."""
        offer = self.tagging.next(key, own, self.now)
        if offer is None:
            return None
        with self.engine.connect() as connection:
            query = select(assignments.c.utterance).where(assignments.c.ticket == offer.ticket)
            return offer.ticket, str(connection.execute(query).scalar_one())

    def hear(self, key: str, ticket: str) -> None:
        self.tagging.sound(key, ticket, self.now)
        self.now += 10.0

    def say(self, key: str, text: str = "", *own: str, **more: object) -> str:
        """Take the next clip, hear it, answer; return the utterance."""
        found = self.next(key, *own)
        assert found is not None
        ticket, utterance = found
        self.hear(key, ticket)
        kind = more.pop("kind", "text")
        self.tagging.vote(key, Answer(ticket, kind, text, **more), self.now)
        return utterance

    def clip(self, utterance: str) -> object:
        with self.engine.connect() as connection:
            query = select(clips).where(clips.c.utterance == utterance)
            return connection.execute(query).one()

    def tagger(self, key: str) -> tagging_people.Tagger:
        with self.engine.connect() as connection:
            return tagging_people.find(connection, key)


@pytest.fixture
def stage(engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stage:
    """Known clips only where a test wants them."""
    monkeypatch.setattr(tagging_next, "gold_chance", lambda _: 0.0)
    return Stage(engine, folder=tmp_path / "objects")


def refused(status: int) -> object:
    return pytest.raises(TaggerError, check=lambda error: error.status == status)
