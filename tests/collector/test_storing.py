"""The row of a received utterance, on SQLite and on PostgreSQL: the same answers, one at a time."""

from __future__ import annotations

import hashlib
import secrets
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from stt_service.collector.database import prepare, reading
from stt_service.collector.objects import Folder
from stt_service.collector.removal import Removal
from stt_service.collector.storing import store
from stt_service.collector.tables import audit, days, tombstones, utterances
from stt_service.errors import CollectorError
from tests.collector.databases import databases, receive, row

__all__ = ["databases"]

DAY, PLENTY, ROUNDS = 20_000, 1000, 40
TOKEN = "a secret of this utterance"
DELETION = hashlib.sha256(TOKEN.encode()).hexdigest()


@pytest.fixture
def engine(databases: Engine) -> Engine:
    """A database with its tables, and seven who may send."""
    prepare(databases)
    rows = [row(number) for number in range(7)]
    for one in rows:
        del one["number"]  # the database counts
    receive(databases, *rows)
    return databases


def fresh(**more: object) -> dict[str, Any]:
    made = row(1, id=secrets.token_hex(16), **more)
    del made["number"]
    return made


def count(engine: Engine, table: Any) -> int:
    with reading(engine) as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def test_what_is_stored_is_what_was_given(engine: Engine) -> None:
    """To the last bit of its figures, in any language, with a number after all others."""
    said = '«licht» 💡 \\ " \x01'
    given = fresh(text=said, label=None, seconds=1.1000000000000003)
    found, stored = store(engine, given, day=DAY, most=PLENTY)
    assert (stored, found.buried, found.owner) == (True, None, None)
    with reading(engine) as connection:
        query = select(utterances).where(utterances.c.id == given["id"])
        kept = dict(connection.execute(query).mappings().one())
        noted = connection.execute(select(audit.c.action, audit.c.subject)).all()
    assert kept.pop("number") == 8
    assert kept == given
    assert [tuple(one) for one in noted] == [("received", given["id"])]


def test_the_same_again_says_who_has_it_and_counts_nothing(engine: Engine) -> None:
    """Whoever asks."""
    given = fresh()
    store(engine, given, day=DAY, most=PLENTY)
    found, stored = store(engine, {**given, "pseudonym": "5" * 32}, day=DAY, most=PLENTY)
    assert not stored
    assert (found.owner, found.audio_sha256) == (given["pseudonym"], given["audio_sha256"])
    assert count(engine, utterances) == 8
    with reading(engine) as connection:
        assert connection.execute(select(days.c.utterances)).scalars().all() == [1]


def test_a_day_has_an_end_and_the_next_one_begins(engine: Engine) -> None:
    """So many of one contributor."""
    done = [store(engine, fresh(), day=DAY, most=3)[1] for _ in range(5)]
    assert done == [True, True, True, False, False]
    assert store(engine, fresh(), day=DAY + 1, most=3)[1]
    assert count(engine, utterances) == 7 + 4


def test_what_was_deleted_stays_out(engine: Engine, tmp_path: Path) -> None:
    """Never received, or received and taken back."""
    given = fresh()
    removal = Removal(engine, Folder(tmp_path / "objects"), b"k" * 32)
    assert removal.delete(given["id"], TOKEN).unknown
    found, stored = store(engine, given, day=DAY, most=PLENTY)
    assert not stored
    assert found.buried is not None
    assert count(engine, days) == 0


def test_who_never_joined_stores_nothing(engine: Engine) -> None:
    """The database itself refuses; nothing is half there."""
    with pytest.raises(CollectorError):
        store(engine, fresh(pseudonym="f" * 32), day=DAY, most=PLENTY)
    assert (count(engine, utterances), count(engine, audit), count(engine, days)) == (7, 0, 0)
    assert store(engine, fresh(), day=DAY, most=PLENTY)[1]


def test_a_deletion_and_a_sending_at_once_leave_one_of_both(engine: Engine, tmp_path: Path) -> None:
    """Whichever comes first: no row beside its tombstone."""
    removal = Removal(engine, Folder(tmp_path / "objects"), b"k" * 32)
    for _ in range(ROUNDS):
        given = fresh(deletion_sha256=DELETION)
        start = threading.Barrier(3)

        def send(given: dict[str, Any] = given, start: threading.Barrier = start) -> None:
            start.wait()
            store(engine, given, day=DAY, most=PLENTY)

        threads = [threading.Thread(target=send) for _ in range(2)]
        for one in threads:
            one.start()
        start.wait()
        removal.delete(given["id"], TOKEN)
        for one in threads:
            one.join()
    with reading(engine) as connection:
        both = select(func.count()).select_from(
            utterances.join(tombstones, utterances.c.id == tombstones.c.id)
        )
        assert connection.execute(both).scalar() == 0
    assert count(engine, tombstones) == ROUNDS
    assert count(engine, utterances) == 7
