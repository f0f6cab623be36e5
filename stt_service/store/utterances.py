"""The utterances that are kept: each a sound file and a row, both or neither.

    save:    lock ─► consent? duplicate? room? ─► file, synced ─► row ─► commit, synced ─► Saved
    delete:  lock ─► rows ─► commit ─► files
    open:    lock ─► files without a row, rows without a file: left over, removed

The file is there before its row is, and the row is gone before its file: a crash in between leaves
a file without a row, which opening removes.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from stt_service.errors import ConsentError, StoreError
from stt_service.store.consent import Actor, Consent, How, Ledger, fold
from stt_service.store.db import Database
from stt_service.store.kept import (
    Grace,
    Kept,
    NewUtterance,
    NotSaved,
    Quota,
    Saved,
    SaveStopped,
    Saving,
    Stats,
    Verdict,
    Which,
)
from stt_service.store.learned import Learned
from stt_service.store.passing import Passing, Ticks, tick
from stt_service.store.rows import (
    bury,
    delete,
    evict,
    exists,
    insert,
    kept_rows,
    outlive,
    page_of,
    sealed,
    sums,
)
from stt_service.store.sealing import NoKey, Seal, Sealer
from stt_service.store.sound import SoundFolder

logger = logging.getLogger(__name__)

ID_BYTES = 16
"""Random: an id says nothing about when or where."""
TOKEN_BYTES = 32
"""A secret that nobody guesses; only its hash ever goes up with the sound."""
DAY = 86_400.0
"""Seconds."""
MAX_LABEL = 10_000
"""Characters: more than anybody says in one utterance."""


class Utterances:
    """All kept utterances. Owned by its database's thread."""

    def __init__(
        self,
        database: Database,
        quota: Quota,
        *,
        clock: Callable[[], float] = time.time,
        ticks: Ticks = tick,
        sweep: bool = True,
        seal: Seal = None,
    ) -> None:
        """Open the folder and remove what crashes have left there. Raises :exc:`StoreError`.

        ``clock`` returns seconds since 1970, and may jump; ``ticks`` counts, and never does;
        without ``sweep`` nothing is removed now; ``seal`` encrypts sound and texts.
        """
        self._database = database
        self._ledger = Ledger(database)
        self.passing = Passing(database, ticks)
        self.learned = Learned(database)
        self._quota = quota
        self._clock = clock
        self._seal = seal
        self._unsure = False  # a commit has failed: a file may be left over
        try:
            self._sound = SoundFolder(database.folder)
        except OSError as error:
            raise _unusable(database.folder, error) from error
        if sweep:
            self._remove_left_over()

    def _sweep(self) -> None:
        with self._database.writing() as connection:
            rows = connection.execute("SELECT number, id FROM utterances").fetchall()
            swept = self._sound.sweep({name for _, name in rows})
            names = self._sound.names()
            lost = [(number,) for number, name in rows if name not in names]
            connection.executemany("DELETE FROM utterances WHERE number = ?", lost)
            self.learned.sweep(connection)
        if swept or lost:
            logger.warning("removed %d files without a row, %d rows without", swept, len(lost))

    # -- saving

    def save(self, new: NewUtterance, sound: bytes, permit: str) -> Saving:
        """Keep an utterance, if the consent ``permit`` is the one that is alive in that moment.

        ``sound`` is a FLAC file's content. What is returned as :class:`Saved` survives a power
        cut. Nothing is raised: whatever hinders is :class:`SaveStopped`.
        """
        if isinstance(self._seal, NoKey):
            return SaveStopped(self._seal.message, self._seal.remedy)
        identity = secrets.token_hex(ID_BYTES)
        committing = False
        evicted: list[str] = []
        try:
            with self._database.writing() as connection:
                live = fold(Ledger.read(connection)).live
                if live is None or live.id != permit:
                    return NotSaved("consent")
                digest = hashlib.sha256(sound).hexdigest()
                if exists(connection, digest):
                    return NotSaved("duplicate")
                stop = self._no_room(len(sound))
                if stop is not None:
                    return stop
                evicted = evict(connection, self._quota.bytes - len(sound))
                data = self._seal.seal(sound, f"{identity}:sound") if self._seal else sound
                self._sound.write(identity, data)
                facts = self._facts(identity, sound, digest, live)
                facts["since"] = self.passing.note(connection)
                insert(connection, new, facts, self._seal)
                committing = True
        except (StoreError, OSError) as error:
            # A commit that failed may all the same have reached the card: then the row needs its
            # file. Until that is clear, the file stays.
            if committing:
                self._unsure = True
            else:
                self._sound.discard(identity)
            return _stopped(error)
        self._tidy(evicted)
        return Saved(identity, removed=len(evicted))

    def _no_room(self, size: int) -> SaveStopped | None:
        if size > self._quota.bytes:
            return SaveStopped("one utterance is larger than store.quota_mib", "Raise it")
        if self._sound.free() - size < self._quota.keep_free:
            return SaveStopped(
                f"less than {self._quota.keep_free >> 20} MiB are free at {self._database.folder}",
                "Free some space, or delete utterances",
            )
        return None

    def _facts(self, identity: str, sound: bytes, digest: str, live: Consent) -> dict[str, object]:
        return {
            "id": identity,
            "saved": self._clock(),
            "actor": live.actor,
            "consent": live.id,
            "audio_sha256": digest,
            "bytes": len(sound),
            "deletion_token": secrets.token_hex(TOKEN_BYTES),
        }

    # -- looking

    def listing(self) -> list[Kept]:
        """Return all utterances, oldest first. Raises :exc:`StoreError`."""
        with self._database.reading() as connection:
            return kept_rows(connection, self._seal)

    def page(self, which: Which, offset: int, limit: int) -> tuple[list[Kept], int]:
        """Return some, newest first, and how many there are. Raises :exc:`StoreError`."""
        with self._database.reading() as connection:
            return page_of(connection, self._seal, which, offset, limit)

    def find(self, name: str) -> Kept | None:
        """Return the utterance with this whole id. Raises :exc:`StoreError`."""
        with self._database.reading() as connection:
            found = kept_rows(connection, self._seal, "id = ?", name)
        return found[0] if found else None

    def get(self, prefix: str) -> Kept:
        """Return the utterance whose id begins so.

        Raises :exc:`StoreError` where there is none, or more than one.
        """
        with self._database.reading() as connection:
            condition = "length(?1) AND substr(id, 1, length(?1)) = ?1"
            found = kept_rows(connection, self._seal, condition, prefix)
        if len(found) != 1:
            many = f"{len(found)} utterances begin" if found else "no utterance begins"
            raise StoreError(f"{many} with {prefix!r}", "See: stt-service utterances list")
        return found[0]

    def sound(self, kept: Kept) -> bytes:
        """Return the FLAC file's content, checked. Raises :exc:`StoreError`."""
        data = self._sound.read(kept.id)
        if kept.key is not None:
            data = self._key_of(kept).open(data, f"{kept.id}:sound")
        if hashlib.sha256(data).hexdigest() != kept.audio_sha256:
            raise StoreError(f"{self._sound.path(kept.id)} is damaged", "Delete the utterance")
        return data

    def _key_of(self, kept: Kept) -> Sealer:
        if isinstance(self._seal, Sealer) and self._seal.id == kept.key:
            return self._seal
        if isinstance(self._seal, NoKey):
            raise StoreError(self._seal.message, self._seal.remedy)
        raise StoreError(
            f"the utterance {kept.id} is sealed with another key",
            "Set store.key_file to that key, or delete the utterance",
        )

    def stats(self) -> Stats:
        """Return how much there is. Raises :exc:`StoreError`."""
        with self._database.reading() as connection:
            return sums(connection, self._quota.bytes)

    # -- changing

    def label(self, kept: Kept, text: str) -> None:
        """Write down what was really said. Raises :exc:`StoreError`."""
        words = " ".join(text.split())
        if not 0 < len(words) <= MAX_LABEL:
            raise StoreError(f"a text of {len(words)} characters", f"Give 1 to {MAX_LABEL}")
        sealer = None if kept.key is None else self._key_of(kept)
        with self._database.writing() as connection:
            query = "UPDATE utterances SET label = ? WHERE id = ?"
            found = sealed(sealer, words, kept.id, "label")
            if connection.execute(query, (found, kept.id)).rowcount != 1:
                raise StoreError(f"the utterance {kept.id} is gone")

    def review(self, kept: Kept, verdict: Verdict | None) -> None:
        """Decide whether it may leave, None to take a decision back. Raises :exc:`StoreError`.

        One that has left and is rejected is asked back by a tombstone.
        """
        with self._database.writing() as connection:
            query = "UPDATE utterances SET review = ? WHERE id = ?"
            if connection.execute(query, (verdict, kept.id)).rowcount != 1:
                raise StoreError(f"the utterance {kept.id} is gone")
            if verdict == "rejected":
                bury(connection, "utterance", kept.id, self._clock())

    def leaves(self, kept: Kept, grace: Grace) -> float | None:
        """Return when it may leave, in seconds since 1970, if the machine stays on until then.

        None is never, as things stand. Raises :exc:`StoreError`.
        """
        left = grace.left(kept, self.passing.seconds())
        return None if left is None else self._clock() + left

    def delete(self, kept: Iterable[Kept]) -> int:
        """Delete utterances for good, here and, by a tombstone, wherever they were sent.

        Returns how many there were. Raises :exc:`StoreError`.
        """
        names = [one.id for one in kept]
        with self._database.writing() as connection:
            for name in names:
                bury(connection, "utterance", name, self._clock())
            gone = [gone for name in names for gone in delete(connection, "id", name)]
            self.learned.drop_from(gone)
        self._wipe(gone)
        return len(gone)

    def withdraw(self, actor: Actor, how: How) -> int:
        """Record a withdrawal and delete all that was kept; return how many utterances.

        The owner's withdrawal deletes everything, a guest's all guests' utterances. Harmless
        when repeated. Raises :exc:`StoreError`; the consent has ended if files alone are left,
        which the next opening removes.
        """
        actors: list[Actor] = ["owner", "guest"] if actor == "owner" else ["guest"]
        gone: list[str] = []
        with self._database.writing() as connection:
            with suppress(ConsentError):  # damaged: nothing counts as agreed, and all of it goes
                self._ledger.withdraw(connection, actor, how)
            for one in actors:
                bury(connection, "actor", one, self._clock())
                gone += delete(connection, "actor", one)
            if actor == "owner":
                with suppress(StoreError):  # the consent ends all the same; sweeping tries again
                    self.learned.drop()
        with suppress(ConsentError):
            self._ledger.remember()
        self._wipe(gone)
        self._remove_left_over()
        return len(gone)

    def tidy(self) -> int:
        """Delete what is older or more than the quota allows, and what crashes have left.

        Returns how many utterances that were. Raises :exc:`StoreError`.
        """
        age = self._quota.days * DAY
        with self._database.writing() as connection:
            gone = outlive(connection, self._clock() - age, self.passing.seconds() - age)
            gone += evict(connection, self._quota.bytes)
        self._remove_left_over()
        if gone:
            self._database.forget()
        return len(gone)

    def _remove_left_over(self) -> None:
        try:
            self._sweep()
        except OSError as error:
            raise _unusable(self._database.folder, error) from error

    def _wipe(self, names: list[str]) -> None:
        """Remove files, and what the database's log remembers. Raises :exc:`StoreError`."""
        try:
            self._sound.remove(names)
        except OSError as error:
            raise _unusable(self._database.folder, error) from error
        self._database.forget()

    def _tidy(self, names: list[str]) -> None:
        """Remove files that no row needs any more; what cannot be now, the next opening does."""
        try:
            if names:
                self._sound.remove(names)
            if self._unsure:
                self._sweep()
                self._unsure = False
        except (OSError, StoreError) as error:
            logger.warning("files without a row are left: %s", error)


def _stopped(error: StoreError | OSError) -> SaveStopped:
    if isinstance(error, StoreError):
        return SaveStopped(error.message, error.remedy)
    place = f"{error.filename}: " if error.filename else ""
    return SaveStopped(f"{place}{error.strerror or error}", "Free space there, or allow writing")


def _unusable(folder: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{error.filename or folder}: {error.strerror or error}", "Free space, or allow writing"
    )
