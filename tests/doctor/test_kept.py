"""The store is read, and nothing of it is changed or made."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from stt_service.doctor.kept import Kept, judge_broken, judge_consent, judge_queue, read_kept
from stt_service.errors import ConsentError, StoreError
from stt_service.store.consent import Ledger
from stt_service.store.db import FILE, Database


def agreed(folder: Path) -> None:
    with Database(folder) as database:
        Ledger(database).give("keep", "asked")


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_without_a_store_nothing_is_made(tmp_path: Path) -> None:
    """Nobody has agreed to anything."""
    assert read_kept(tmp_path / "store") is None
    assert list(tmp_path.iterdir()) == []
    assert judge_consent(None).facts == {"saving": False, "utterances": 0}
    assert judge_queue(None).status == "ok"


def test_a_consent_is_seen_and_no_file_is_touched(tmp_path: Path) -> None:
    """Not one byte, not one file."""
    agreed(tmp_path)
    before = content(tmp_path)
    assert read_kept(tmp_path) == Kept("keep", guests=False, utterances=0, tombstones=0)
    assert content(tmp_path) == before


def test_while_a_daemon_writes_its_log_is_read_too(tmp_path: Path) -> None:
    """What it has written last counts."""
    agreed(tmp_path)
    with Database(tmp_path) as database:
        Ledger(database).set_guests(present=True)
        names = set(content(tmp_path))
        assert f"{FILE}-wal" in names
        assert read_kept(tmp_path) == Kept("", guests=True, utterances=0, tombstones=0)
        assert set(content(tmp_path)) == names


def test_a_log_that_was_cut_off_is_left_alone(tmp_path: Path) -> None:
    """Opening it would mend it, which is not ours to do."""
    agreed(tmp_path)
    (tmp_path / f"{FILE}-wal").write_bytes(b"half")
    before = content(tmp_path)
    with pytest.raises(StoreError, match="cut off"):
        read_kept(tmp_path)
    assert content(tmp_path) == before


def test_a_broken_ledger_is_said(tmp_path: Path) -> None:
    """So that nobody believes that saving goes on."""
    agreed(tmp_path)
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("DROP TRIGGER ledger_stays")
    connection.execute("UPDATE ledger SET scope = 'publish'")
    connection.commit()
    connection.close()
    with pytest.raises(ConsentError) as caught:
        read_kept(tmp_path)
    assert judge_broken(caught.value).code == "consent-broken"


@pytest.mark.parametrize("raw", [b"", b"no database at all" * 100])
def test_what_is_no_database_is_said(tmp_path: Path, raw: bytes) -> None:
    """As one line."""
    (tmp_path / FILE).write_bytes(raw)
    with pytest.raises(StoreError):
        read_kept(tmp_path)


def test_a_newer_store_is_not_guessed_at(tmp_path: Path) -> None:
    """Its tables may mean something else."""
    agreed(tmp_path)
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="newer"):
        read_kept(tmp_path)


def test_many_deletions_that_wait_are_a_warning() -> None:
    """The collection has not been reached."""
    assert (
        judge_queue(Kept("keep", guests=False, utterances=5, tombstones=3)).message
        == "3 deletions elsewhere wait"
    )
    assert (
        judge_queue(Kept("keep", guests=False, utterances=5, tombstones=5000)).code
        == "queue-waiting"
    )


def test_what_was_refused_and_what_pauses_the_queue_is_a_warning() -> None:
    """The queue's own command says why."""
    refused = Kept("upload", guests=False, utterances=5, tombstones=0, refused=2)
    assert judge_queue(refused).code == "queue-refused"
    paused = Kept("upload", guests=False, utterances=5, tombstones=0, refused=2, paused=True)
    assert judge_queue(paused).code == "queue-paused"


@pytest.mark.parametrize(("until", "paused"), [(None, True), (4e9, True), (1e9, False)])
def test_the_queue_is_read_where_there_is_one(
    tmp_path: Path, until: float | None, paused: bool
) -> None:
    """A pause that is over is none."""
    agreed(tmp_path)
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("CREATE TABLE IF NOT EXISTS queue_pause (one, reason, until, failures)")
    connection.execute("INSERT INTO queue_pause VALUES (1, 'the bill', ?, 0)", (until,))
    connection.commit()
    connection.close()
    found = read_kept(tmp_path)
    assert found is not None
    assert found.paused is paused


def test_the_scope_is_told() -> None:
    """And whose it is."""
    assert (
        "the owner agreed to `upload`"
        in judge_consent(Kept("upload", guests=False, utterances=7, tombstones=0)).message
    )
    assert (
        "a guest agreed to `keep`"
        in judge_consent(Kept("keep", guests=True, utterances=7, tombstones=0)).message
    )
