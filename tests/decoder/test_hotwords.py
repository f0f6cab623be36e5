"""Hot words and phrases as a language model."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_service.decoder.api import Scorer
from stt_service.decoder.hotwords import HotWords
from stt_service.decoder.search import Decoder
from tests.decoder.kit import LETTERS, Bigrams, kernels, looking_ahead, speak, word_lexicon

KERNELS = pytest.mark.parametrize("kernel", kernels(), ids=["numpy", "c"][: len(kernels())])
VOCABULARY = ["a", "ab", "ac", "b"]
ALPHA = 0.5


def paid(model, text):
    """Boosts of each word of a text, and what of them an end here takes back."""
    state, boosts = model.start(), []
    for word in text.split():
        scores, after = model.score([state], [word])
        boosts.append(float(scores[0]))
        state = int(after[0])
    return boosts, model.prepaid(state)


def total(model, text):
    boosts, back = paid(model, text)
    return pytest.approx(sum(boosts) - back, abs=1e-5)


def test_a_word_is_boosted_once_where_it_stands():
    """Neither the words before nor those after it get anything."""
    assert paid(HotWords(None, {"b": 3.0}), "a b a b") == ([0, 3, 0, 3], 0)


def test_a_phrase_is_paid_word_by_word():
    """Its beginning must survive until its end is heard."""
    assert paid(HotWords(None, {"turn it off": 6.0}), "turn it off") == ([2, 2, 2], 0)


def test_a_broken_phrase_pays_back():
    """What was paid in advance is taken back by the word that breaks it off."""
    assert paid(HotWords(None, {"turn it off": 6.0}), "turn it on") == ([2, 2, -4], 0)


def test_an_utterance_that_ends_within_a_phrase_owes():
    """The end breaks a phrase off as a word does."""
    assert paid(HotWords(None, {"turn it off": 6.0}), "turn it") == ([2, 2], 4)


def test_a_phrase_may_begin_inside_of_another_that_breaks_off():
    """'on and on and off' holds 'on and off', whatever began before."""
    model = HotWords(None, {"on and off": 3.0})
    assert total(model, "on and on and off") == 3.0


def test_a_suppressed_phrase_pays_at_its_end():
    """Sentences that share its beginning go free."""
    model = HotWords(None, {"turn it off": -6.0})
    assert paid(model, "turn it off") == ([0, 0, -6], 0)
    assert paid(model, "turn it on") == ([0, 0, 0], 0)


def test_words_inside_of_phrases_count_on_their_own():
    """A hot word within a hot phrase gets both boosts."""
    model = HotWords(None, {"turn off": 4.0, "off": 1.0})
    assert total(model, "turn off") == 5.0
    assert total(model, "off") == 1.0


PHRASES = st.dictionaries(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(" ".join),
    st.floats(-5, 5).map(lambda x: round(x, 2)),
    max_size=4,
)


@given(boosts=PHRASES, words=st.lists(st.sampled_from("abcd"), max_size=12))
def test_in_the_end_each_occurrence_got_its_boost(boosts, words):
    """Whatever is paid on the way, the sum is that of the phrases that were said."""
    said = " " + " ".join(words) + " "
    expected = sum(
        boost * sum(said.startswith(f" {phrase} ", at) for at in range(len(said)))
        for phrase, boost in boosts.items()
    )
    model = HotWords(None, boosts)
    assert expected == total(model, " ".join(words))


@given(boosts=PHRASES, words=st.lists(st.sampled_from("abcd"), max_size=12))
def test_no_word_is_boosted_above_the_ceiling(boosts, words):
    """The search may rely on it to leave hopeless words unasked."""
    model = HotWords(None, boosts)
    assert max(paid(model, " ".join(words))[0], default=0) <= model.ceiling + 1e-5


def test_scores_add_to_those_of_the_base():
    """The base's states go along."""
    base = Bigrams(["a", "b"])
    model = HotWords(base, {"b": 2.0})
    first, after = base.score([0], ["a"])
    second, _ = base.score(after.tolist(), ["b"])
    scores, states = model.score([model.start()], ["a"])
    more, _ = model.score(states.tolist(), ["b"])
    assert scores == pytest.approx(first)
    assert more == pytest.approx(second + 2)
    assert model.knows("a")
    assert not model.knows("z")
    assert (model.id, model.order) == (base.id, 2)


def test_releasing_keeps_what_is_asked_for():
    """Kept states go on as before; the base is told which of its own are inside of them."""
    base = Bigrams(["a", "b"])
    model = HotWords(base, {"a b": 2.0})
    _, after = model.score([model.start()] * 2, ["a", "b"])
    kept = int(after[0])
    expected = model.score([kept], ["b"])[0]
    model.release({kept})
    assert base.released == [{0, 1}]
    assert np.array_equal(model.score([kept, model.start()], ["b", "b"])[0][:1], expected)


class Even(Bigrams):
    """A language model to which all words are alike, so that only boosts tell them apart."""

    def __init__(self):
        super().__init__(VOCABULARY)
        self._table[:] = -1.0


def hear(kernel, hot_words, *, doubt):
    """The text of "b a? b", where the second letter is b rather than c by ``doubt`` in log."""
    frames = speak(LETTERS, "b ab b", sure=0.98)
    unsure = int(np.flatnonzero(frames.argmax(axis=1) == LETTERS.index["b"])[1])
    share = 1 / (1 + np.exp(-doubt))
    frames[unsure] = 0.001
    frames[unsure, [LETTERS.index["b"], LETTERS.index["c"]]] = 0.997 * share, 0.997 * (1 - share)
    scorer = Scorer("even", Even(), word_lexicon(LETTERS, VOCABULARY), ALPHA, 0.0)
    stream = Decoder(LETTERS, scorer=scorer, frame_step=0.02, kernel=kernel).stream(
        16, hot_words=hot_words
    )
    stream.advance(frames)
    return stream.finish(len(frames) * 0.02).text


@KERNELS
def test_a_boost_turns_a_doubt_of_its_size(kernel):
    """Weighed by alpha, a boost of 4 outweighs a doubt below 2, and none above."""
    assert hear(kernel, {}, doubt=1.8) == "b ab b"
    assert hear(kernel, {"ac": 4.0}, doubt=1.8) == "b ac b"
    assert hear(kernel, {"ac": 4.0}, doubt=2.2) == "b ab b"
    assert hear(kernel, {"ab": -4.0}, doubt=1.8) == "b ac b"


@KERNELS
def test_a_hot_word_survives_a_beam_that_looks_ahead(kernel):
    """An unlikely word that its boost makes likely is not given up while it is being spelled."""
    scores = {"ab": -1.0, "cb": -9.0}
    scorer = Scorer("two", Bigrams(scores), looking_ahead(LETTERS, scores), ALPHA, 0.0)
    decoder = Decoder(LETTERS, scorer=scorer, frame_step=0.02, kernel=kernel)
    frames = speak(LETTERS, "ab", sure=0.99)
    frames[2] = [0.01, 0.44, 0.01, 0.53, 0.01]
    heard = []
    for boosts in ({}, {"cb": 9.0}):
        stream = decoder.stream(1, hot_words=boosts)
        stream.advance(frames)
        heard.append(stream.finish(len(frames) * 0.02).text)
    assert heard == ["ab", "cb"]


@given(boosts=PHRASES, words=st.lists(st.sampled_from("abcd"), max_size=12))
def test_no_word_is_paid_more_than_it_is_said_to_gain(boosts, words):
    """The search looks ahead by it."""
    model = HotWords(None, boosts)
    for word, boost in zip(words, paid(model, " ".join(words))[0], strict=True):
        assert boost <= model.gains().get(word, 0.0) + 1e-5


@KERNELS
def test_a_phrase_is_boosted_as_a_whole(kernel):
    """All of it is worth the boost; half of it nothing."""
    assert hear(kernel, {"b ac b": 4.0}, doubt=1.8) == "b ac b"
    assert hear(kernel, {"ac a": 4.0}, doubt=1.8) == "b ab b"


@KERNELS
def test_a_boost_in_the_recommended_range_puts_no_word_where_none_was(kernel):
    """What is clear stays as it is."""
    assert hear(kernel, {"ac": 8.0, "a": 8.0}, doubt=6.5) == "b ab b"
