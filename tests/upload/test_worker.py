"""What leaves, what does not, and what is taken back: a real store, a real collector."""

from __future__ import annotations

import datetime as dt
import random

import pytest

from bench.fault_proxy import FaultProxy
from stt_service.store.filters import parse_hours
from stt_service.upload.collector import CollectorTarget
from stt_service.upload.worker import Rules
from tests.upload.conftest import NOW, Device, Running, drain


def test_what_is_accepted_arrives_byte_by_byte(device: Device, collector: Running) -> None:
    """With its consent; what was not reviewed, or was rejected, stays."""
    device.give("publish")
    sent = device.keep(1)
    device.keep(2, accepted=False)
    device.utterances.review(device.keep(3), "rejected")
    worker = device.worker(collector.port)
    assert [worker.step().did, worker.step().did] == ["sent", "idle"]
    assert list(collector.collection.ids()) == [sent.id]
    assert collector.collection.sound(sent.id) == device.utterances.sound(sent)
    assert [day.utterances for day in device.queue.left_home()] == [1]


def test_what_was_only_to_be_kept_never_leaves(device: Device, collector: Running) -> None:
    """Not even when its owner agrees to more later: that is about what is said from then on."""
    device.give("keep")
    device.keep(1)
    worker = device.worker(collector.port)
    assert worker.step().did == "idle"
    device.give("upload")
    assert worker.step().did == "idle"
    later = device.keep(2)
    assert worker.step().did == "sent"
    assert list(collector.collection.ids()) == [later.id]


def test_a_withdrawal_takes_everything_back(device: Device, collector: Running) -> None:
    """A receipt for each; a consent given anew begins a new pseudonym."""
    device.give("upload")
    names = {device.keep(number).id for number in range(3)}
    worker = device.worker(collector.port)
    drain(worker, lambda: collector.collection.sums().utterances == 3)
    device.utterances.withdraw("owner", "asked")
    assert worker.step().did == "deleted"
    drain(worker, lambda: not device.queue.tombstones())
    assert collector.collection.sums().utterances == 0
    assert list(collector.collection.objects.names()) == []
    assert {one.utterance for one in device.queue.receipts()} == names
    assert worker.step().did == "idle"
    device.give("upload")
    device.keep(9)
    assert worker.step().did == "sent"
    assert collector.collection.sums().contributors == 2


def test_a_withdrawal_while_it_is_sent_keeps_it_from_arriving(
    device: Device, collector: Running
) -> None:
    """The body ends in the middle, so that nothing is stored; its tombstone is receipted."""
    device.give("upload")
    kept = device.keep(1)
    worker = device.worker(collector.port)
    plain = worker.queue.still
    asked = []

    def still(one: object) -> bool:
        asked.append(one)
        if len(asked) == 1:
            device.utterances.withdraw("owner", "asked")
        return plain(kept)

    worker.queue.still = still  # type: ignore[method-assign]
    assert worker.step().did == "revoked"
    assert collector.collection.sums().utterances == 0
    assert worker.step().did == "deleted"
    assert [one.utterance for one in device.queue.receipts()] == [kept.id]


def test_a_target_that_is_away_is_asked_again_later(device: Device, collector: Running) -> None:
    """Longer and longer; the utterance stays, and nothing is quarantined."""
    device.give("upload")
    device.keep(1)
    worker = device.worker(1, chance=random.Random(1))
    waits = []
    for _ in range(4):
        assert worker.step().did == "failed"
        pause = device.queue.paused()
        assert pause is not None
        assert pause.until is not None
        waits.append(pause.until - NOW)
        assert worker.step().did == "paused"
        device.queue.pause(pause.reason, NOW, pause.failures)
    assert waits == sorted(waits)
    assert 15 <= waits[0] <= 30
    assert device.worker(collector.port).step().did == "sent"


def test_a_target_that_refuses_stops_everything_until_somebody_looks(
    device: Device, collector: Running
) -> None:
    """But deletions go on."""
    device.give("upload")
    first = device.keep(1)
    worker = device.worker(collector.port)
    worker.step()
    with collector.collection.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE contributors SET barred = 1")
    device.keep(2)
    assert worker.step().did == "paused"
    assert "403" in worker.step().reason
    device.utterances.delete([first])
    assert worker.step().did == "deleted"
    assert worker.step().did == "paused"


def test_nothing_leaves_outside_its_hours_or_over_a_metered_line(
    device: Device, collector: Running
) -> None:
    """Deletions do."""
    device.give("upload")
    first = device.keep(1)
    noon = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
    night = Rules(hours=(parse_hours("22:00-06:00", "upload.hours"),))
    worker = device.worker(collector.port, rules=night, local=lambda: noon)
    assert worker.step().did == "closed"
    worker = device.worker(collector.port, is_metered=lambda: True)
    assert worker.step().did == "closed"
    assert device.worker(collector.port).step().did == "sent"
    device.utterances.delete([first])
    assert worker.step().did == "deleted"


def test_a_slow_line_is_not_filled(device: Device, collector: Running) -> None:
    """The worker waits as long as the bytes would have taken."""
    device.give("upload")
    kept = device.keep(1)
    step = device.worker(collector.port, rules=Rules(bytes_per_second=1000)).step()
    assert step.wait == pytest.approx(kept.bytes / 1000)


def test_damaged_sound_is_quarantined_with_the_reason(device: Device, collector: Running) -> None:
    """The others go on."""
    device.give("upload")
    bad, good = device.keep(1), device.keep(2)
    (device.database.folder / "audio" / f"{bad.id}.flac").write_bytes(b"fLaC")
    worker = device.worker(collector.port)
    assert [worker.step().did, worker.step().did] == ["failed", "sent"]
    assert list(collector.collection.ids()) == [good.id]
    (one,) = [one for one in device.queue.deliveries() if one.state == "quarantined"]
    assert "damaged" in one.reason


@pytest.mark.parametrize("seed", range(3))
def test_a_bad_line_loses_and_doubles_nothing(
    device: Device, collector: Running, seed: int
) -> None:
    """Every utterance is stored once, bytes equal; after a withdrawal every one is gone."""
    device.give("publish")
    kept = [device.keep(number) for number in range(12)]
    proxy = FaultProxy(collector.port, share=0.6, seed=seed)
    try:
        worker = device.worker(proxy.port)
        drain(worker, lambda: sum(d.utterances for d in device.queue.left_home()) >= 12)
        assert collector.collection.sums().utterances == 12
        for one in kept:
            assert collector.collection.sound(one.id) == device.utterances.sound(one)
        device.utterances.withdraw("owner", "asked")
        drain(worker, lambda: not device.queue.tombstones())
    finally:
        proxy.close()
    assert collector.collection.sums().utterances == 0
    assert {one.utterance for one in device.queue.receipts()} == {one.id for one in kept}
    assert sum(proxy.met.values()) > 5


def test_voices_do_not_travel_unprotected() -> None:
    """Except on this machine."""
    with pytest.raises(Exception, match="https"):
        CollectorTarget("http://example.org")
    CollectorTarget("http://localhost:1").close()
