"""What is dropped whatever was agreed to."""

from __future__ import annotations

from datetime import datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_service.errors import ConfigError
from stt_service.store.filters import Hours, Rules, longest_run, parse_hours
from tests.store.things import heard


@pytest.mark.parametrize(
    ("text", "run"),
    [
        ("my pin is four two seven one", 4),
        ("four two and seven one", 2),
        ("double seven three four", 3),
        ("call 0171 55", 6),
        ("twenty one forty two", 4),
        ("oh one seven one", 4),
        ("turn on the light", 0),
        ("", 0),
    ],
)
def test_runs_of_digits_are_counted(text: str, run: int) -> None:
    """As they are spoken, as they are written."""
    assert longest_run(text.split()) == run


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("my pin is four two seven one", "digits"),
        ("set a timer for twenty five minutes", None),
        ("call Grandma now", "names"),
        ("call grandmama", None),
        ("ask doctor miller", "names"),
        ("ask the doctor, Miller", "names"),
        ("miller is a doctor", None),
        ("where is o'neill", "names"),
    ],
)
def test_utterances_are_dropped_for_what_was_heard(text: str, reason: str | None) -> None:
    """Whole words, any case, punctuation between them."""
    rules = Rules(digits=4, names=("grandma", "Doctor Miller", "O'Neill"))
    assert rules.drop(heard(text)) == reason


def test_what_might_have_been_said_counts_too() -> None:
    """The best guess is not the only one."""
    assert Rules(digits=3).drop(heard("for to sever", "four two seven")) == "digits"
    assert Rules(names=("ann",)).drop(heard("call and", "call ann")) == "names"


def test_no_rules_drop_nothing() -> None:
    """0 digits means that they are saved; a name of no letters matches nothing."""
    assert Rules(names=("", " - ")).drop(heard("one two three four five six")) is None


@pytest.mark.parametrize(
    ("hours", "now", "quiet"),
    [
        ("22:00-07:00", "22:00", True),
        ("22:00-07:00", "03:00", True),
        ("22:00-07:00", "07:00", False),
        ("9:30-10:00", "09:59", True),
        ("9:30-10:00", "10:00", False),
        ("00:00-23:59", "12:00", True),
    ],
)
def test_quiet_hours(hours: str, now: str, quiet: bool) -> None:
    """Over midnight too; the end is no longer quiet."""
    rules = Rules(quiet=(parse_hours(hours, "store.quiet_hours"),))
    at = datetime.fromisoformat(f"2026-05-17T{now}").astimezone()
    assert rules.quiet_now(at) is quiet


@pytest.mark.parametrize("text", ["", "22-7", "24:00-07:00", "22:00", "22:60-07:00", "night"])
def test_no_time_of_day_is_a_mistake(text: str) -> None:
    """It names the key."""
    with pytest.raises(ConfigError, match=r"store\.quiet_hours"):
        parse_hours(text, "store.quiet_hours")


@given(st.times(), st.times(), st.times())
def test_hours_and_their_opposite_share_the_day(begin: time, end: time, now: time) -> None:
    """Each moment lies in exactly one of them."""
    if begin != end:
        assert Hours(begin, end).hold(now) != Hours(end, begin).hold(now)


@given(st.text(), st.lists(st.text(), max_size=3))
def test_any_text_is_judged(text: str, names: list[str]) -> None:
    """Whatever the engine or the settings hold."""
    assert Rules(digits=4, names=tuple(names)).drop(heard(text)) in (None, "digits", "names")
