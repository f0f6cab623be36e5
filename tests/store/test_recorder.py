"""The recorder: takes what may be kept, in nobody's way, and notices what others decide."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stt_service.events import Fault, Recovered
from stt_service.listener.api import Recording
from stt_service.store.consent import Ledger
from stt_service.store.db import FILE, Database
from stt_service.store.filters import Rules, parse_hours
from stt_service.store.kept import Grace, Quota
from stt_service.store.recorder import QUEUE, Habits, Recorder
from stt_service.store.shelf import Shelf
from stt_service.store.utterances import Utterances
from tests.store.things import RATE, ROOMY, heard, recording, samples

PATIENCE = 20.0
"""Seconds until a test gives up; the machine may be busy."""
CAPTURE = {"source": "microphone", "channel": "mix"}


def until(condition: Callable[[], object]) -> None:
    """Wait for another thread."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class Running:
    """A recorder that runs, and what it has reported."""

    def __init__(self, folder: Path, quota: Quota, rules: Rules, now: datetime) -> None:
        self.reports: list[Fault | Recovered] = []
        self.recorder = Recorder(
            Habits(Shelf(folder, quota, Grace(0.0)), rules, CAPTURE),
            now=lambda: now,
            look_seconds=0.01,
        )
        self.recorder.start(self.reports.append)

    def count(self, name: str) -> float:
        return self.recorder.counts()[name]

    def say(self, seed: int, text: str = "turn on the light") -> None:
        """Say something under the permit of now, and wait until that is dealt with."""
        permit = self.recorder.permit()
        assert permit is not None
        counts = ("saved_total", "save_dropped_total", "save_duplicates_total", "save_failed_total")
        before = sum(map(self.count, counts))
        self.recorder.take(recording(permit, seed, text))
        until(lambda: sum(map(self.count, counts)) > before)


Start = Callable[..., Running]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Start recorders on the test's store."""
    started: list[Running] = []

    def begin(*, quota: Quota = ROOMY, rules: Rules | None = None, hour: int = 12) -> Running:
        now = datetime(2026, 5, 17, hour, tzinfo=UTC)
        started.append(Running(folder, quota, rules or Rules(), now))
        return started[-1]

    yield begin
    for one in started:
        one.recorder.close()


@pytest.fixture
def elsewhere(folder: Path) -> Callable[[str], None]:
    """Decide as another process does: with a connection of its own."""

    def decide(what: str) -> None:
        with Database(folder) as database:
            if what == "give":
                Ledger(database).give("keep", "asked")
            elif what == "withdraw":
                Utterances(database, ROOMY).withdraw("owner", "asked")
            else:
                Ledger(database).set_guests(present=what == "guests")

    return decide


def texts(folder: Path) -> list[str]:
    with Database(folder) as database:
        return [one.text for one in Utterances(database, ROOMY).listing()]


def sounds(folder: Path) -> list[Path]:
    return list((folder / "audio").iterdir())


def test_where_nobody_agreed_no_file_is_made(start: Start, folder: Path) -> None:
    """Not even an empty folder; what is offered all the same is not taken."""
    running = start()
    time.sleep(0.1)
    assert running.recorder.permit() is None
    running.recorder.take(recording("0" * 64))
    running.recorder.close()
    assert running.count("saving") == 0
    assert not folder.exists()


def test_a_consent_counts_while_the_daemon_runs(start: Start, folder: Path, elsewhere) -> None:
    """And so does a withdrawal, after which nothing is left."""
    running = start()
    elsewhere("give")
    until(running.recorder.permit)
    assert running.count("saving") == 1
    running.say(1, "one")
    assert texts(folder) == ["one"]
    elsewhere("withdraw")
    until(lambda: running.recorder.permit() is None)
    assert (running.count("saving"), texts(folder), sounds(folder)) == (0, [], [])


def test_guests_are_not_recorded(start: Start, elsewhere) -> None:
    """Until they are gone."""
    elsewhere("give")
    running = start()
    until(running.recorder.permit)
    elsewhere("guests")
    until(lambda: running.recorder.permit() is None)
    elsewhere("no guests")
    until(running.recorder.permit)


def test_what_was_begun_before_a_withdrawal_is_not_saved(
    start: Start, folder: Path, elsewhere
) -> None:
    """Said, withdrawn, and only then recognised to its end; giving again does not help it."""
    elsewhere("give")
    running = start()
    until(running.recorder.permit)
    permit = running.recorder.permit()
    elsewhere("withdraw")
    running.recorder.take(recording(permit))
    elsewhere("give")
    until(lambda: running.recorder.permit() not in (None, permit))
    running.recorder.take(recording(permit))
    running.recorder.close()
    assert (texts(folder), sounds(folder)) == ([], [])


def test_nothing_is_recorded_in_quiet_hours(start: Start, elsewhere) -> None:
    """The same consent counts at other times."""
    elsewhere("give")
    rules = Rules(quiet=(parse_hours("22:00-07:00", "store.quiet_hours"),))
    night, day = start(rules=rules, hour=3), start(rules=rules, hour=12)
    until(day.recorder.permit)
    time.sleep(0.05)
    assert night.recorder.permit() is None
    assert night.count("saving") == 0


def test_filters_drop_instead_of_saving(start: Start, folder: Path, elsewhere) -> None:
    """It is counted, and no sound of it reaches the card."""
    elsewhere("give")
    running = start(rules=Rules(digits=4, names=("ann",)))
    until(running.recorder.permit)
    running.say(1, "four two seven one")
    running.say(2, "call ann")
    running.say(3, "turn on the light")
    assert (running.count("save_dropped_total"), running.count("saved_total")) == (2, 1)
    assert (texts(folder), len(sounds(folder))) == (["turn on the light"], 1)


def test_the_same_sound_twice_is_counted(start: Start, folder: Path, elsewhere) -> None:
    """And saved once."""
    elsewhere("give")
    running = start()
    until(running.recorder.permit)
    running.say(1)
    running.say(1)
    assert (running.count("save_duplicates_total"), len(texts(folder))) == (1, 1)


def test_a_full_card_is_told_once_and_outlived(
    start: Start, folder: Path, elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Saving stops, says so, and goes on by itself once there is room."""
    elsewhere("give")
    running = start(quota=Quota(1 << 30, 365.0, keep_free=1 << 20))
    until(running.recorder.permit)
    with monkeypatch.context() as patch:
        patch.setattr("stt_service.store.sound.SoundFolder.free", lambda _: 1 << 19)
        running.say(1)
        running.say(2)
        assert running.count("saving") == 0
        assert running.recorder.permit() is not None
    running.say(3, "room again")
    assert texts(folder) == ["room again"]
    first, second = running.reports
    assert isinstance(first, Fault)
    assert "MiB are free" in first.message
    assert second == Recovered("store", "utterances can be saved again")
    assert running.count("save_failed_total") == 2


def test_a_store_that_cannot_be_read_is_a_fault_not_an_end(
    start: Start, folder: Path, elsewhere
) -> None:
    """Told once; when it is moved away, all is as before anybody agreed; then it works again."""
    folder.mkdir()
    (folder / FILE).write_bytes(b"no database " * 999)
    running = start()
    until(lambda: running.reports)
    time.sleep(0.1)
    assert len(running.reports) == 1
    assert running.recorder.permit() is None
    folder.rename(folder.with_name("away"))
    until(lambda: len(running.reports) == 2)
    elsewhere("give")
    until(running.recorder.permit)
    assert [one.code for one in running.reports] == ["store", "store"]


def test_a_ledger_that_is_tampered_with_ends_saving(start: Start, folder: Path, elsewhere) -> None:
    """Within a look, and the reason is told."""
    elsewhere("give")
    running = start()
    until(running.recorder.permit)
    with sqlite3.connect(folder / FILE) as connection:
        connection.execute("DROP TRIGGER ledger_stays")
        connection.execute("UPDATE ledger SET scope = 'publish'")
    connection.close()
    until(lambda: running.recorder.permit() is None)
    until(lambda: running.reports)
    assert "ledger is damaged" in running.reports[0].message


def test_a_slow_card_costs_utterances_not_memory(
    start: Start, folder: Path, elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many wait and no more; the rest is counted as dropped."""
    elsewhere("give")
    running = start()
    until(running.recorder.permit)
    permit = running.recorder.permit()
    with sqlite3.connect(folder / FILE, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")  # a card that does not answer
        for seed in range(QUEUE + 5):
            running.recorder.take(recording(permit, seed))
        assert running.count("save_dropped_total") >= 4
        other.execute("ROLLBACK")
    other.close()
    until(lambda: running.count("saved_total") >= QUEUE)


def test_the_end_saves_what_waits(start: Start, folder: Path, elsewhere) -> None:
    """And takes nothing any more."""
    elsewhere("give")
    running = start()
    until(running.recorder.permit)
    permit = running.recorder.permit()
    for seed in range(3):
        running.recorder.take(recording(permit, seed, str(seed)))
    running.recorder.close()
    running.recorder.take(recording(permit, 9))
    assert texts(folder) == ["0", "1", "2"]


def test_what_a_withdrawal_left_is_removed(start: Start, folder: Path, elsewhere) -> None:
    """Cut short after its row: no file of it stays beside a daemon that runs on for months."""
    elsewhere("give")
    running = start()
    until(running.recorder.permit)
    running.say(1)
    with Database(folder) as database, database.writing() as connection:
        Ledger(database).withdraw(connection, "owner", "asked")
        connection.execute("DELETE FROM utterances")
    until(lambda: not sounds(folder))


def test_clipping_and_losses_are_kept(start: Start, folder: Path, elsewhere) -> None:
    """Who trains on it wants to know."""
    elsewhere("give")
    running = start()
    until(running.recorder.permit)
    loud = samples(1).copy()
    loud[:3] = (32767, -32768, -32767)
    permit = running.recorder.permit()
    running.recorder.take(Recording(heard(), loud, RATE, overflows=2, permit=permit))
    until(lambda: running.count("saved_total"))
    with Database(folder) as database:
        kept = Utterances(database, ROOMY).listing()[0]
    assert (kept.clipped, kept.overflows, kept.seconds) == (3, 2, len(loud) / RATE)
    assert kept.capture == {**CAPTURE, "rate": RATE}
