"""Consent attacked on its way: between check and sending, by other targets, clocks and daemons."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stt_service.errors import ConsentError
from stt_service.store import consent as ledgers
from stt_service.store.consent import Ledger
from stt_service.store.kept import Grace
from stt_service.store.queue import Queue
from stt_service.upload.collector import CollectorTarget
from tests.upload.conftest import NOW, Device, Running, drain


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Running]:
    """Another collector."""
    (tmp_path / "other").mkdir()
    one = Running(tmp_path / "other")
    yield one
    one.close()


def test_a_deletion_is_asked_for_where_the_utterance_went(
    device: Device, collector: Running, other: Running
) -> None:
    """Though another target is set by then, whose word would prove nothing."""
    device.give("upload")
    kept = device.keep(1)
    assert device.worker(collector.port).step().did == "sent"
    device.utterances.withdraw("owner", "asked")
    worker = device.worker(other.port)
    assert worker.step().did == "failed"
    assert worker.step().did == "idle"
    assert device.queue.receipts() == []
    assert collector.collection.sums().utterances == 1
    worker = device.worker(other.port, former=CollectorTarget)
    assert worker.step().did == "deleted"
    assert collector.collection.sums().utterances == 0
    assert [one.utterance for one in device.queue.receipts()] == [kept.id]
    assert device.queue.tombstones() == []


def test_what_went_to_two_targets_is_taken_back_from_both(
    device: Device, collector: Running, other: Running
) -> None:
    """The first may have stored it although its answer was lost."""
    device.give("upload")
    kept = device.keep(1)
    first = device.worker(collector.port)
    permission = device.queue.begin(kept, first.target.name)
    assert permission is not None
    assert device.worker(other.port).step().did == "sent"
    device.utterances.delete([kept])
    worker = device.worker(other.port, former=CollectorTarget)
    assert [worker.step().did, worker.step().did, worker.step().did] == ["deleted"] * 2 + ["idle"]
    (receipt,) = device.queue.receipts()
    assert len(receipt.receipt.split()) == 2


def test_what_was_sent_before_targets_were_written_down_is_asked_of_all(device: Device) -> None:
    """Which knew this device then."""
    with device.database.writing() as connection:
        connection.execute("INSERT INTO sent VALUES ('a', 'owner', 't')")
        connection.execute("INSERT INTO accounts VALUES ('https://one', 'p', 't', 1)")
        connection.execute("INSERT INTO accounts VALUES ('https://two', 'p', 't', 1)")
        connection.execute("DROP TABLE went_to")
        connection.execute("DROP INDEX tombstones_by_time")
        connection.execute("DROP TABLE passed")
        connection.execute("ALTER TABLE utterances DROP COLUMN since")
        connection.execute("PRAGMA user_version = 2")
    device.database.close()
    again = Device(device.database.folder)
    again.utterances.withdraw("owner", "asked")
    asked = [one.target for one in again.queue.tombstones()]
    again.database.close()
    assert asked == ["https://one", "https://two"]


def test_a_deletion_that_is_refused_holds_up_no_other(device: Device, collector: Running) -> None:
    """It is asked for again later; what may leave leaves meanwhile."""
    device.give("upload")
    first, second = device.keep(1), device.keep(2)
    worker = device.worker(collector.port)
    drain(worker, lambda: collector.collection.sums().utterances == 2)
    with device.database.writing() as connection:
        query = "UPDATE sent SET deletion_token = ? WHERE utterance = ?"
        connection.execute(query, ("0" * 64, first.id))
    device.utterances.delete([first])
    device.utterances.delete([second])
    device.keep(3)
    did = [worker.step().did for _ in range(4)]
    assert sorted(did[:2]) == ["deleted", "failed"]  # asked for in the same second
    assert did[2:] == ["sent", "idle"]
    assert [one.utterance for one in device.queue.tombstones()] == [first.id]
    assert device.queue.paused() is None


def test_a_decision_that_is_taken_back_stops_it_at_the_last_moment(
    device: Device, collector: Running
) -> None:
    """Between being chosen and being sent, and while it is sent: as a withdrawal does."""
    device.give("upload")
    kept = device.keep(1)
    assert device.queue.begin(kept, "https://collector") is not None
    assert device.queue.still(kept)
    device.utterances.review(kept, None)
    assert not device.queue.still(kept)
    assert device.queue.begin(kept, "https://collector") is None
    unreviewed = Queue(device.database, device.utterances, Grace(0.0, unreviewed=True))
    assert unreviewed.begin(kept, "https://collector") is not None


def test_consent_that_ends_between_choice_and_sending_stops_it(
    device: Device, collector: Running
) -> None:
    """Nothing is noted as sent, and nobody has to be asked to delete it."""
    device.give("upload")
    kept = device.queue.next(NOW) if device.keep(1) else None
    assert kept is not None
    device.utterances.withdraw("owner", "asked")
    assert device.queue.begin(kept, "https://collector") is None
    assert device.queue.tombstones() == []


@pytest.mark.parametrize(("scope", "back"), [("upload", 1), ("keep", 2)])
def test_a_narrower_scope_takes_back_what_went_under_a_wider_one(
    device: Device, collector: Running, scope: ledgers.Scope, back: int
) -> None:
    """Here it stays; copies of the dataset hear of it as of every deletion."""
    device.give("upload")
    device.keep(1)
    device.give("publish")
    public = device.keep(2)
    worker = device.worker(collector.port)
    drain(worker, lambda: collector.collection.sums().utterances == 2)
    device.give(scope)
    drain(worker, lambda: not device.queue.tombstones())
    assert collector.collection.sums().utterances == 2 - back
    assert len(device.queue.receipts()) == back
    told = {one.id for one in collector.collection.removal.revocations(0)}
    assert public.id in told
    assert device.utterances.stats().utterances == 2
    assert worker.step().did == "idle"


def test_a_guest_who_goes_leaves_nothing_that_leaves(device: Device, collector: Running) -> None:
    """Nor does another guest's consent, or the owner's, count for what the first one said."""
    device.give("publish")
    device.ledger.set_guests(present=True)
    device.ledger.give("publish", "asked", actor="guest")
    device.keep(1)
    device.ledger.set_guests(present=False)
    worker = device.worker(collector.port)
    assert worker.step().did == "idle"
    device.ledger.set_guests(present=True)
    device.ledger.give("publish", "asked", actor="guest")
    assert worker.step().did == "idle"


def test_two_daemons_send_and_count_once(device: Device, collector: Running) -> None:
    """Both have chosen the same utterance, and both have been told that it arrived."""
    device.give("upload")
    kept = device.keep(1)
    twin = Device(device.database.folder)
    assert device.worker(collector.port).step().did == "sent"
    twin.queue.done(kept, NOW)
    assert [day.utterances for day in twin.queue.left_home()] == [1]
    device.utterances.delete([kept])
    for one in (device, twin):
        for grave in one.queue.tombstones() or device.queue.tombstones():
            assert grave.utterance == kept.id
    assert twin.worker(collector.port).step().did == "deleted"
    assert device.worker(collector.port).step().did == "idle"
    assert len(device.queue.receipts()) == 1
    twin.database.close()


def test_a_database_from_before_a_withdrawal_brings_no_consent_back(device: Device) -> None:
    """Nothing is saved and nothing leaves until somebody decides anew; it can be emptied."""
    device.give("upload")
    device.keep(1)
    folder = device.database.folder
    device.database.forget()
    before = (folder / "store.db").read_bytes()
    device.utterances.withdraw("owner", "asked")
    device.database.close()
    for name in ("store.db-wal", "store.db-shm"):
        (folder / name).unlink(missing_ok=True)
    (folder / "store.db").write_bytes(before)
    restored = Device(folder)
    with pytest.raises(ConsentError, match="older"):
        restored.ledger.standing()
    with pytest.raises(ConsentError):
        restored.queue.next(NOW)
    restored.utterances.withdraw("owner", "asked")
    assert restored.utterances.stats().utterances == 0
    restored.database.close()


def test_a_damaged_ledger_keeps_nobody_from_withdrawing(device: Device, collector: Running) -> None:
    """What is here goes, and what was sent is asked back."""
    device.give("upload")
    device.keep(1)
    worker = device.worker(collector.port)
    assert worker.step().did == "sent"
    with device.database.writing() as connection:
        connection.execute("DROP TRIGGER ledger_stays")
        connection.execute("UPDATE ledger SET scope = 'publish'")
    with pytest.raises(ConsentError):
        device.ledger.standing()
    assert device.utterances.withdraw("owner", "asked") == 1
    assert worker.step().did == "deleted"
    assert collector.collection.sums().utterances == 0


def test_a_full_ledger_takes_every_withdrawal(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room is left for ending what is alive."""
    monkeypatch.setattr(ledgers, "MAX_ENTRIES", 9)
    device.give("keep")
    device.give("upload")
    device.give("keep")
    device.give("upload")
    device.ledger.set_guests(present=True)
    device.ledger.give("keep", "asked", actor="guest")
    with pytest.raises(ConsentError, match="entries"):
        device.ledger.give("upload", "asked", actor="guest")
    device.utterances.withdraw("guest", "asked")
    device.utterances.withdraw("owner", "asked")
    device.ledger.set_guests(present=False)
    assert Ledger(device.database).standing().live is None
