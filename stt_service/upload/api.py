"""What the worker and its targets say to each other."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stt_service.closing import Closing


@dataclass(frozen=True, slots=True)
class Parcel:
    """An utterance as it leaves."""

    id: str
    meta: Mapping[str, Any]
    """As in docs/collection.md."""
    flac: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a target said."""

    status: int | None
    """Of HTTP; None where the network failed."""
    reason: str = ""
    retry_after: float | None = None
    """Seconds, as the target asked for."""
    receipt: str = ""
    """Of a deletion."""
    deleted: str = ""
    """When, as the target says; ISO 8601."""


class RevokedError(Exception):
    """The consent ended while the sound was being sent: it must not arrive whole."""


class Target(Closing):
    """Where utterances go. For one thread."""

    name: str
    """An address, without secrets: accounts belong to it."""

    @abstractmethod
    def join(self, pseudonym: str, token: str) -> Answer:
        """Make a pseudonym known; harmless when it is. 2xx: it is known now."""

    @abstractmethod
    def send(self, parcel: Parcel, token: str, still: Callable[[], bool]) -> Answer:
        """Send an utterance; the same again is harmless.

        ``still`` is asked before every piece of it. Raises :exc:`RevokedError` as soon as it says
        no; then the target has not got the whole.
        """

    @abstractmethod
    def delete(self, utterance: str, token: str) -> Answer:
        """Have an utterance deleted; the same again is harmless. 200 comes with a receipt."""
