"""Error rates: the same figures as jiwer's."""

from __future__ import annotations

import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_service.wer import Errors, letter_errors, normalise, word_errors

texts = st.lists(st.sampled_from(["a", "b", "ab", "it's", "go"]), max_size=12).map(" ".join)


@given(texts.filter(bool), texts)
def test_rates_are_those_of_jiwer(said: str, heard: str) -> None:
    """Any two texts."""
    assert word_errors(said, heard).rate == pytest.approx(jiwer.wer(said, heard))
    assert letter_errors(said, heard).rate == pytest.approx(jiwer.cer(said, heard))


def test_rates_add_up_by_length() -> None:
    """A long recording counts for more than a short one."""
    total = word_errors("one two three", "one two three") + word_errors("one", "two")
    assert total == Errors(1, 4)
    assert total.rate == 0.25


def test_nothing_said() -> None:
    """Silence recognised as silence is right; anything else is infinitely wrong."""
    assert word_errors("", "").rate == 0
    assert word_errors("", "noise").rate == float("inf")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Turn ON, the light!", "turn on the light"),
        ("it\N{RIGHT SINGLE QUOTATION MARK}s  5 o'clock", "it's 5 o'clock"),
        ("Grüße_an alle", "grüße an alle"),
        ("\t", ""),
    ],
)
def test_spelling_conventions_do_not_count(text: str, plain: str) -> None:
    """Case, punctuation and spaces differ from corpus to corpus."""
    assert normalise(text) == plain
