"""Which utterances teach, which are held out, and when a change is worth it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from stt_service.personal import (
    BOOST,
    HELD_OUT_OF,
    MOST_HELD_OUT,
    MOST_HOT_WORDS,
    Lesson,
    Outcome,
    digest,
    hot_words,
    lessons,
    outcome,
    part,
)
from stt_service.store.kept import Kept

LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz'")


def kept(number: int = 1, text: str = "turn it on", **changes: object) -> Kept:
    """An utterance that was heard and nothing more; every ``HELD_OUT_OF``-th is held out."""
    one = Kept(
        id=f"{number:08x}{'0' * 24}",
        saved=float(number),
        actor="owner",
        consent="c",
        audio_sha256="a",
        bytes=1,
        seconds=1.0,
        clipped=0,
        overflows=0,
        text=text,
        label=None,
        review=None,
        confidence=0.5,
        alternatives=(),
        model="m",
        scorer=None,
        engine="litert",
        capture={},
        key=None,
        deletion_token="t",
        since=0.0,
    )
    return replace(one, **changes)  # type: ignore[arg-type]


def taught(*utterances: Kept) -> list[str]:
    return [" ".join(one.words) for one in lessons(utterances, LETTERS)]


def test_corrected_and_accepted_utterances_teach() -> None:
    """The correction wins over what was heard; what nobody has looked at teaches nothing."""
    assert taught(
        kept(1, label="turn that off"),
        kept(2, review="accepted"),
        kept(3, label="and this", review="rejected"),
        kept(4, review="rejected"),
        kept(5),
    ) == ["turn that off", "turn it on", "and this"]


def test_some_utterances_teach_nothing() -> None:
    """Those of guests, sealed ones, texts that are not spelt out, and silence."""
    assert (
        taught(
            kept(1, actor="guest", label="hello"),
            kept(2, key="k", label="hello"),
            kept(3, label="at 5 o'clock"),
            kept(4, "", review="accepted"),
        )
        == []
    )


def test_punctuation_and_case_fall_away() -> None:
    """As in the texts of any language model."""
    assert taught(kept(1, label="Turn it ON, please!")) == ["turn it on please"]


@given(st.lists(st.integers(0, 2**32 - 1), unique=True, max_size=40))
def test_what_is_held_out_stays_held_out(numbers: list[int]) -> None:
    """Whatever else is kept; and nothing is in both parts."""
    found = lessons([kept(n, label="yes") for n in numbers], LETTERS)
    learn, held_out = part(found)
    assert sorted(map(id, learn + held_out)) == sorted(map(id, found))
    for one in found:
        assert one.held_out == (int(one.kept.id[:8], 16) % HELD_OUT_OF == 0)
        assert (one in held_out) == one.held_out


def test_of_many_held_out_the_newest_are_compared() -> None:
    """A slow board recognises each several times."""
    every = [kept(n * HELD_OUT_OF, label="yes") for n in range(MOST_HELD_OUT + 5)]
    learn, held_out = part(lessons(every, LETTERS))
    assert learn == []
    assert [one.kept for one in held_out] == every[5:]


def test_a_change_of_anything_is_something_new_to_learn_from() -> None:
    """Another text, another utterance, another model's scorer."""
    some = lessons([kept(1, label="yes"), kept(2, label="no")], LETTERS)
    other = lessons([kept(1, label="yes"), kept(2, label="now")], LETTERS)
    names = [digest(some, 1), digest(other, 1), digest(some[:1], 1), digest(some, 2)]
    assert len(set(names)) == len(names)
    assert digest(list(some), 1) == names[0]


def lesson(heard: str, said: str) -> Lesson:
    return Lesson(kept(1, heard), tuple(said.split()))


def test_words_that_are_often_missed_are_listened_for() -> None:
    """Twice at least, and more often than they were heard."""
    assert hot_words(
        [
            lesson("call martin", "call marvin"),
            lesson("tell mar", "tell marvin"),
            lesson("marvin", "marvin"),
            lesson("the light", "a light"),
            lesson("a lamp", "a light"),
            lesson("light", "light on"),
            lesson("light", "light on"),
            lesson("on", "on"),
            lesson("on", "on"),
        ]
    ) == {"marvin": BOOST}
    many = [lesson("", f"word{'x' * n}") for n in range(MOST_HOT_WORDS + 5)] * 2
    assert len(hot_words(many)) == MOST_HOT_WORDS


def test_word_errors_of_each_are_counted() -> None:
    """Substitutions, deletions and insertions."""
    held_out = [lesson("", "turn it on"), lesson("", "stop"), lesson("", "go")]
    assert outcome(held_out, ["turn on", "stop", "go on"]).errors == (1, 0, 1)


def test_better_is_fewer_errors_and_more_mended_than_spoilt() -> None:
    """One utterance that is much better does not make up for two that are worse."""
    before = Outcome((3, 3, 3, 3))
    assert Outcome((3, 3, 3, 2)).better_than(before)
    assert Outcome((0, 4, 2, 3)).better_than(before)
    assert not before.better_than(before)
    assert not Outcome((0, 4, 4, 3)).better_than(before)
    assert not Outcome((2, 2, 3, 5)).better_than(before)
