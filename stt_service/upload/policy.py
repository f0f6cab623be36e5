"""Which answer leads to what; no clock, no network, no database.

Back-off doubles from half a minute to six hours, and half of it is chance: devices that lost the
same collector do not all come back in the same second.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from stt_service.store.leaving import LONGEST_WAIT
from stt_service.upload.api import Answer

FIRST_SECONDS = 30.0
LONGEST_SECONDS = 6 * 3600.0
GIVE_UP_ASKING = LONGEST_WAIT
"""Longest wait that a target may ask for."""
WHOLE = (408, 425, 429, 503, 507)
"""Answers that are about the target, and not about one utterance."""
NEVER = (400, 404, 409, 413, 415, 422)
"""Answers that stay the same however often it is tried."""

Kind = Literal["done", "forget", "quarantine", "stop", "later", "later-all"]


@dataclass(frozen=True, slots=True)
class Action:
    """What is to be done."""

    kind: Kind
    """``stop`` waits for somebody; ``later`` is about this utterance, ``later-all`` about all."""
    reason: str = ""
    seconds: float = 0.0
    """To wait, for both kinds of later."""


def after_sending(answer: Answer, failures: int, chance: random.Random) -> Action:
    """Return what an answer to a sending leads to, after so many ``failures`` in a row."""
    status = answer.status
    if status in (200, 201):
        return Action("done")
    if status == 410:
        return Action("forget", "it was deleted there")
    if status in (401, 403):
        return Action("stop", f"the target refuses this device ({status}): {answer.reason}")
    if status in NEVER:
        return Action("quarantine", f"{status}: {answer.reason}")
    return _later(answer, failures, chance)


def after_deleting(answer: Answer, failures: int, chance: random.Random) -> Action:
    """Return what an answer to a deletion leads to. It is never given up."""
    if answer.status == 200 and answer.receipt:
        return Action("done")
    return _later(answer, failures, chance)


def after_joining(answer: Answer, failures: int, chance: random.Random) -> Action:
    """Return what an answer to an enrolment leads to."""
    status = answer.status
    if status in (200, 201):
        return Action("done")
    if status is not None and status not in WHOLE and 400 <= status < 500:
        return Action("stop", f"the target lets this device not in ({status}): {answer.reason}")
    return _later(answer, failures, chance)


def _later(answer: Answer, failures: int, chance: random.Random) -> Action:
    wait = back_off(failures, chance)
    if answer.retry_after is not None:
        wait = max(wait, min(answer.retry_after, GIVE_UP_ASKING))
    status = answer.status
    reason = answer.reason if status is None else f"{status}: {answer.reason}"
    return Action("later-all" if status is None or status in WHOLE else "later", reason, wait)


def back_off(failures: int, chance: random.Random) -> float:
    """Return the seconds to wait after so many failures in a row, 0 and up."""
    longest = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(failures, 30))
    return longest * chance.uniform(0.5, 1.0)
