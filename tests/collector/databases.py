"""Databases to test on: SQLite always, PostgreSQL where STT_TEST_POSTGRES names an empty one."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert, select, text

from stt_service.collector.collection import Collection
from stt_service.collector.database import open_engine, prepare
from stt_service.collector.intake import Limits
from stt_service.collector.objects import Folder
from stt_service.collector.tables import contributors, metadata, utterances

POSTGRES = os.environ.get("STT_TEST_POSTGRES")
KINDS = ("sqlite", "postgres") if POSTGRES else ("sqlite",)


def sound(number: int) -> bytes:
    """Return what stands for the sound of an utterance where nobody listens."""
    return f"fLaC {number}".encode()


def row(number: int, **more: object) -> dict[str, object]:
    """Return an utterance as a collector keeps it."""
    chance = random.Random(number)
    return {
        "number": number,
        "id": f"{chance.getrandbits(128):032x}",
        "pseudonym": f"{number % 7:032x}",
        "received": "2026-11-23T12:00:00Z",
        "consent": "c" * 64,
        "scope": "publish",
        "text_version": 1,
        "text_sha256": "d" * 64,
        "since": "2026-11-22T12:00:00Z",
        "deletion_sha256": f"{chance.getrandbits(256):064x}",
        "audio_sha256": hashlib.sha256(sound(number)).hexdigest(),
        "bytes": 1000,
        "seconds": 2.0,
        "text": "turn on the light",
        "label": None,
        "confidence": 0.5,
        "alternatives": "[]",
        "capture": "{}",
        "model": "stt-en-small",
        "scorer": None,
        "engine": "litert",
        "clipped": 0,
        "overflows": 0,
        **more,
    }


def receive(engine: Engine, *rows: dict[str, Any]) -> None:
    """Put utterances where a collector puts them, and who sent them."""
    with engine.begin() as connection:
        known = set(connection.execute(select(contributors.c.pseudonym)).scalars())
        fresh = {one["pseudonym"] for one in rows} - known
        if fresh:
            connection.execute(
                insert(contributors),
                [
                    {
                        "pseudonym": one,
                        "token_sha256": hashlib.sha256(one.encode()).hexdigest(),
                        "barred": False,
                        "joined": 20_000,
                    }
                    for one in sorted(fresh)
                ],
            )
        connection.execute(insert(utterances), list(rows))


def collection(engine: Engine, folder: Path) -> Collection:
    """Return a collection on a database that has its tables."""
    prepare(engine)
    return Collection(
        engine, Folder(folder), limits=Limits(), texts=frozenset({"d" * 64}), bits=None
    )


@pytest.fixture(params=KINDS)
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = POSTGRES if request.param == "postgres" else f"sqlite:///{tmp_path / 'c.db'}"
    engine = open_engine(str(url))
    if request.param == "postgres":
        metadata.drop_all(engine)
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
    else:

        @event.listens_for(engine, "connect")
        def hurry(connection: Any, _: object) -> None:
            connection.execute("PRAGMA synchronous = OFF")

    yield engine
    engine.dispose()
