"""One utterance in, stored once: checked, its sound written, then its row, then acknowledged.

    body ──► parts ──► meta + FLAC ──► checks ──► object ──► row ──► 201

A crash leaves at most an object without a row, which is swept; never a row without its object.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from sqlalchemy import Connection, Engine, insert, select, update

from stt_service.collector.admission import DAY, contributor
from stt_service.collector.database import lock, note, reading, stamp, writing
from stt_service.collector.objects import Objects, object_name
from stt_service.collector.refusal import RefusedError
from stt_service.collector.sound import check_sound
from stt_service.collector.tables import days, tombstones, utterances

Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
Time = Annotated[str, StringConstraints(pattern=_TIME)]
# PostgreSQL takes no NUL, and nobody says one.
_SAID = r"^[^\x00]*$"
Name = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=_SAID)]
Said = Annotated[str, StringConstraints(max_length=8192, pattern=_SAID)]
"""Text of an utterance: 300 s at the fastest."""
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Capture = dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=128)] | float]


class _Part(BaseModel):
    # What is unknown is refused: nobody shall send more than is asked for.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ConsentMeta(_Part):
    """What the speaker has agreed to."""

    id: Hash
    scope: Literal["keep", "upload", "publish"]
    text_version: Count
    text_sha256: Hash
    since: Time


class AlternativeMeta(_Part):
    """Another reading."""

    text: Said
    confidence: Share


class Meta(_Part):
    """What is known of an utterance; docs/collection.md."""

    consent: ConsentMeta
    deletion_sha256: Hash
    audio_sha256: Hash
    bytes: Annotated[int, Field(ge=1)]
    seconds: Annotated[float, Field(gt=0)]
    text: Said
    confidence: Share
    alternatives: Annotated[tuple[AlternativeMeta, ...], Field(max_length=50)] = ()
    label: Said | None = None
    model: Name
    scorer: Name | None = None
    engine: Annotated[Name, StringConstraints(max_length=32)]
    clipped: Count = 0
    overflows: Count = 0
    capture: Annotated[Capture, Field(max_length=32)] = {}


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken."""

    bytes: int = 8 << 20
    """Of a FLAC file."""
    seconds: float = 300.0
    per_day: int = 2000
    """Utterances of one contributor."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is acknowledged."""

    id: str
    received: str
    new: bool


def read_meta(raw: bytes) -> Meta:
    """Return the first part of a body. Raises :exc:`RefusedError` naming the field."""
    try:
        return Meta.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or "meta"
        raise RefusedError(422, f"{place}: {first['msg']}", "See docs/collection.md") from None


class Intake:
    """Receives for one collector. Any thread may call; the database does the rest."""

    def __init__(
        self, engine: Engine, objects: Objects, limits: Limits, texts: Collection[str]
    ) -> None:
        """``texts`` are the SHA-256 of the consent texts that are accepted."""
        self._engine = engine
        self._objects = objects
        self._limits = limits
        self._texts = frozenset(texts)

    def who(self, token: str) -> str:
        """Return a token's pseudonym, before a body is read. Raises :exc:`RefusedError`."""
        with reading(self._engine) as connection:
            return contributor(connection, token)

    def receive(self, pseudonym: str, name: str, meta: Meta, flac: bytes, now: int) -> Receipt:
        """Store an utterance, or say that it is stored. Raises :exc:`RefusedError`."""
        self._check(meta, flac)
        with reading(self._engine) as connection:
            if (before := self._before(connection, pseudonym, name, meta)) is not None:
                return before
        check_sound(flac, meta.seconds, self._limits.seconds)
        place = object_name(name, meta.audio_sha256)
        self._objects.put(place, flac)
        with writing(self._engine) as connection:
            lock(connection, name)
            if _is_buried(connection, name):
                # It was deleted in between; that is for ever, so nobody else can need the object.
                self._objects.delete(place)
            if (before := self._before(connection, pseudonym, name, meta)) is not None:
                return before
            contributor_day(connection, pseudonym, now, self._limits.per_day)
            received = stamp()
            connection.execute(insert(utterances).values(_row(pseudonym, name, meta, received)))
            note(connection, "received", name)
        return Receipt(name, received, new=True)

    def _check(self, meta: Meta, flac: bytes) -> None:
        if meta.consent.scope == "keep":
            raise RefusedError(403, "its speaker agreed to keep it, and no more", "Keep it")
        if meta.consent.text_sha256 not in self._texts:
            raise RefusedError(
                403, "its speaker agreed to another text", "See GET /v1/terms; agree anew"
            )
        if len(flac) != meta.bytes:
            raise RefusedError(422, f"bytes: the sound has {len(flac)}", "Send it again")
        if hashlib.sha256(flac).hexdigest() != meta.audio_sha256:
            raise RefusedError(422, "audio_sha256: the sound has another", "Send it again")

    def _before(
        self, connection: Connection, pseudonym: str, name: str, meta: Meta
    ) -> Receipt | None:
        """Return the receipt of one that is stored. Raises :exc:`RefusedError`."""
        if _is_buried(connection, name):
            raise RefusedError(410, "it was deleted", "Forget it")
        found = connection.execute(
            select(utterances.c.pseudonym, utterances.c.audio_sha256, utterances.c.received).where(
                utterances.c.id == name
            )
        ).first()
        if found is None:
            return None
        same = hmac.compare_digest(found.pseudonym, pseudonym)
        if not (same and found.audio_sha256 == meta.audio_sha256):
            raise RefusedError(409, "another utterance has this id", "Give it another")
        return Receipt(name, found.received, new=False)


def _is_buried(connection: Connection, name: str) -> bool:
    query = select(tombstones.c.number).where(tombstones.c.id == name)
    return connection.execute(query).first() is not None


def contributor_day(connection: Connection, pseudonym: str, now: int, most: int) -> None:
    """Count an utterance of today. Raises :exc:`RefusedError` when there were enough."""
    lock(connection, pseudonym)
    today = (days.c.pseudonym == pseudonym) & (days.c.day == now // DAY)
    count = connection.execute(select(days.c.utterances).where(today)).scalar()
    if count is None:
        connection.execute(insert(days).values(pseudonym=pseudonym, day=now // DAY, utterances=1))
    elif count >= most:
        wait = DAY - now % DAY
        raise RefusedError(429, f"that were {most} today", "Go on tomorrow", retry_after=wait)
    else:
        connection.execute(update(days).where(today).values(utterances=count + 1))


def _row(pseudonym: str, name: str, meta: Meta, received: str) -> dict[str, object]:
    consent = meta.consent
    return {
        "id": name,
        "pseudonym": pseudonym,
        "received": received,
        "consent": consent.id,
        "scope": consent.scope,
        "text_version": consent.text_version,
        "text_sha256": consent.text_sha256,
        "since": consent.since,
        "alternatives": json.dumps([one.model_dump() for one in meta.alternatives]),
        "capture": json.dumps(meta.capture, sort_keys=True),
        **meta.model_dump(exclude={"consent", "alternatives", "capture"}),
    }
