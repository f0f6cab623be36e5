"""What was learned from what is kept: scorers of the owner's own, at most one of them in force.

    folder/learned/state.json     the versions, and which one is in force
    folder/learned/NAME+3.ngram   the third version, a whole language model

Such a file tells what the owner has said, so it goes when that goes: with the consent, and with
any utterance that it was learned from. It is written and removed while the database's write lock
is held, as sound is: nothing is adopted from what was withdrawn meanwhile.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Collection
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stt_service.atomic import write_atomically
from stt_service.errors import ConsentError, StoreError
from stt_service.store.consent import Ledger, fold
from stt_service.store.db import Database, make_folder, sync_folder

logger = logging.getLogger(__name__)

FOLDER = "learned"
STATE = "state.json"
KEPT = 3
"""Versions: the one in force, and two to go back to."""
MAX_STATE = 16 << 20
"""Bytes of the state file that are read: ids of a hundred thousand utterances in each version."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Comparison(_Frozen):
    """How well the owner's held-out utterances were understood, before and after."""

    utterances: int
    words: int
    """Said in them."""
    before: int
    """Word errors with what was in force."""
    after: int
    """Word errors with this version."""


class Version(_Frozen):
    """A language model of the owner's own."""

    number: int = Field(ge=1)
    file: str = Field(pattern=r"^[\w.+-]+\.ngram$")
    """Name of the scorer in the folder."""
    base: int
    """Fingerprint of the model's own scorer, which it was made of."""
    hot_words: dict[str, float] = {}
    """Words to listen for besides, with their boosts."""
    learned: tuple[str, ...]
    """Ids of the utterances that it was learned from."""
    pseudonym: str
    """Of the consent under which they were kept."""
    made: str
    """UTC, ISO 8601, to the second."""
    comparison: Comparison


class State(_Frozen):
    """What there is."""

    versions: tuple[Version, ...] = ()
    """Oldest first."""
    in_force: int = 0
    """Number of a version, 0 for none."""
    highest: int = 0
    """Number that was given last, so that none is given twice."""
    paused: bool = False
    """Somebody went back to an older version: nothing is learned until they say so."""
    tried: str = ""
    """What was learned from last, whatever came of it: the same need not be tried again."""

    @property
    def current(self) -> Version | None:
        """The version in force."""
        return next((one for one in self.versions if one.number == self.in_force), None)


def read_state(store: Path) -> State:
    """Return what there is; nothing where it cannot be read: then the model's own scorer serves."""
    path = store / FOLDER / STATE
    try:
        with path.open("rb") as file:
            return State.model_validate_json(file.read(MAX_STATE))
    except FileNotFoundError:
        return State()
    except (OSError, ValidationError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is damaged"
        logger.warning("%s: %s; what was learned is not used", path, reason)
        return State()


def stamp(store: Path) -> int:
    """Return a number that changes with what there is; any thread may look, it costs nothing."""
    try:
        return (store / FOLDER / STATE).stat().st_mtime_ns
    except OSError:
        return 0


def scorer_path(store: Path, version: Version) -> Path:
    """Return where a version's scorer lies."""
    return store / FOLDER / version.file


class Learned:
    """Changes what there is. Owned by the database's thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._folder = database.folder / FOLDER

    def state(self) -> State:
        """Return what there is."""
        return read_state(self._database.folder)

    def adopt(self, version: Version, scorer: bytes, tried: str) -> None:
        """Put a version into force; ``scorer`` is its file's content.

        Raises :exc:`StoreError` when it cannot be written, or when what it was learned from is not
        all there any more.
        """

        def add(state: State) -> State:
            if version.number != state.highest + 1:
                raise StoreError("something else was learned meanwhile", "Try again")
            write_atomically(self._folder / version.file, scorer)
            return State(
                versions=(*state.versions, version)[-KEPT:],
                in_force=version.number,
                highest=version.number,
                tried=tried,
            )

        with self._database.writing() as connection:
            _check_alive(connection, version)
            self._change(add)

    def note(self, tried: str) -> None:
        """Write down what was learned from in vain. Raises :exc:`StoreError`."""
        with self._database.writing():
            self._change(lambda state: state.model_copy(update={"tried": tried}))

    def resume(self) -> None:
        """Learn again after a :meth:`roll_back`. Raises :exc:`StoreError`."""
        with self._database.writing():
            self._change(lambda state: state.model_copy(update={"paused": False, "tried": ""}))

    def roll_back(self) -> State:
        """Put the version before into force, none where there is none before; learn no more.

        Raises :exc:`StoreError`, also when none is in force.
        """

        def back(state: State) -> State:
            if state.current is None:
                raise StoreError("nothing that was learned is in force")
            older = tuple(one for one in state.versions if one.number < state.in_force)
            number = older[-1].number if older else 0
            return state.model_copy(update={"versions": older, "in_force": number, "paused": True})

        with self._database.writing():
            return self._change(back)

    def forget(self) -> int:
        """Remove all that was learned; return how many versions. Raises :exc:`StoreError`."""
        with self._database.writing():
            return self.drop()

    def drop_stale(self) -> int:
        """Remove what was learned from utterances that age or quota have deleted since.

        Returns how many versions. Raises :exc:`StoreError`.
        """
        with self._database.writing() as connection:
            kept = _kept(connection)
            return self.drop(lambda version: not kept.issuperset(version.learned))

    def drop_from(self, utterances: Collection[str]) -> int:
        """Remove what was learned from any of these; the caller holds the write lock.

        Returns how many versions. Raises :exc:`StoreError`.
        """
        gone = set(utterances)
        return self.drop(lambda version: not gone.isdisjoint(version.learned))

    def drop(self, unfit: Callable[[Version], bool] = lambda _: True) -> int:
        """Remove versions, all of them unless told which; the caller holds the write lock.

        Returns how many. Where the one in force goes, none is. Raises :exc:`StoreError`.
        """
        before = self.state()
        left = tuple(one for one in before.versions if not unfit(one))
        if len(left) < len(before.versions):
            in_force = before.in_force if any(o.number == before.in_force for o in left) else 0
            self._change(
                lambda state: state.model_copy(
                    update={"versions": left, "in_force": in_force, "tried": ""}
                )
            )
        return len(before.versions) - len(left)

    def sweep(self, connection: sqlite3.Connection) -> None:
        """Remove what no living consent covers, and files of no version, within a transaction.

        Raises :exc:`StoreError`.
        """
        if not self._folder.exists():
            return
        try:
            owner = fold(Ledger.read(connection)).owner
        except ConsentError:
            return  # damaged: the withdrawal that it asks for removes everything
        self.drop(lambda version: owner is None or version.pseudonym != owner.pseudonym)
        self._tidy(self.state())

    def _change(self, change: Callable[[State], State]) -> State:
        """Replace the state, then remove the files that it does not name any more."""
        try:
            make_folder(self._folder)
            after = change(self.state())
            write_atomically(self._folder / STATE, after.model_dump_json().encode())
        except OSError as error:
            raise _unusable(self._folder, error) from error
        self._tidy(after)
        return after

    def _tidy(self, state: State) -> None:
        named = {STATE, *(version.file for version in state.versions)}
        try:
            left = [path for path in self._folder.iterdir() if path.name not in named]
            for path in left:
                path.unlink(missing_ok=True)
            if left:
                sync_folder(self._folder)
        except OSError as error:
            raise _unusable(self._folder, error) from error


def _check_alive(connection: sqlite3.Connection, version: Version) -> None:
    """Raise :exc:`StoreError` unless all that a version was learned from may still be used."""
    owner = fold(Ledger.read(connection)).owner
    agreed = owner is not None and owner.pseudonym == version.pseudonym
    if not agreed or not _kept(connection).issuperset(version.learned):
        raise StoreError("what was to be learned from has been deleted meanwhile", "Try again")


def _kept(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT id FROM utterances")}


def _unusable(folder: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{error.filename or folder}: {error.strerror or error}", "Free space, or allow writing"
    )
