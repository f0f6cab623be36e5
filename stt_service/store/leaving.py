"""The values of the upload queue: what leaves and why, what came of it, what is taken back."""

from __future__ import annotations

from dataclasses import dataclass

from stt_service.store.consent import Consent

LONGEST_WAIT = 86_400.0
"""Seconds; nothing is ever put off for longer."""


@dataclass(frozen=True, slots=True)
class Permission:
    """The consent under which an utterance leaves, as it was in that moment."""

    consent: Consent
    text_sha256: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the queue knows of an utterance."""

    utterance: str
    state: str
    """``waiting``, ``done`` or ``quarantined``."""
    attempts: int
    next: float
    """Seconds since 1970 before which it is not tried again."""
    reason: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Why nothing is sent."""

    reason: str
    until: float | None
    """Seconds since 1970; None: until somebody lets it go on."""
    failures: int
    """In a row."""

    def holds(self, now: float) -> bool:
        """Return whether it is not over, unless somebody has to end it.

        A time that is too far off was written down before the clock was set back.
        """
        return self.until is not None and now < self.until <= now + LONGEST_WAIT


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Something that is to be deleted elsewhere."""

    utterance: str
    token: str
    target: str | None
    """Where it was sent; None where that was not written down: to the one that is set."""


@dataclass(frozen=True, slots=True)
class DeletionReceipt:
    """Something that was."""

    utterance: str
    deleted: str
    receipt: str


@dataclass(frozen=True, slots=True)
class Account:
    """What a target knows this device by, under one pseudonym."""

    pseudonym: str
    token: str
    joined: bool


@dataclass(frozen=True, slots=True)
class LeftHome:
    """What has left on one day."""

    day: str
    utterances: int
    bytes: int
