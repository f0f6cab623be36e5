"""Where a store lies and how it is opened: for everybody who looks, decides or deletes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stt_service.errors import StoreError
from stt_service.store.consent import Ledger
from stt_service.store.db import FILE, Database
from stt_service.store.kept import Grace, Quota
from stt_service.store.sealing import read_key
from stt_service.store.utterances import Utterances


@dataclass(frozen=True, slots=True)
class Store:
    """What is kept and why it may be, opened. Owned by the thread that opened it."""

    folder: Path
    ledger: Ledger
    utterances: Utterances
    grace: Grace
    """What :meth:`Utterances.leaves` is to be asked with."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """A store that may be there or not, as plain values. Any thread may open it."""

    folder: Path
    quota: Quota
    grace: Grace
    key_file: Path | None = None
    """Of the key that sound and texts are sealed with, ``credential`` for systemd's."""

    def exists(self) -> bool:
        """Return whether anybody has ever agreed to anything: only then there is a store.

        Raises :exc:`StoreError` where that cannot be known.
        """
        try:
            return (self.folder / FILE).exists()
        except OSError as error:
            raise StoreError(
                f"{error.filename or self.folder}: {error.strerror or error}", "Allow reading it"
            ) from error

    @contextmanager
    def open(self, *, sweep: bool = True) -> Iterator[Store]:
        """Open the store, made where it is missing, and close it. Raises :exc:`StoreError`.

        ``sweep`` removes what crashes have left; who opens many times a minute need not.
        """
        with Database(self.folder) as database:
            utterances = self.utterances(database, sweep=sweep)
            yield Store(self.folder, Ledger(database), utterances, self.grace)

    def utterances(self, database: Database, *, sweep: bool = True) -> Utterances:
        """Return what is kept in an open database of this shelf. Raises :exc:`StoreError`."""
        return Utterances(database, self.quota, sweep=sweep, seal=read_key(self.key_file))
