"""How much time has really passed, whatever the clock says.

A board without a battery boots in 1970, or at the moment of its last shutdown, and learns the time
later: its clock jumps. So what is promised in hours is counted, and not read off: the seconds that
one boot's own counter has gone on between looks. Time in which the machine was off, asleep or
unknown counts for nothing, so that the count is never ahead of what has passed.

    boot, counter ──look──► seconds so far + what the counter has gone on in the same boot
"""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stt_service.store.db import Database
from stt_service.store.kept import Grace

BOOT = Path("/proc/sys/kernel/random/boot_id")
NOTED_SECONDS = 600.0
"""Of what may be forgotten by a power cut, and is then waited for again: a write costs a card."""


@dataclass(frozen=True, slots=True)
class Tick:
    """What the counter shows."""

    boot: str
    """Random; another after each start of the machine."""
    seconds: float
    """Since some moment of that boot; never goes back, and stands still while the machine sleeps.
    """


Ticks = Callable[[], Tick]


def tick() -> Tick:
    """Return what the machine's counter shows now."""
    return Tick(_boot(), time.monotonic())


@cache
def _boot() -> str:
    try:
        return BOOT.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return uuid.uuid4().hex  # then what one process alone has seen counts


class Passing:
    """The count of one store. Owned by its database's thread."""

    def __init__(self, database: Database, ticks: Ticks = tick) -> None:
        self._database = database
        self._ticks = ticks

    def seconds(self) -> float:
        """Return what has passed, as far as anybody knows. Raises :exc:`StoreError`."""
        with self._database.reading() as connection:
            return _passed(connection, self._ticks())

    def note(self, connection: sqlite3.Connection) -> float:
        """Write down what has passed, within a transaction; return that."""
        now = self._ticks()  # not earlier: two processes would count the same time
        seconds = _passed(connection, now)
        connection.execute(
            "INSERT INTO passed VALUES (1, :boot, :counter, :seconds) ON CONFLICT (one) DO UPDATE "
            "SET boot = excluded.boot, seconds = excluded.seconds, counter = "
            "iif(boot = excluded.boot, max(counter, excluded.counter), excluded.counter)",
            {"boot": now.boot, "counter": now.seconds, "seconds": seconds},
        )
        return seconds

    def keep(self, grace: Grace) -> None:
        """Write it down now and then, while anything waits for its time: a restart forgets less.

        Raises :exc:`StoreError`.
        """
        with self._database.reading() as connection:
            written = _due(connection, self._ticks())
            if written is None:
                return
            query = "SELECT 1 FROM utterances WHERE since > ? LIMIT 1"
            if connection.execute(query, (written - grace.seconds,)).fetchone() is None:
                return
        with self._database.writing() as connection:
            self.note(connection)


def _passed(connection: sqlite3.Connection, now: Tick) -> float:
    row = connection.execute("SELECT boot, counter, seconds FROM passed").fetchone()
    if row is None:
        return 0.0
    boot, counter, seconds = row
    return float(seconds + max(0.0, now.seconds - counter) if boot == now.boot else seconds)


def _due(connection: sqlite3.Connection, now: Tick) -> float | None:
    """Return the seconds that are written down, None where writing would add too few."""
    row = connection.execute("SELECT boot, counter, seconds FROM passed").fetchone()
    if row is None:
        return 0.0
    boot, counter, seconds = row
    fresh = boot == now.boot and now.seconds - counter < NOTED_SECONDS
    return None if fresh else float(seconds)
