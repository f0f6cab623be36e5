"""One step of the queue at a time: what was withdrawn first, then what may leave.

    step ──► tombstone? delete there ──► receipt
         └─► paused, outside the hours, metered, too much? wait
         └─► next utterance ──► consent? ──► account ──► send ──► policy ──► note

Nothing here sleeps and nothing runs by itself; :mod:`stt_service.upload.service` calls.
"""

from __future__ import annotations

import hashlib
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from stt_service.errors import StoreError, SttError
from stt_service.store.filters import Hours
from stt_service.store.kept import Kept
from stt_service.store.leaving import LONGEST_WAIT, DeletionReceipt, Permission, Tombstone
from stt_service.store.queue import Queue
from stt_service.store.utterances import Utterances
from stt_service.upload import policy
from stt_service.upload.api import Answer, Parcel, RevokedError, Target

logger = logging.getLogger(__name__)

IDLE_SECONDS = 60.0
"""Between looks when there is nothing to do: a review or a withdrawal may have come."""
OUTSIDE_SECONDS = 300.0
"""Between looks when it is not allowed now: hours begin, networks change."""


@dataclass(frozen=True, slots=True)
class Rules:
    """When utterances may leave; deletions always may."""

    hours: tuple[Hours, ...] = ()
    """Local time; none: always."""
    bytes_per_second: int = 0
    """0: as fast as it goes."""
    metered: bool = False
    """Whether over a connection that costs money, too."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one step came to."""

    did: str
    """``sent``, ``deleted``, ``failed``, ``revoked``, ``idle``, ``paused``, ``closed``."""
    wait: float
    """Seconds until the next step is worth it."""
    reason: str = ""


@dataclass(slots=True)
class Worker:
    """Works on one queue with one target. For the thread that opened the store."""

    queue: Queue
    utterances: Utterances
    target: Target
    rules: Rules = field(default_factory=Rules)
    is_metered: Callable[[], bool | None] = lambda: None
    clock: Callable[[], float] = time.time
    local: Callable[[], datetime] = lambda: datetime.now().astimezone()
    chance: random.Random = field(default_factory=random.SystemRandom)
    former: Callable[[str], Target] | None = None
    """Opens a target by its name that was set once: what it has got is deleted there."""
    _aside: dict[str, tuple[float, int]] = field(default_factory=dict)
    """Deletions that were refused, until when, and how often: the others go on meanwhile."""

    def step(self) -> Step:
        """Do the next thing, if any. Raises :exc:`StoreError` when the store fails."""
        now = self.clock()
        pause = self.queue.paused()
        # Deletions wait for a target that is away, and for nothing else.
        away = pause is not None and pause.holds(now)
        if not away:
            aside = [
                name
                for name, (until, _) in self._aside.items()
                if now < until <= now + LONGEST_WAIT  # else the clock was set back
            ]
            for grave in self.queue.tombstones(aside, 1):
                return self._delete(grave, now)
        self.queue.keep_time()
        if pause is not None and (away or pause.until is None):
            wait = IDLE_SECONDS if pause.until is None else min(IDLE_SECONDS, pause.until - now)
            return Step("paused", wait, pause.reason)
        if (why := self._closed()) is not None:
            return Step("closed", OUTSIDE_SECONDS, why)
        kept = self.queue.next(now)
        if kept is None:
            earliest = self.queue.earliest()
            wait = IDLE_SECONDS if earliest is None else earliest - now
            return Step("idle", min(IDLE_SECONDS, max(1.0, wait)))
        return self._send(kept, now)

    def _closed(self) -> str | None:
        if self.rules.hours:
            moment = self.local().time()
            if not any(hours.hold(moment) for hours in self.rules.hours):
                return "outside of upload.hours"
        if not self.rules.metered and self.is_metered():
            return "the network is metered"
        return None

    # -- deleting

    def _delete(self, grave: Tombstone, now: float) -> Step:
        here = grave.target in (None, self.target.name)
        answer = self._ask(grave)
        action = policy.after_deleting(answer, self._failures(), self.chance)
        if action.kind == "done":
            one = DeletionReceipt(grave.utterance, answer.deleted, answer.receipt)
            self.queue.receipted(one, grave.target or self.target.name)
            self._aside.pop(grave.utterance, None)
            if here:
                self._worked()
            return Step("deleted", 0.0)
        if here and action.kind == "later-all":
            self._wait_all(action, now)
            return Step("failed", min(IDLE_SECONDS, action.seconds), action.reason)
        _, times = self._aside.get(grave.utterance, (0.0, 0))
        wait = max(action.seconds, policy.back_off(times, self.chance))
        self._aside[grave.utterance] = (now + wait, times + 1)
        return Step("failed", 0.0, action.reason)

    def _ask(self, grave: Tombstone) -> Answer:
        """Have something deleted where it was sent, and not where things are sent now."""
        if grave.target in (None, self.target.name):
            return self.target.delete(grave.utterance, grave.token)
        if self.former is None:
            return Answer(None, f"{grave.target} is not set any more")
        try:
            with self.former(grave.target) as target:
                return target.delete(grave.utterance, grave.token)
        except SttError as error:
            return Answer(None, error.message)

    # -- sending

    def _send(self, kept: Kept, now: float) -> Step:
        permission = self.queue.begin(kept, self.target.name)
        if permission is None:
            return Step("revoked", 0.0)
        account = self.queue.account(self.target.name, permission.consent.pseudonym)
        if not account.joined:
            answer = self.target.join(account.pseudonym, account.token)
            action = policy.after_joining(answer, self._failures(), self.chance)
            if action.kind != "done":
                return self._failed(kept, action, now)
            self.queue.joined(self.target.name, account.pseudonym)
        try:
            parcel = Parcel(kept.id, meta_of(kept, permission), self.utterances.sound(kept))
        except StoreError as error:
            self.queue.quarantine(kept, error.message)
            return Step("failed", 0.0, error.message)
        try:
            answer = self.target.send(parcel, account.token, lambda: self.queue.still(kept))
        except RevokedError:
            logger.info("an utterance was withdrawn while it was sent; it did not arrive whole")
            return Step("revoked", 0.0)
        action = policy.after_sending(answer, self._failures(), self.chance)
        if action.kind in ("done", "forget"):
            self.queue.done(kept, now)
            self._worked()
            return Step("sent", self._pace(kept.bytes))
        return self._failed(kept, action, now)

    def _pace(self, size: int) -> float:
        limit = self.rules.bytes_per_second
        return size / limit if limit else 0.0

    def _failed(self, kept: Kept, action: policy.Action, now: float) -> Step:
        if action.kind == "quarantine":
            self.queue.quarantine(kept, action.reason)
            return Step("failed", 0.0, action.reason)
        if action.kind == "stop":
            self.queue.pause(action.reason, None)
            return Step("paused", IDLE_SECONDS, action.reason)
        if action.kind == "later":
            seconds = policy.back_off(self.queue.attempts(kept), self.chance)
            self.queue.postpone(kept, now + max(seconds, action.seconds), action.reason)
            return Step("failed", 0.0, action.reason)
        self._wait_all(action, now)
        return Step("failed", min(IDLE_SECONDS, action.seconds), action.reason)

    # -- failures in a row

    def _failures(self) -> int:
        pause = self.queue.paused()
        return 0 if pause is None else pause.failures

    def _wait_all(self, action: policy.Action, now: float) -> None:
        pause = self.queue.paused()
        if pause is None or pause.until is not None:  # what waits for somebody goes on waiting
            self.queue.pause(action.reason, now + action.seconds, self._failures() + 1)

    def _worked(self) -> None:
        pause = self.queue.paused()
        if pause is not None and pause.until is not None:
            self.queue.resume()


def meta_of(kept: Kept, permission: Permission) -> dict[str, object]:
    """Return what leaves beside the sound, as docs/collection.md has it, and nothing else."""
    consent = permission.consent
    return {
        "consent": {
            "id": consent.id,
            "scope": consent.scope,
            "text_version": consent.text_version,
            "text_sha256": permission.text_sha256,
            "since": consent.since.replace("+00:00", "Z"),
        },
        "deletion_sha256": hashlib.sha256(kept.deletion_token.encode()).hexdigest(),
        "audio_sha256": kept.audio_sha256,
        "bytes": kept.bytes,
        "seconds": kept.seconds,
        "text": kept.text,
        "confidence": kept.confidence,
        "alternatives": [
            {"text": one.text, "confidence": one.confidence} for one in kept.alternatives
        ],
        "label": kept.label,
        "model": kept.model,
        "scorer": kept.scorer,
        "engine": kept.engine,
        "clipped": kept.clipped,
        "overflows": kept.overflows,
        "capture": dict(kept.capture),
    }
