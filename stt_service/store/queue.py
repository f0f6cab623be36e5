"""The upload queue: which utterance leaves next, what came of it, and what is to be taken back.

    accepted ──► begin (consent looked at) ──► done
                          │                └──► waiting, until later
                          └──► quarantined, with the reason
    tombstones ──► receipts

Everything is in the store's database, so that it goes on after a power cut where it was.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from stt_service.store.consent import Consent, Entry, Ledger, Scope, fold
from stt_service.store.db import Database
from stt_service.store.kept import Grace, Kept
from stt_service.store.leaving import (
    LONGEST_WAIT,
    Account,
    DeletionReceipt,
    Delivery,
    LeftHome,
    Pause,
    Permission,
    Tombstone,
)
from stt_service.store.rows import was_sent
from stt_service.store.utterances import Utterances

TOKEN_BYTES = 32
LEAVING: tuple[Scope, ...] = ("upload", "publish")
"""Scopes under which an utterance may leave, each wider than the one before."""

GRAVES = """SELECT tombstones.utterance, deletion_token, target
    FROM tombstones LEFT JOIN went_to ON went_to.utterance = tombstones.utterance
    WHERE tombstones.utterance NOT IN (SELECT value FROM json_each(:aside))
    ORDER BY time, tombstones.utterance LIMIT :most"""

READY = """SELECT id FROM utterances LEFT JOIN deliveries ON deliveries.utterance = id
    WHERE consent IN (SELECT value FROM json_each(:consents))
    AND (review = 'accepted' OR (review IS NULL AND :unreviewed)) AND since <= :since
    AND (state IS NULL
        OR (state = 'waiting' AND (next <= :tried_by OR next > :tried_by + :longest)))
    ORDER BY number"""
"""Ready: a live consent goes that far, not rejected, its grace over, not tried too soon."""


class Queue:
    """The queue of one store. Owned by the thread that opened the store."""

    def __init__(self, database: Database, utterances: Utterances, grace: Grace) -> None:
        self._database = database
        self._utterances = utterances
        self._grace = grace

    # -- what leaves next

    def next(self, now: float) -> Kept | None:
        """Return the oldest utterance that may leave now, None where there is none."""
        with self._database.reading() as connection:
            # One by one: there may be thousands, and mostly the first can be read.
            for (name,) in connection.execute(READY, self._of_now(connection, now)):
                kept = self._utterances.find(name)
                if kept is not None and kept.readable:
                    return kept
        return None

    def waiting(self) -> int:
        """Return how many may leave and have not, those included that wait after a failure."""
        with self._database.reading() as connection:
            given = self._of_now(connection, float("inf"))
            return len(connection.execute(READY, given).fetchall())

    def _of_now(self, connection: sqlite3.Connection, tried_by: float) -> dict[str, object]:
        return {
            "consents": json.dumps(list(_permissions(Ledger.read(connection)))),
            "unreviewed": self._grace.unreviewed,
            "since": self._utterances.passing.seconds() - self._grace.seconds,
            "tried_by": tried_by,
            "longest": LONGEST_WAIT,
        }

    def keep_time(self) -> None:
        """Let no restart forget for how long utterances have waited here."""
        self._utterances.passing.keep(self._grace)

    def earliest(self) -> float | None:
        """Return when the next of those that wait is to be tried."""
        with self._database.reading() as connection:
            query = "SELECT min(next) FROM deliveries WHERE state = 'waiting'"
            found = connection.execute(query).fetchone()[0]
        return None if found is None else float(found)

    def begin(self, kept: Kept, target: str) -> Permission | None:
        """Note that an utterance is about to leave, if its consent is alive and goes that far.

        From here on a withdrawal leaves a tombstone for it, which asks ``target`` for it.
        """
        with self._database.writing() as connection:
            permission = _permissions(Ledger.read(connection)).get(kept.consent)
            if permission is None or not self._may_leave(connection, kept.id):
                return None
            connection.execute(
                "INSERT OR IGNORE INTO sent SELECT id, actor, deletion_token FROM utterances "
                "WHERE id = ?",
                (kept.id,),
            )
            connection.execute("INSERT OR IGNORE INTO went_to VALUES (?, ?)", (kept.id, target))
        return permission

    def still(self, kept: Kept) -> bool:
        """Return whether it may go on leaving: asked again and again while its sound is sent."""
        with self._database.reading() as connection:
            return (
                self._may_leave(connection, kept.id)
                and was_sent(connection, kept.id)
                and _permissions(Ledger.read(connection)).get(kept.consent) is not None
            )

    def _may_leave(self, connection: sqlite3.Connection, name: str) -> bool:
        """Return whether it is here, and what was decided about it lets it go."""
        query = "SELECT review FROM utterances WHERE id = ?"
        row = connection.execute(query, (name,)).fetchone()
        unreviewed = self._grace.unreviewed
        return row is not None and (row[0] == "accepted" or (row[0] is None and unreviewed))

    # -- what came of it

    def done(self, kept: Kept, now: float) -> None:
        """Note that the target has it."""
        day = datetime.fromtimestamp(now, UTC).date().isoformat()
        with self._database.writing() as connection:
            query = "SELECT 1 FROM deliveries WHERE utterance = ? AND state = 'done'"
            if connection.execute(query, (kept.id,)).fetchone() is not None:
                return  # another process has sent it too, and counted it
            _note(connection, kept.id, "done", 0, 0.0, "")
            connection.execute(
                "INSERT INTO left_home VALUES (?, 1, ?) ON CONFLICT (day) DO UPDATE SET "
                "utterances = utterances + 1, bytes = bytes + excluded.bytes",
                (day, kept.bytes),
            )

    def quarantine(self, kept: Kept, reason: str) -> None:
        """Note that the target will never take it as it is."""
        with self._database.writing() as connection:
            _note(connection, kept.id, "quarantined", 0, 0.0, reason)

    def postpone(self, kept: Kept, until: float, reason: str) -> None:
        """Note that it did not work, and when to try again."""
        with self._database.writing() as connection:
            attempts = _attempts(connection, kept.id) + 1
            _note(connection, kept.id, "waiting", attempts, until, reason)

    def attempts(self, kept: Kept) -> int:
        """Return how often it did not work."""
        with self._database.reading() as connection:
            return _attempts(connection, kept.id)

    def deliveries(self) -> list[Delivery]:
        """Return all that the queue knows."""
        with self._database.reading() as connection:
            query = "SELECT utterance, state, attempts, next, reason FROM deliveries"
            return [Delivery(*row) for row in connection.execute(query)]

    def retry(self) -> int:
        """Try all again that are quarantined or wait; return how many."""
        with self._database.writing() as connection:
            query = "DELETE FROM deliveries WHERE state <> 'done'"
            return connection.execute(query).rowcount

    # -- what is taken back

    def tombstones(self, aside: Iterable[str] = (), most: int = -1) -> list[Tombstone]:
        """Return what is to be deleted elsewhere, oldest first: all or ``most``, but for some."""
        with self._database.reading() as connection:
            given = {"aside": json.dumps(list(aside)), "most": most}
            return [Tombstone(*row) for row in connection.execute(GRAVES, given)]

    def receipted(self, one: DeletionReceipt, target: str) -> None:
        """Keep the proof that ``target`` has deleted something.

        The tombstone goes with the last target that has to be asked.
        """
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO receipts VALUES (?, ?, ?) ON CONFLICT (utterance) DO UPDATE SET "
                "deleted = excluded.deleted, receipt = receipt || ' ' || excluded.receipt "
                "WHERE receipt <> excluded.receipt",
                (one.utterance, one.deleted, one.receipt),
            )
            query = "DELETE FROM went_to WHERE utterance = ? AND target = ?"
            connection.execute(query, (one.utterance, target))
            connection.execute(
                "DELETE FROM tombstones WHERE utterance = ?1 "
                "AND NOT EXISTS (SELECT 1 FROM went_to WHERE utterance = ?1)",
                (one.utterance,),
            )

    def receipts(self) -> list[DeletionReceipt]:
        """Return all proofs, oldest first."""
        with self._database.reading() as connection:
            query = "SELECT utterance, deleted, receipt FROM receipts ORDER BY deleted, utterance"
            return [DeletionReceipt(*row) for row in connection.execute(query)]

    # -- with whom, and whether at all

    def account(self, target: str, pseudonym: str) -> Account:
        """Return the account for a pseudonym at a target, made up where there is none."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO accounts VALUES (?, ?, ?, 0)",
                (target, pseudonym, secrets.token_hex(TOKEN_BYTES)),
            )
            token, joined = connection.execute(
                "SELECT token, joined FROM accounts WHERE target = ? AND pseudonym = ?",
                (target, pseudonym),
            ).fetchone()
        return Account(pseudonym, token, bool(joined))

    def joined(self, target: str, pseudonym: str) -> None:
        """Note that the target knows a pseudonym."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE accounts SET joined = 1 WHERE target = ? AND pseudonym = ?",
                (target, pseudonym),
            )

    def pause(self, reason: str, until: float | None, failures: int = 0) -> None:
        """Send nothing for a while, or until :meth:`resume`."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO queue_pause VALUES (1, ?, ?, ?)", (reason, until, failures)
            )

    def resume(self) -> None:
        """Go on sending."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM queue_pause")

    def paused(self) -> Pause | None:
        """Return why nothing is sent, if so; one that is over still tells its failures."""
        with self._database.reading() as connection:
            query = "SELECT reason, until, failures FROM queue_pause"
            row = connection.execute(query).fetchone()
        return None if row is None else Pause(*row)

    def left_home(self) -> list[LeftHome]:
        """Return what has left on each day, oldest first."""
        with self._database.reading() as connection:
            query = "SELECT day, utterances, bytes FROM left_home ORDER BY day"
            return [LeftHome(*row) for row in connection.execute(query)]


def _permissions(entries: list[Entry]) -> dict[str, Permission]:
    """Return under which consents, by their ids, an utterance may leave now: as each was given.

    A scope is no wider than what holds now. None of those before a withdrawal is among them:
    giving anew begins a new pseudonym.
    """
    standing = fold(entries)
    found = {}
    for given in entries:
        live = standing.guest if given.actor == "guest" else standing.owner
        if live is None or given.action != "give" or given.pseudonym != live.pseudonym:
            continue
        if live.scope not in LEAVING or given.scope not in LEAVING:
            continue
        narrower = LEAVING[min(LEAVING.index(live.scope), LEAVING.index(given.scope))]
        consent = Consent(
            given.hash, given.actor, narrower, given.pseudonym, given.time, given.text_version
        )
        found[given.hash] = Permission(consent, given.text_sha256)
    return found


def _attempts(connection: sqlite3.Connection, name: str) -> int:
    query = "SELECT attempts FROM deliveries WHERE utterance = ?"
    row = connection.execute(query, (name,)).fetchone()
    return 0 if row is None else int(row[0])


def _note(connection: sqlite3.Connection, name: str, *values: object) -> None:
    # An utterance that was deleted meanwhile has no delivery any more.
    columns: Sequence[object] = (name, *values, name)
    connection.execute(
        "INSERT OR REPLACE INTO deliveries SELECT ?, ?, ?, ?, ? "
        "WHERE EXISTS (SELECT 1 FROM utterances WHERE id = ?)",
        tuple(columns),
    )
