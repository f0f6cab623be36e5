"""How long every utterance stays here, on boards that switch off, sleep and set their clocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stt_service.store import passing
from stt_service.store.kept import HOUR, Grace
from stt_service.store.passing import NOTED_SECONDS, Passing, Tick
from stt_service.upload.collector import CollectorTarget
from stt_service.upload.worker import Rules, Worker
from tests.upload.conftest import NOW, Device, Running

GRACE = 2.0
"""Hours."""
ACTIONS = ("on", "asleep", "off", "jump", "look", "save", "elsewhere")


@dataclass
class Board:
    """A machine, as somebody beside it sees it who has a good watch."""

    real: float = 0.0
    """Seconds by that watch."""
    counter: float = 5.0
    clock: float = NOW
    boots: int = 0

    def tick(self) -> Tick:
        return Tick(f"boot {self.boots}", self.counter)

    def on(self, seconds: float) -> None:
        self.real += seconds
        self.counter += seconds
        self.clock += seconds

    def asleep(self, seconds: float) -> None:
        self.real += seconds
        self.clock += seconds

    def off(self, seconds: float) -> None:
        """Without power, and without a battery for its clock."""
        self.real += seconds
        self.boots += 1
        self.counter = 3.0

    def elsewhere(self, uptime: float) -> None:
        """The card, or a copy of it, in another machine that has been on for long."""
        self.boots += 1
        self.counter = uptime

    def jump(self, seconds: float) -> None:
        self.clock += seconds


@contextmanager
def housed(board: Board, *, unreviewed: bool = True) -> Iterator[Device]:
    with TemporaryDirectory() as folder:
        device = Device(Path(folder), Grace(GRACE, unreviewed=unreviewed), board.tick)
        device.give("upload")
        try:
            yield device
        finally:
            device.database.close()


def look(device: Device, board: Board) -> set[str]:
    """Return what leaves when the worker looks, as it does once in a minute."""
    device.queue.keep_time()
    left = set()
    while (kept := device.queue.next(board.clock)) is not None:
        left.add(kept.id)
        device.queue.done(kept, board.clock)
    return left


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from(ACTIONS), st.floats(0, 3 * HOUR, allow_nan=False)),
        max_size=30,
    )
)
@example([("save", 0.0), ("jump", 3 * HOUR), ("look", 0.0)])
@example([("on", HOUR), ("save", 0.0), ("off", 0.0), ("elsewhere", 1e9), ("look", 0.0)])
def test_nothing_leaves_earlier_than_promised(story: list[tuple[str, float]]) -> None:
    """Whatever clocks, power and cards do; and a machine that stays on keeps nothing for longer."""
    board = Board()
    with housed(board) as device:
        saved: dict[str, float] = {}
        for number, (action, seconds) in enumerate(story):
            if action == "save":
                saved[device.keep(number, accepted=number % 2 == 0).id] = board.real
            elif action == "look":
                for name in look(device, board):
                    assert board.real - saved.pop(name) >= GRACE * HOUR
            elif action == "jump":
                board.jump((seconds - 1.5 * HOUR) * 1e5)  # decades, both ways
            else:
                getattr(board, action)(seconds)
        look(device, board)
        board.on(GRACE * HOUR)
        look(device, board)
        assert device.queue.waiting() == 0


@pytest.mark.parametrize("seconds", [60 * 365 * 24 * HOUR, 24 * HOUR, -24 * HOUR])
def test_a_clock_that_is_set_ends_no_grace(seconds: float) -> None:
    """Of what was said before the network told the time; nor does it make it longer."""
    board = Board()
    with housed(board) as device:
        kept = device.keep(1, accepted=False)
        board.on(0.9 * GRACE * HOUR)
        board.jump(seconds)
        assert look(device, board) == set()
        board.on(0.2 * GRACE * HOUR)
        assert look(device, board) == {kept.id}


def test_a_restart_forgets_ten_minutes_at_most() -> None:
    """So a board that is on for an hour a day gets there all the same."""
    board = Board()
    with housed(board) as device:
        device.keep(1)
        minutes, left = 0, False
        while not left:
            if minutes % 60 == 59:
                board.off(23 * HOUR)
            board.on(60)
            minutes += 1
            left = bool(look(device, board))
        days = GRACE + 1
        assert GRACE * 60 <= minutes <= GRACE * 60 + days * (NOTED_SECONDS / 60 + 2)


def test_what_lies_there_from_before_begins_its_grace_anew(tmp_path: Path) -> None:
    """How long it has been here nobody knows."""
    board = Board(counter=1e6)
    one = Device(tmp_path / "old", Grace(GRACE), board.tick)
    one.give("upload")
    one.keep(1)
    with one.database.writing() as connection:
        connection.execute("DROP TABLE passed")
        connection.execute("ALTER TABLE utterances DROP COLUMN since")
        connection.execute("PRAGMA user_version = 3")
    one.database.close()
    again = Device(tmp_path / "old", Grace(GRACE), board.tick)
    assert look(again, board) == set()
    board.on(GRACE * HOUR - 1)
    assert look(again, board) == set()
    board.on(1)
    assert len(look(again, board)) == 1
    again.database.close()


def test_two_processes_count_no_time_twice() -> None:
    """Nor does one whose counter went back."""
    board = Board()
    with housed(board) as device:
        device.keep(1)
        twin = Passing(device.database, lambda: Tick("boot 0", board.counter - 50))
        board.on(100)
        for one in (device.utterances.passing, twin, device.utterances.passing, twin):
            with device.database.writing() as connection:
                assert one.note(connection) == 100
        assert twin.seconds() == 100


def test_nothing_is_written_while_nothing_waits() -> None:
    """A card wears."""
    board = Board()
    with housed(board) as device:
        other = Device(device.database.folder, Grace(GRACE), board.tick)
        before = other.database.version()
        for _ in range(10):
            board.on(HOUR)
            assert look(device, board) == set()
        assert other.database.version() == before
        other.database.close()


def test_time_passes_while_sending_is_not_allowed(device: Device) -> None:
    """Outside of hours, over a metered line and while it is paused."""
    board = Board()
    own = Device(device.database.folder, Grace(GRACE), board.tick)
    own.give("upload")
    kept = own.keep(1)
    worker = Worker(
        own.queue,
        own.utterances,
        CollectorTarget("http://127.0.0.1:9"),
        Rules(),
        is_metered=lambda: True,
        clock=lambda: board.clock,
    )
    for _ in range(24):
        board.on(NOTED_SECONDS)
        assert worker.step().did == "closed"
    board.off(0.0)
    assert look(own, board) == {kept.id}
    own.database.close()


def test_a_clock_that_is_set_back_puts_nothing_off(device: Device, collector: Running) -> None:
    """What waits after a failure by a clock of 2040 is tried again once it is 2026."""
    device.give("upload")
    first, second = device.keep(1), device.keep(2)
    worker = device.worker(collector.port)
    assert worker.step().did == "sent"
    device.queue.pause("it did not answer", NOW + 14 * 365 * 24 * HOUR, 3)
    device.queue.postpone(second, NOW + 14 * 365 * 24 * HOUR, "500")
    assert worker.step().did == "sent"
    device.queue.pause("it did not answer", NOW + 14 * 365 * 24 * HOUR, 3)
    device.utterances.delete([first])
    assert worker.step().did == "deleted"
    device.queue.pause("it did not answer", NOW + 60, 3)
    assert worker.step().did == "paused"


def test_the_machine_counts() -> None:
    """The same boot, and on and on."""
    first, second = passing.tick(), passing.tick()
    assert first.boot == second.boot
    assert len(first.boot) >= 32
    assert second.seconds >= first.seconds
