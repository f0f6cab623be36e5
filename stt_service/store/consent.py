"""The consent ledger: who agreed to what, and when; append-only, each entry sealed by the next.

    entries ──verify──► entries ──fold──► Standing: whose consent is alive now

An entry holds the hash of the one before it, so that none can be changed, removed or put in
between without being noticed. That shows accidents and clumsy edits; who may write to the file can
also forge all of it. Beside the database lies which entry was the last: a database that was brought
back from before a withdrawal does not bring the consent back.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, cast

from stt_service.atomic import write_atomically
from stt_service.errors import ConsentError
from stt_service.store.db import Database
from stt_service.store.texts import consent_text

logger = logging.getLogger(__name__)

Scope = Literal["keep", "upload", "publish"]
Actor = Literal["owner", "guest"]
Action = Literal["give", "withdraw", "guests-come", "guests-go"]
How = Literal["asked", "page", "yes-option", "mycroft"]

_RANK: dict[Scope, int] = {"keep": 0, "upload": 1, "publish": 2}
PSEUDONYM_BYTES = 16
"""Random: nobody can tell whose it is, nor connect two of one person."""
MAX_ENTRIES = 10_000
"""Guests twice a day for a dozen years; each look reads all of them."""
LAST_WORDS = 3
"""Of them are left for ending what is alive, which has to be possible always: the guest's consent,
the owner's, guest mode."""
LAST = "ledger.last"
"""File beside the database: number and hash of the entry that was the last."""
MAX_NAME = 100
"""Characters of it that are read."""
FIRST = "0" * 64
"""What the first entry has for the hash of the one before."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger."""

    number: int
    """1, 2, 3..."""
    time: str
    """UTC, ISO 8601, to the second; the order is that of the numbers, for clocks are set."""
    actor: Actor
    action: Action
    scope: Scope | Literal[""]
    """How far it may go: each includes those before; empty where nothing is given."""
    text_version: int
    """Of the text that was agreed to, 0 where nothing is given."""
    text_sha256: str
    """Of that text, empty where nothing is given."""
    pseudonym: str
    """Random, hexadecimal: new with each first giving; empty where nothing is given."""
    how: How
    """``asked`` and answered, on the command line or on the ``page``; ``--yes``; a Mycroft file."""
    previous: str
    """:attr:`hash` of the entry before."""
    hash: str = ""
    """SHA-256 over everything above, hexadecimal. A giving's hash is its consent id."""

    def sealed(self) -> Entry:
        """Return the entry with the hash that belongs to it."""
        content = json.dumps(astuple(self)[:-1], ensure_ascii=True, separators=(",", ":"))
        return replace(self, hash=hashlib.sha256(content.encode("ascii")).hexdigest())


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent that is alive."""

    id: str
    """Hash of its entry."""
    actor: Actor
    scope: Scope
    pseudonym: str
    since: str
    """As :attr:`Entry.time`."""
    text_version: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger comes to."""

    owner: Consent | None = None
    guest: Consent | None = None
    guests: bool = False
    """Guest mode: whoever speaks now counts as a guest."""

    @property
    def live(self) -> Consent | None:
        """The consent of whoever speaks now."""
        return self.guest if self.guests else self.owner


class Ledger:
    """The ledger of one database. Owned by the database's thread."""

    def __init__(
        self, database: Database, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._clock = clock

    def entries(self) -> list[Entry]:
        """Return all entries, verified. Raises :exc:`ConsentError` when the chain is broken."""
        with self._database.reading() as connection:
            return self.read(connection)

    def standing(self) -> Standing:
        """Return whose consent is alive. Raises :exc:`ConsentError` when the chain is broken."""
        return fold(self.entries())

    def give(self, scope: Scope, how: How, *, actor: Actor = "owner") -> Consent:
        """Record that somebody agrees; harmless when they already do.

        With another scope, or a newer text, the pseudonym stays; what was sent under a wider scope
        than the new one is asked back. Raises :exc:`ConsentError` for a guest outside of guest
        mode.
        """
        text = consent_text()
        assert text is not None, "the current text is part of the package"
        with self._database.writing() as connection:
            standing = fold(self.read(connection))
            if actor == "guest" and not standing.guests:
                raise ConsentError("nobody is a guest now", "First: stt-service consent guests on")
            before = standing.guest if actor == "guest" else standing.owner
            if before is not None and (before.scope, before.text_version) == (scope, text.version):
                return before
            if before is not None and _RANK[scope] < _RANK[before.scope]:
                self._take_back(connection, actor, scope)
            self._append(
                connection,
                actor,
                "give",
                how,
                scope=scope,
                text_version=text.version,
                text_sha256=text.sha256,
                pseudonym=before.pseudonym if before else secrets.token_hex(PSEUDONYM_BYTES),
            )
            after = fold(self.read(connection))
        self.remember()
        given = after.guest if actor == "guest" else after.owner
        assert given is not None, "it was just given"
        return given

    def _take_back(self, connection: sqlite3.Connection, actor: Actor, scope: Scope) -> None:
        """Leave tombstones for what was sent under a wider scope, or nobody knows which."""
        fits = [one for one, rank in _RANK.items() if one != "keep" and rank <= _RANK[scope]]
        gone = (
            "FROM sent WHERE actor = ? AND NOT EXISTS (SELECT 1 FROM utterances "
            "JOIN ledger ON ledger.hash = consent WHERE id = utterance "
            "AND ledger.scope IN (SELECT value FROM json_each(?)))"
        )
        given = (actor, json.dumps(fits))
        connection.execute(
            f"INSERT OR IGNORE INTO tombstones SELECT utterance, deletion_token, ? {gone}",
            (self._clock().timestamp(), *given),
        )
        connection.execute(f"DELETE {gone}", given)

    def withdraw(self, connection: sqlite3.Connection, actor: Actor, how: How) -> None:
        """Record a withdrawal within somebody's transaction; harmless without a consent.

        The owner's ends the guests' too. Raises :exc:`ConsentError`.
        """
        standing = fold(self.read(connection))
        if (standing.owner if actor == "owner" else None) or standing.guest:
            self._append(connection, actor, "withdraw", how)

    def set_guests(self, *, present: bool, how: How = "asked") -> None:
        """Turn guest mode on or off; a guest's consent ends with it, what was kept stays."""
        with self._database.writing() as connection:
            if fold(self.read(connection)).guests != present:
                action: Action = "guests-come" if present else "guests-go"
                self._append(connection, "owner", action, how)
        self.remember()

    def remember(self) -> None:
        """Write down beside the database which entry is the last, once that is committed.

        It is a second look: where it cannot be written the ledger counts all the same.
        """
        with self._database.reading() as connection:
            entries, folder = self.read(connection), _folder(connection)
        if not entries or folder is None or _last_known(folder) == _name(entries[-1]):
            return
        try:
            write_atomically(folder / LAST, _name(entries[-1]).encode())
        except OSError as error:
            logger.warning("%s cannot be written: %s", LAST, error.strerror)

    @staticmethod
    def read(connection: sqlite3.Connection) -> list[Entry]:
        """Return all entries, verified, within a transaction. Raises :exc:`ConsentError`."""
        names = ", ".join(Entry.__slots__)
        query = f"SELECT {names} FROM ledger ORDER BY number LIMIT ?"  # noqa: S608 -- own names
        rows = connection.execute(query, (MAX_ENTRIES + 1,)).fetchall()
        last = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'ledger'")
        highest = last.fetchone()
        entries = [Entry(*row) for row in rows]
        _verify(entries, int(highest[0]) if highest else 0)
        folder = _folder(connection)
        known = "" if folder is None else _last_known(folder)
        if known and not any(_name(one) == known for one in reversed(entries)):
            raise _broken("it is older than what was decided last, as from a back-up")
        return entries

    def _append(
        self,
        connection: sqlite3.Connection,
        actor: Actor,
        action: Action,
        how: How,
        *,
        scope: Scope | Literal[""] = "",
        text_version: int = 0,
        text_sha256: str = "",
        pseudonym: str = "",
    ) -> None:
        entries = self.read(connection)
        begins = action in ("give", "guests-come")
        if len(entries) >= MAX_ENTRIES - LAST_WORDS * begins:
            raise ConsentError(f"the consent ledger has {MAX_ENTRIES} entries", "Begin a new one")
        entry = Entry(
            number=len(entries) + 1,
            time=self._clock().astimezone(UTC).isoformat(timespec="seconds"),
            actor=actor,
            action=action,
            scope=scope,
            text_version=text_version,
            text_sha256=text_sha256,
            pseudonym=pseudonym,
            how=how,
            previous=entries[-1].hash if entries else FIRST,
        ).sealed()
        marks = ", ".join("?" * len(Entry.__slots__))
        connection.execute(f"INSERT INTO ledger VALUES ({marks})", astuple(entry))  # noqa: S608


def _verify(entries: list[Entry], highest: int) -> None:
    previous = FIRST
    for number, entry in enumerate(entries, start=1):
        if entry.number != number or entry.previous != previous or entry != entry.sealed():
            raise _broken(f"entry {number} is not what was written")
        previous = entry.hash
    if len(entries) != highest:
        raise _broken(f"{highest} entries were written, and there are {len(entries)}")


def _name(entry: Entry) -> str:
    return f"{entry.number} {entry.hash}"


def _folder(connection: sqlite3.Connection) -> Path | None:
    """Return where the database lies; None for one in memory."""
    file = connection.execute("PRAGMA database_list").fetchone()[2]
    return Path(file).parent if file else None


def _last_known(folder: Path) -> str:
    """Return the name of the entry that was the last once; nothing where nobody wrote it down."""
    try:
        with (folder / LAST).open(encoding="ascii", errors="replace") as file:
            return file.read(MAX_NAME)
    except OSError:
        return ""


def _broken(how: str) -> ConsentError:
    return ConsentError(
        f"the consent ledger is damaged: {how}; so nothing is saved",
        "stt-service consent withdraw, then stt-service queue run until no deletion waits; then "
        "move the folder `store` out of the state folder, and decide anew",
    )


def fold(entries: Iterable[Entry]) -> Standing:
    """Return what verified entries come to."""
    standing = Standing()
    for entry in entries:
        if entry.action == "give":
            text = consent_text(entry.text_version)
            # A text that is not the one agreed to is none that was agreed to.
            known = text is not None and text.sha256 == entry.text_sha256
            given = _consent(entry) if known else None
            if entry.actor == "guest":
                standing = replace(standing, guest=given)
            else:
                standing = replace(standing, owner=given)
        elif entry.action == "withdraw" and entry.actor == "owner":
            standing = replace(standing, owner=None, guest=None)
        elif entry.action == "withdraw":
            standing = replace(standing, guest=None)
        else:
            standing = replace(standing, guest=None, guests=entry.action == "guests-come")
    return standing


def _consent(entry: Entry) -> Consent:
    return Consent(
        id=entry.hash,
        actor=entry.actor,
        scope=cast(Scope, entry.scope),
        pseudonym=entry.pseudonym,
        since=entry.time,
        text_version=entry.text_version,
    )
