"""A deletion token in, a receipt out: no account, no other credential, as often as asked.

What was never received leaves a tombstone as well: it may be under way.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, insert, select

from stt_service.collector.database import BURYING, lock, note, reading, stamp, writing
from stt_service.collector.objects import Objects, object_name
from stt_service.collector.refusal import RefusedError
from stt_service.collector.tables import tombstones, utterances

GRACE_SECONDS = 86_400.0
"""An object without a row may belong to a request that is under way; after a day it cannot."""
REVOCATIONS = 10_000
"""In one answer."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """What is acknowledged; the same whenever it is asked for."""

    id: str
    deleted: str
    receipt: str
    unknown: bool
    """It had never been received."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """What whoever holds a copy of the data has to take out."""

    number: int
    id: str
    audio_sha256: str
    deleted: str


class Removal:
    """Deletes for one collector. Any thread may call."""

    def __init__(self, engine: Engine, objects: Objects, key: bytes) -> None:
        """``key`` seals the receipts."""
        self._engine = engine
        self._objects = objects
        self._key = key

    def delete(self, name: str, token: str) -> Deletion:
        """Delete an utterance: its row and all that hangs on it, then its sound.

        Raises :exc:`RefusedError` for another utterance's token.
        """
        secret = hashlib.sha256(token.encode()).hexdigest()
        with writing(self._engine) as connection:
            lock(connection, name)
            buried = _buried(connection, name)
            if buried is None:
                buried = _bury(connection, name, secret)
        if not hmac.compare_digest(buried.deletion_sha256, secret):
            raise RefusedError(403, "this is not the token of that utterance", "Look again")
        # Again each time: an earlier request may have ended here. And whatever there is of it: a
        # sending may have been killed between its sound and its row.
        self._objects.delete_all(name)
        return self._answer(name, buried)

    def _answer(self, name: str, buried: _Buried) -> Deletion:
        said = f"deleted:{name}:{buried.deleted}"
        sealed = hmac.new(self._key, hashlib.sha256(said.encode()).digest(), hashlib.sha256)
        unknown = buried.audio_sha256 is None
        return Deletion(name, buried.deleted, sealed.hexdigest(), unknown)

    def revocations(self, after: int) -> list[Revocation]:
        """Return what was deleted after a number, oldest first, at most :data:`REVOCATIONS`."""
        query = (
            select(
                tombstones.c.number,
                tombstones.c.id,
                tombstones.c.audio_sha256,
                tombstones.c.deleted,
            )
            .where(tombstones.c.number > after, tombstones.c.audio_sha256.is_not(None))
            .order_by(tombstones.c.number)
            .limit(REVOCATIONS)
        )
        with reading(self._engine) as connection:
            return [Revocation(*row) for row in connection.execute(query)]

    def sweep(self, *, now: float | None = None) -> Iterator[str]:
        """Delete objects that no row speaks of, and yield their names.

        Those of what was deleted go at once: a sending that was killed may have left them after
        the deletion was acknowledged.
        """
        limit = (time.time() if now is None else now) - GRACE_SECONDS
        for name, written in self._objects.names():
            known, buried = self._standing(name)
            if buried or (written < limit and not known):
                self._objects.delete(name)
                yield name

    def _standing(self, name: str) -> tuple[bool, bool]:
        """Return whether an object belongs to a row, and whether to a tombstone."""
        # Half-written ones begin with a dot.
        utterance = name.rpartition("/")[2].removeprefix(".").partition("-")[0]
        query = select(utterances.c.audio_sha256).where(utterances.c.id == utterance)
        with reading(self._engine) as connection:
            found = connection.execute(query).scalar()
            buried = found is None and _buried(connection, utterance) is not None
        return found is not None and object_name(utterance, found) == name, buried


@dataclass(frozen=True, slots=True)
class _Buried:
    deletion_sha256: str
    audio_sha256: str | None
    deleted: str


def _buried(connection: Connection, name: str) -> _Buried | None:
    query = select(
        tombstones.c.deletion_sha256, tombstones.c.audio_sha256, tombstones.c.deleted
    ).where(tombstones.c.id == name)
    found = connection.execute(query).first()
    return None if found is None else _Buried(*found)


def _bury(connection: Connection, name: str, secret: str) -> _Buried:
    """Turn an utterance into a tombstone, if the token is its own; or an unknown id into one."""
    query = select(utterances.c.deletion_sha256, utterances.c.audio_sha256).where(
        utterances.c.id == name
    )
    found = connection.execute(query).first()
    if found is not None and not hmac.compare_digest(found.deletion_sha256, secret):
        return _Buried(found.deletion_sha256, None, "")
    # One at a time: whoever asks for revocations after a number must miss none that comes later.
    lock(connection, BURYING)
    buried = _Buried(secret, None if found is None else found.audio_sha256, stamp())
    connection.execute(
        insert(tombstones).values(
            id=name,
            deletion_sha256=secret,
            audio_sha256=buried.audio_sha256,
            deleted=buried.deleted,
        )
    )
    connection.execute(delete(utterances).where(utterances.c.id == name))
    note(connection, "deleted", name)
    return buried
