"""What makes a transcript right: the rules, and what holds for all votes."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_service.collector.agreement import (
    AGREEING,
    ENOUGH,
    MAX_TEXT,
    OWNER,
    REASONS,
    Verdict,
    Vote,
    fault_of,
    judge,
    normalise,
)

PEOPLE = st.sampled_from([OWNER, "1", "2", "3", "4", "5", "6", "7", "8"])
VOTES = st.one_of(
    st.builds(Vote, PEOPLE, st.sampled_from(["light on", "Light  on!", "lights on", ""])),
    st.builds(Vote, PEOPLE, report=st.sampled_from(REASONS)),
)


def said(*pairs: tuple[str, str]) -> Verdict:
    return judge(Vote(person, text) for person, text in pairs)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Turn on  the Light!", "turn on the light"),
        ("don\u2019t \u201cstop\u201d", "don't stop"),
        ("twenty-one", "twenty one"),
        ("'tis the dogs' bowl", "tis the dogs bowl"),
        ("Cafe\u0301", "caf\u00e9"),
        ("\uff34\uff35\uff32\uff2e", "turn"),
        ("... \u2014 ", ""),
    ],
)
def test_spelling_does_not_divide(text: str, normal: str) -> None:
    """Case, punctuation, width and accents' code points are no disagreement."""
    assert normalise(text) == normal


@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing(text: str) -> None:
    """So what is published agrees with itself."""
    once = normalise(text)
    assert normalise(once) == once
    assert once == unicodedata.normalize("NFC", once)
    assert once == " ".join(once.split())


def test_two_people_make_it_valid() -> None:
    """One does not."""
    assert said(("1", "light on")).state == "open"
    assert said(("1", "Light on."), ("2", "light on")) == Verdict("valid", "light on", 2, 0)


def test_one_person_is_not_two() -> None:
    """However often; the last word counts."""
    assert said(("1", "light on"), ("1", "light on")).state == "open"
    assert said(("1", "x"), ("2", "light on"), ("1", "light on")).state == "valid"


def test_the_owner_is_one_of_the_two() -> None:
    """A correction needs one other person, and does not count twice."""
    assert said((OWNER, "light on"), (OWNER, "light on")).state == "open"
    assert said((OWNER, "light on"), ("1", "light on")).state == "valid"


def test_a_tie_goes_to_a_third() -> None:
    """And two against two to a fifth."""
    tie = [("1", "light on"), ("2", "lights on")]
    assert said(*tie).state == "open"
    assert said(*tie, ("3", "lights on")) == Verdict("valid", "lights on", 2, 1)
    both = [*tie, ("3", "light on"), ("4", "lights on")]
    assert said(*both).state == "open"
    assert said(*both, ("5", "light on")) == Verdict("valid", "light on", 3, 2)


def test_half_is_no_majority() -> None:
    """Two who agree against two who each heard something else."""
    assert said(("1", "a"), ("2", "b"), ("3", "c"), ("4", "a")).state == "open"


def test_what_nobody_can_tell_is_given_up() -> None:
    """After a number of votes without a majority."""
    different = [(str(one), chr(ord("a") + one)) for one in range(ENOUGH)]
    assert said(*different[:-1]).state == "open"
    assert said(*different).state == "invalid"


def test_reports() -> None:
    """Two say that there is nothing to transcribe; for what is private one is enough."""
    empty, unclear = Vote("1", report="empty"), Vote("2", report="unclear")
    assert judge([empty]).state == "open"
    assert judge([empty, unclear]) == Verdict("invalid", "", 2, 0)
    agreed = [Vote("3", "a"), Vote("4", "a"), Vote("5", "a")]
    assert judge([empty, *agreed]).state == "valid"
    assert judge([Vote("1", report="private"), *agreed]).state == "invalid"


def test_texts_that_do_not_count() -> None:
    """Each with what to do instead."""
    assert fault_of("turn on the light") is None
    assert "numbers as words" in str(fault_of("set it to 21"))
    assert "nobody speaks" in str(fault_of(" ?! "))
    assert str(MAX_TEXT) in str(fault_of("a" * (MAX_TEXT + 1)))


@given(st.lists(VOTES, max_size=12), st.randoms())
def test_the_order_of_people_does_not_matter(votes: list[Vote], chance: object) -> None:
    """Only that of one person's own votes."""
    last = list({vote.person: vote for vote in votes}.values())
    shuffled = list(last)
    chance.shuffle(shuffled)
    assert judge(votes) == judge(last) == judge(shuffled)


@given(st.lists(VOTES, max_size=12))
def test_a_valid_text_has_its_people(votes: list[Vote]) -> None:
    """Two different ones, of whom one is not the owner, and more than all the others."""
    verdict = judge(votes)
    if verdict.state == "valid":
        last = {vote.person: vote for vote in votes}
        for_it = {who for who, vote in last.items() if normalise(vote.text) == verdict.text}
        counted = [vote for vote in last.values() if vote.report or normalise(vote.text)]
        assert len(for_it) == verdict.agree >= AGREEING
        assert for_it - {OWNER}
        assert verdict.agree > verdict.against == len(counted) - verdict.agree


@given(st.lists(VOTES, max_size=12))
def test_more_agreement_never_harms(votes: list[Vote]) -> None:
    """Another person who says the same leaves a valid text valid."""
    verdict = judge(votes)
    if verdict.state == "valid":
        more = judge([*votes, Vote("99", verdict.text)])
        assert (more.state, more.text) == ("valid", verdict.text)
