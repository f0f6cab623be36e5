"""Which answer leads to what."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_service.upload import policy
from stt_service.upload.api import Answer

CHANCE = random.Random(5)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, "done"),
        (201, "done"),
        (400, "quarantine"),
        (401, "stop"),
        (403, "stop"),
        (409, "quarantine"),
        (410, "forget"),
        (413, "quarantine"),
        (415, "quarantine"),
        (422, "quarantine"),
        (408, "later-all"),
        (425, "later-all"),
        (429, "later-all"),
        (503, "later-all"),
        (500, "later"),
        (502, "later"),
        (302, "later"),
        (None, "later-all"),
    ],
)
def test_each_answer_has_its_action(status: int | None, kind: str) -> None:
    """As the page of the wire format says."""
    assert policy.after_sending(Answer(status), 0, CHANCE).kind == kind


@given(st.integers(0, 10_000), st.integers())
def test_waits_grow_to_an_end_and_are_never_the_same_for_all(failures: int, seed: int) -> None:
    """Between half of the step and the whole; six hours at most."""
    wait = policy.back_off(failures, random.Random(seed))
    whole = min(policy.LONGEST_SECONDS, policy.FIRST_SECONDS * 2.0 ** min(failures, 30))
    assert whole / 2 <= wait <= whole


@given(st.floats(0, 1e9))
def test_what_a_target_asks_for_is_obeyed_within_reason(asked: float) -> None:
    """Never sooner than asked for, unless that is more than a day."""
    action = policy.after_sending(Answer(429, "", asked), 0, CHANCE)
    assert action.seconds >= min(asked, policy.GIVE_UP_ASKING)
    assert action.seconds <= policy.GIVE_UP_ASKING


@given(st.one_of(st.none(), st.integers(100, 599)))
def test_a_deletion_is_never_given_up(status: int | None) -> None:
    """Only a receipt ends it."""
    action = policy.after_deleting(Answer(status), 3, CHANCE)
    assert action.kind in ("later", "later-all")
    assert action.seconds > 0


@given(st.one_of(st.none(), st.integers(100, 599)), st.integers(0, 10_000))
def test_no_answer_loses_an_utterance(status: int | None, failures: int) -> None:
    """Done is what was acknowledged, forgotten what was deleted there; what fails there waits."""
    action = policy.after_sending(Answer(status, "why"), failures, CHANCE)
    assert (action.kind == "done") == (status in (200, 201))
    assert (action.kind == "forget") == (status == 410)
    assert (action.seconds > 0) == action.kind.startswith("later")
    if status is None or status >= 500:
        assert action.kind.startswith("later")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, "done"),
        (201, "done"),
        (403, "stop"),
        (409, "stop"),
        (422, "stop"),
        (429, "later-all"),
        (503, "later-all"),
        (500, "later"),
        (None, "later-all"),
    ],
)
def test_each_answer_to_joining(status: int | None, kind: str) -> None:
    """Who is not let in tells its owner; who did not get through comes again."""
    assert policy.after_joining(Answer(status, "why"), 0, CHANCE).kind == kind
