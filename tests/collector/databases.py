"""Databases to test on: SQLite always, PostgreSQL where STT_TEST_POSTGRES names one."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event
from stt_service.collector.tables import metadata


def row(number: int, **more: object) -> dict[str, object]:
    return {
        "number": number,
        "id": f"{random.Random(number).getrandbits(128):032x}",
        "pseudonym": f"{number % 7:032x}",
        "seconds": 2.0,
        "confidence": 0.5,
        "text": "turn on the light",
        "label": None,
        "scope": "publish",
        "audio_sha256": hashlib.sha256(str(number).encode()).hexdigest(),
        **more,
    }


@pytest.fixture
def databases(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path / 'c.db'}")

    @event.listens_for(engine, "connect")
    def on(connection, _):
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection):
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    metadata.create_all(engine)
    yield engine
    engine.dispose()
