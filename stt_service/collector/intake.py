"""One utterance in, stored once: checked, its sound written, then its row, then acknowledged.

    token ──► body ──► meta + FLAC ──► checks ──► object ──► row ──► 201

A crash leaves at most an object without a row, which is swept; never a row without its object.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from sqlalchemy import Engine, bindparam, select

from stt_service.collector.admission import DAY, admitted, secret_hash
from stt_service.collector.database import ask, stamp
from stt_service.collector.objects import Objects, object_name
from stt_service.collector.refusal import RefusedError
from stt_service.collector.sound import check_sound
from stt_service.collector.storing import BY_NAME, STANDING, store
from stt_service.collector.tables import contributors, days, tombstones, utterances

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


@dataclass(frozen=True, slots=True)
class Stored:
    """What is there under an id already."""

    audio_sha256: str
    received: str

    def receipt(self, name: str, meta: Meta) -> Receipt:
        """Return its receipt, for the same sound. Raises :exc:`RefusedError`."""
        if self.audio_sha256 != meta.audio_sha256:
            raise _taken()
        return Receipt(name, self.received, new=False)


@dataclass(frozen=True, slots=True)
class Opening:
    """Somebody who may send an utterance now."""

    pseudonym: str
    name: str
    before: Stored | None


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

    def open(self, token: str, name: str, now: int) -> Opening:
        """Say whether a body may come, before it is read. Raises :exc:`RefusedError`."""
        given = {"token": secret_hash(token), "name": name, "day": now // DAY}
        found = ask(self._engine, _OPENING, given)
        pseudonym = admitted(found)
        assert found is not None  # or it would have been refused
        before = _standing(found, pseudonym)
        if before is None and (found.today or 0) >= self._limits.per_day:
            raise _enough(self._limits.per_day, now)
        return Opening(pseudonym, name, before)

    def receive(self, opening: Opening, meta: Meta, flac: bytes, now: int) -> Receipt:
        """Store an utterance, or say that it is stored. Raises :exc:`RefusedError`."""
        self._check(meta, flac)
        name = opening.name
        if opening.before is not None:
            return opening.before.receipt(name, meta)
        check_sound(flac, meta.seconds, self._limits.seconds)
        place = object_name(name, meta.audio_sha256)
        self._objects.put(place, flac)
        row = _row(opening.pseudonym, name, meta, stamp())
        most = self._limits.per_day
        found, stored = store(self._engine, row, day=now // DAY, most=most)
        if found.buried is not None:
            # It was deleted in between; that is for ever, so nobody else can need the object.
            self._objects.delete(place)
        before = _standing(found, opening.pseudonym)
        if before is not None:
            return before.receipt(name, meta)
        if not stored:
            raise _enough(most, now)
        return Receipt(name, str(row["received"]), new=True)

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


# Made once, and one question each: a statement costs what it takes to make it, and the way.
_OPENING = (
    select(
        contributors.c.pseudonym,
        contributors.c.barred,
        days.c.utterances.label("today"),
        *STANDING,
    )
    .select_from(
        contributors.outerjoin(
            days, (days.c.pseudonym == contributors.c.pseudonym) & (days.c.day == bindparam("day"))
        )
        .outerjoin(utterances, utterances.c.id == BY_NAME)
        .outerjoin(tombstones, tombstones.c.id == BY_NAME)
    )
    .where(contributors.c.token_sha256 == bindparam("token"))
)


def _standing(found: Any, pseudonym: str) -> Stored | None:  # noqa: ANN401 -- any row with those
    """Return what is stored under an id, by the same contributor. Raises RefusedError."""
    if found.buried is not None:
        raise RefusedError(410, "it was deleted", "Forget it")
    if found.owner is None:
        return None
    if found.owner != pseudonym:
        raise _taken()
    return Stored(found.audio_sha256, found.received)


def _taken() -> RefusedError:
    return RefusedError(409, "another utterance has this id", "Give it another")


def _enough(most: int, now: int) -> RefusedError:
    return RefusedError(
        429, f"that were {most} today", "Go on tomorrow", retry_after=DAY - now % DAY
    )


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
