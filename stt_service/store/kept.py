"""The values of the utterance store: what comes in, what lies there, what saving comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from stt_service.events import Alternative, Transcript
from stt_service.store.consent import Actor

Verdict = Literal["accepted", "rejected"]
"""About an utterance's leaving this device."""
Which = Literal["waiting", "accepted", "rejected", "all"]
"""Those with a verdict, without one, or all."""
HOUR = 3600.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Quota:
    """How much is kept."""

    bytes: int
    """Of sound files; beyond, the oldest go, corrected ones last."""
    days: float
    """After which an utterance goes."""
    keep_free: int
    """Bytes that saving leaves free on the file system: others need it more."""


@dataclass(frozen=True, slots=True)
class NewUtterance:
    """What is to be kept beside the sound. No address, no serial number, no host name."""

    transcript: Transcript
    """As recognised; its times are not kept."""
    seconds: float
    clipped: int
    """Samples at full scale."""
    overflows: int
    """Times that the sound card lost audio meanwhile."""
    capture: Mapping[str, str | int | float]
    """How it was recorded: kind of source, rate, channel, detector."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One utterance that lies in the store."""

    id: str
    """Random, hexadecimal."""
    saved: float
    """Seconds since 1970."""
    actor: Actor
    consent: str
    """Id of the consent under which it was saved."""
    audio_sha256: str
    """Of the FLAC file, hexadecimal."""
    bytes: int
    """Size of the FLAC file."""
    seconds: float
    clipped: int
    overflows: int
    text: str
    """What the machine heard."""
    label: str | None
    """What was really said, as somebody wrote it down."""
    review: Verdict | None
    """What somebody has decided about its leaving; None waits."""
    confidence: float
    alternatives: tuple[Alternative, ...]
    model: str
    scorer: str | None
    engine: str
    capture: Mapping[str, str | int | float]
    key: str | None
    """Id of the key that sound and texts are sealed with at rest, None where they are not."""
    deletion_token: str
    """A secret: who knows it may have the utterance deleted wherever it was sent."""
    since: float
    """Seconds that had passed in the store's life when it was saved; no clock changes them."""
    readable: bool = True
    """Whether the key is here that it is sealed with; else sound and texts stay shut."""

    def public(self) -> dict[str, Any]:
        """Return everything but the secret and the store's own count, for JSON."""
        found = {name: getattr(self, name) for name in self.__slots__}
        del found["deletion_token"], found["since"]
        found["alternatives"] = [
            {"text": one.text, "confidence": one.confidence} for one in self.alternatives
        ]
        return found


@dataclass(frozen=True, slots=True)
class Grace:
    """When an utterance may leave, if its consent allows that at all."""

    hours: float
    """That every one stays here at least, to be reviewed."""
    unreviewed: bool = False
    """Whether those that nobody has looked at leave after that time too."""

    @property
    def seconds(self) -> float:
        """The same in seconds."""
        return self.hours * HOUR

    def left(self, kept: Kept, passed: float) -> float | None:
        """Return the seconds until it may leave, below zero for those since when it may.

        ``passed`` are those of the store's life; None is never, as things stand.
        """
        if kept.review == "rejected" or (kept.review is None and not self.unreviewed):
            return None
        return kept.since + self.seconds - passed


@dataclass(frozen=True, slots=True)
class Stats:
    """How much there is."""

    utterances: int = 0
    bytes: int = 0
    """Of sound files."""
    seconds: float = 0.0
    """Of sound."""
    labelled: int = 0
    """Utterances that somebody has corrected or confirmed."""
    accepted: int = 0
    rejected: int = 0
    sent: int = 0
    """Utterances that have left and may have to be deleted elsewhere."""
    tombstones: int = 0
    """Deletions elsewhere that are to be asked for."""
    quota_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Saved:
    """It is on the card, and stays there."""

    id: str
    removed: int = 0
    """Older ones that made room."""


@dataclass(frozen=True, slots=True)
class NotSaved:
    """It was not to be saved."""

    reason: Literal["consent", "duplicate"]


@dataclass(frozen=True, slots=True)
class SaveStopped:
    """It could not be saved; nothing of it is left."""

    message: str
    remedy: str


Saving = Saved | NotSaved | SaveStopped
