"""Walking lexicons."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_service.decoder.api import NO_STATE
from stt_service.decoder.lexicon import END_STATE, accepts, follow, raised, spells
from tests.decoder.kit import LETTERS, looking_ahead, sentence_lexicon, walk, word_lexicon


def test_many_states_step_at_once():
    """Each state takes its own label; those without such an arc end nowhere."""
    lexicon = word_lexicon(LETTERS, ["ab", "b"])
    start = np.array([lexicon.start] * 4, np.int32)
    reached = follow(lexicon, start, np.arange(4, dtype=np.int32), LETTERS.space)
    assert (reached != NO_STATE).tolist() == [False, True, True, False]


def test_no_states_are_followed_to_none():
    """An empty question has an empty answer."""
    lexicon = word_lexicon(LETTERS, ["a"])
    none = np.zeros(0, np.int32)
    assert len(follow(lexicon, none, none, 0)) == 0


def test_dead_and_impossible_states_stay_dead():
    """States outside of the lexicon have no arcs and accept nothing."""
    lexicon = word_lexicon(LETTERS, ["a"])
    states = np.array([NO_STATE, END_STATE, 10_000], np.int32)
    assert (follow(lexicon, states, np.ones(3, np.int32), 0) == NO_STATE).all()
    assert not accepts(lexicon, states).any()


def test_an_utterance_may_be_followed_by_one_space():
    """After a whole sentence a space leads to the end state, from where nothing leads on."""
    lexicon = sentence_lexicon(LETTERS, ["a b", "a"])
    assert walk(lexicon, LETTERS.encode("a b ")) == END_STATE
    assert walk(lexicon, LETTERS.encode("a b  ")) == NO_STATE
    assert walk(lexicon, LETTERS.encode("a ")) not in {END_STATE, NO_STATE}  # goes on to b
    assert walk(lexicon, LETTERS.encode("b ")) == NO_STATE


def test_words_of_a_dictionary_do_not_trail():
    """A restarting lexicon spells the space itself."""
    lexicon = word_lexicon(LETTERS, ["a"])
    assert accepts(lexicon, np.array([walk(lexicon, LETTERS.encode("a "))], np.int32)).all()


@pytest.mark.parametrize(("text", "spelt"), [("ab ", True), ("a", True), ("ba", False)])
def test_spells(text, spelt):
    """A spelling is known when there is a path for it."""
    assert spells(word_lexicon(LETTERS, ["ab"]), LETTERS.encode(text)) is spelt


def test_a_lexicon_without_arcs_spells_nothing():
    """Nothing to say is no error."""
    assert not spells(word_lexicon(LETTERS, []), [1])


WORDS = st.dictionaries(
    st.text("abc", min_size=1, max_size=4), st.floats(-20, 0, width=32), min_size=1, max_size=8
)


@given(scores=WORDS, gains=st.dictionaries(st.text("abc", min_size=1, max_size=4), st.floats(0, 9)))
def test_look_ahead_is_raised_along_the_words_that_gain(scores, gains):
    """By as much as they gain, but never above 0; what no such word passes through stays."""
    lexicon = looking_ahead(LETTERS, scores)
    higher = raised(
        lexicon,
        [LETTERS.encode(word) for word in gains],
        np.array(list(gains.values()), np.float32),
    )
    expected = np.array(lexicon.ahead)
    for word, gain in gains.items():
        states = [walk(lexicon, LETTERS.encode(word[: i + 1])) for i in range(len(word))]
        if states[-1] == NO_STATE:
            continue
        value = min(0.0, lexicon.ahead[states[-1]] + np.float32(gain))
        expected[states] = np.maximum(expected[states], value)
    assert np.allclose(higher.ahead, expected)


def test_without_look_ahead_nothing_is_raised():
    """A DeepSpeech dictionary has none."""
    lexicon = word_lexicon(LETTERS, ["a"])
    assert raised(lexicon, [LETTERS.encode("a")], np.ones(1, np.float32)) is lexicon
