"""The database of the store: how it is opened, brought up to date and written to.

folder/store.db     consent ledger, what is known of each utterance, tombstones
folder/audio/       one FLAC file for each utterance: :mod:`stt_service.store.sound`
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stt_service.closing import Closing
from stt_service.errors import StoreError

FILE = "store.db"
APPLICATION = 0x53545453
"""Written into the file's header, so that no other program's database is taken for ours."""
BUSY_SECONDS = 10.0
"""That the daemon and the command line wait for one another; each writes for milliseconds, and
for a second or two on a worn card."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        # AUTOINCREMENT remembers the highest number ever given: a missing tail is noticed.
        """CREATE TABLE ledger (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            time TEXT NOT NULL,
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            scope TEXT NOT NULL,
            text_version INTEGER NOT NULL,
            text_sha256 TEXT NOT NULL,
            pseudonym TEXT NOT NULL,
            how TEXT NOT NULL,
            previous TEXT NOT NULL,
            hash TEXT NOT NULL UNIQUE
        ) STRICT""",
        """CREATE TRIGGER ledger_stays BEFORE UPDATE ON ledger
            BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
        """CREATE TRIGGER ledger_remains BEFORE DELETE ON ledger
            BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
        """CREATE TABLE utterances (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            saved REAL NOT NULL,
            actor TEXT NOT NULL,
            consent TEXT NOT NULL REFERENCES ledger (hash),
            audio_sha256 TEXT NOT NULL UNIQUE,
            bytes INTEGER NOT NULL,
            seconds REAL NOT NULL,
            clipped INTEGER NOT NULL,
            overflows INTEGER NOT NULL,
            text TEXT NOT NULL,
            label TEXT,
            review TEXT,
            confidence REAL NOT NULL,
            alternatives TEXT NOT NULL,
            model TEXT NOT NULL,
            scorer TEXT,
            engine TEXT NOT NULL,
            capture TEXT NOT NULL,
            key TEXT,
            deletion_token TEXT NOT NULL
        ) STRICT""",
        # Outlives its utterance, which a quota may delete here while it is still elsewhere.
        """CREATE TABLE sent (
            utterance TEXT PRIMARY KEY,
            actor TEXT NOT NULL,
            deletion_token TEXT NOT NULL
        ) STRICT, WITHOUT ROWID""",
        """CREATE TABLE tombstones (
            utterance TEXT PRIMARY KEY,
            deletion_token TEXT NOT NULL,
            time REAL NOT NULL
        ) STRICT, WITHOUT ROWID""",
    ),
    (
        # What the queue knows of an utterance that is to leave, or has left. Goes with it.
        """CREATE TABLE deliveries (
            utterance TEXT PRIMARY KEY REFERENCES utterances (id) ON DELETE CASCADE,
            state TEXT NOT NULL,
            attempts INTEGER NOT NULL,
            next REAL NOT NULL,
            reason TEXT NOT NULL
        ) STRICT, WITHOUT ROWID""",
        # Outlives everything: what was deleted elsewhere, and the proof.
        """CREATE TABLE receipts (
            utterance TEXT PRIMARY KEY,
            deleted TEXT NOT NULL,
            receipt TEXT NOT NULL
        ) STRICT, WITHOUT ROWID""",
        # A token for each pseudonym at each target.
        """CREATE TABLE accounts (
            target TEXT NOT NULL,
            pseudonym TEXT NOT NULL,
            token TEXT NOT NULL,
            joined INTEGER NOT NULL,
            PRIMARY KEY (target, pseudonym)
        ) STRICT, WITHOUT ROWID""",
        # Why and until when nothing is sent; one row, or none.
        """CREATE TABLE queue_pause (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            reason TEXT NOT NULL,
            until REAL,
            failures INTEGER NOT NULL
        ) STRICT""",
        """CREATE TABLE left_home (
            day TEXT PRIMARY KEY,
            utterances INTEGER NOT NULL,
            bytes INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID""",
    ),
    (
        # Where each utterance was sent, until its deletion there is confirmed: another target's
        # receipt proves nothing.
        """CREATE TABLE went_to (
            utterance TEXT NOT NULL,
            target TEXT NOT NULL,
            PRIMARY KEY (utterance, target)
        ) STRICT, WITHOUT ROWID""",
        # Of what was sent before that was written down: to any of those that knew this device.
        """INSERT INTO went_to SELECT utterance, target FROM
            (SELECT utterance FROM sent UNION SELECT utterance FROM tombstones),
            (SELECT DISTINCT target FROM accounts)""",
        "CREATE INDEX tombstones_by_time ON tombstones (time, utterance)",
    ),
    (
        # How much time has passed, by counting: clocks jump. One row, or none.
        """CREATE TABLE passed (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            boot TEXT NOT NULL,
            counter REAL NOT NULL,
            seconds REAL NOT NULL
        ) STRICT""",
        # How much had passed when it was saved; for those saved before, the grace begins anew.
        "ALTER TABLE utterances ADD COLUMN since REAL NOT NULL DEFAULT 0",
    ),
)
"""Statements from each version to the next; what has been released never changes."""


def make_folder(folder: Path) -> None:
    """Make a folder for nobody else's eyes that outlives a power cut. Raises :exc:`OSError`."""
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Have a folder's list of names on the card. Raises :exc:`OSError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Database(Closing):
    """One connection. Owned by the thread that opened it; several processes may have one each."""

    def __init__(self, folder: Path) -> None:
        """Open the database in a folder, made where it is missing, and bring it up to date.

        Raises :exc:`StoreError` for what cannot be opened or was written by a newer version.
        """
        self.folder = folder
        self.path = folder / FILE
        self._connection: sqlite3.Connection | None = None
        try:
            make_folder(folder)
            # Transactions begin and end where we say so, and not where the module thinks.
            connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
            self._connection = connection
            self._check()
            self._configure()
            self._migrate()
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise self._fault(error) from error
        except StoreError:
            self.close()
            raise

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection. Raises :exc:`StoreError` for whatever SQLite complains about."""
        try:
            yield self._open
        except sqlite3.Error as error:
            raise self._fault(error) from error

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Do all of it or nothing; nobody else writes meanwhile. Raises :exc:`StoreError`."""
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def version(self) -> int:
        """Return a number that changes when another connection has written."""
        with self.reading() as connection:
            return int(connection.execute("PRAGMA data_version").fetchone()[0])

    def forget(self) -> None:
        """Leave nothing of deleted rows in the log beside the database, as far as can be now."""
        with self.reading() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @property
    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreError(f"{self.path} is closed")
        return self._connection

    def _pragma(self, name: str) -> int:
        return int(self._open.execute(f"PRAGMA {name}").fetchone()[0])

    def _check(self) -> None:
        if self._pragma("application_id") not in (0, APPLICATION):
            raise StoreError(f"{self.path} belongs to another program", "Move it away")
        found, known = self._pragma("user_version"), len(MIGRATIONS)
        if found > known:
            raise StoreError(
                f"{self.path} was written by a newer stt-service (schema {found}, and this one "
                f"knows {known})",
                "Install that version again",
            )

    def _configure(self) -> None:
        # Readers do not wait for writers; and a commit is one append.
        self._open.execute("PRAGMA journal_mode = WAL")
        # A commit is on the card when it returns: what was reported saved survives a power cut.
        self._open.execute("PRAGMA synchronous = FULL")
        # Deleted text is overwritten with zeros.
        self._open.execute("PRAGMA secure_delete = ON")
        # Sorting writes no temporary files.
        self._open.execute("PRAGMA temp_store = MEMORY")
        self._open.execute("PRAGMA foreign_keys = ON")

    def _migrate(self) -> None:
        if self._pragma("user_version") == len(MIGRATIONS):
            return
        with self.writing() as connection:
            self._check()  # another process may have been quicker
            for version in range(self._pragma("user_version"), len(MIGRATIONS)):
                for statement in MIGRATIONS[version]:
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def _fault(self, error: OSError | sqlite3.Error) -> StoreError:
        if isinstance(error, OSError):
            reason, remedy = error.strerror or str(error), "Free space there, or allow writing"
        else:
            reason, remedy = str(error), "Try again; if it stays so, the file is damaged"
        return StoreError(f"{self.path} cannot be used: {reason}", remedy)
