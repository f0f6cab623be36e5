"""What comes first, and whose word counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stt_service.collector.tagging_rules import (
    GOLD_LEAST,
    gold_chance,
    is_trusted,
    listening_left,
    priority,
)

COUNTS = st.lists(st.integers(0, 10**6), max_size=20)


def test_what_teaches_most_comes_first() -> None:
    """Doubtful before certain, rare words before common ones, a new voice before a known one."""
    usual = priority(0.9, [500, 900], 100)
    assert priority(0.2, [500, 900], 100) > usual
    assert priority(0.9, [500, 900, 0], 100) > usual
    assert priority(0.9, [500, 900], 0) > usual
    assert priority(0.0, [], 0) == 1.0


@given(st.floats(allow_nan=False), COUNTS, st.integers(0, 10**6))
def test_priorities_are_bounded(confidence: float, counts: list[int], voice: int) -> None:
    """Whatever a device says of its confidence."""
    assert 0.0 <= priority(confidence, counts, voice) <= 1.0


def test_trust_is_lost_by_what_is_known() -> None:
    """Not before a few have been answered; never by a single mistake."""
    assert is_trusted(0, GOLD_LEAST - 1)
    assert not is_trusted(0, GOLD_LEAST)
    assert is_trusted(4, 1)
    assert not is_trusted(5, 5)
    assert is_trusted(90, 10)


def test_newcomers_hear_more_known_clips() -> None:
    """So that a careless one is noticed early."""
    assert gold_chance(0) > gold_chance(100) > 0


def test_a_clip_takes_its_time() -> None:
    """At twice its speed at most."""
    assert listening_left(10.0, 0.0) > 4
    assert listening_left(10.0, 5.0) == 0.0
    assert listening_left(0.5, 0.0) == 0.0
