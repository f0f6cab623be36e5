"""An n-gram model and a network as one language model."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stt_service.decoder.api import UNKNOWN_WORD
from stt_service.decoder.hotwords import HotWords
from stt_service.decoder.neural import ROOM, NeuralModel
from stt_service.decoder.ngram import NgramModel
from stt_service.decoder.ngram_adapt import adapt
from stt_service.decoder.ngram_build import build
from stt_service.decoder.ngram_counts import BEGIN, count_orders, read_corpus
from stt_service.decoder.ngram_file import write_ngram
from stt_service.decoder.ngram_scorer import open_ngram
from tests.decoder.kit import PHRASES, chain, draw_network, state_after
from tests.decoder.scorer_files import ENGLISH

KNOWN = 8
"""Words that the network knows, fewer than the n-grams do."""


def made():
    corpus = read_corpus(line.split() for line in PHRASES)
    tables = build(corpus, count_orders(corpus, 3)).tables
    assert len(tables.words) > KNOWN
    return replace(tables, network=draw_network(KNOWN, context=4))


TABLES = made()
WORDS = st.sampled_from([*TABLES.words[3:], "nonsense"])


def neural(tables=TABLES):
    return NeuralModel(NgramModel(tables, "x", "x"), tables.network)


@given(st.lists(WORDS, max_size=12))
@settings(max_examples=100, deadline=None)
def test_a_probability_is_the_mean_of_both(words):
    """By the network's share; of words that it does not know the n-grams' alone."""
    network, number = TABLES.network, {word: i for i, word in enumerate(TABLES.words)}
    ngrams = chain(NgramModel(TABLES, "x", "x"), " ".join(words))
    said = [BEGIN] * network.context
    for word, both, alone in zip(words, chain(neural(), " ".join(words)), ngrams, strict=True):
        at = number.get(word, 0)
        mean = alone
        known = 3 <= at < KNOWN
        if known:
            context = np.array([said[-network.context :]], np.int32)
            says = float(network.score(network.expect(context), np.array([at], np.int32))[0])
            mean = math.log(network.share * math.exp(says) + (1 - network.share) * math.exp(alone))
        assert both == pytest.approx(mean, abs=1e-4)
        said.append(at if known else 0)
    if "nonsense" in words:
        assert min(ngrams) == UNKNOWN_WORD


@given(st.lists(st.lists(WORDS, min_size=1, max_size=6), min_size=1, max_size=20), st.randoms())
@settings(max_examples=50, deadline=None)
def test_states_that_are_kept_say_the_same_after_others_are_released(sentences, dice):
    """States are handed out again once they are free, and never while they are kept."""
    model = neural()
    kept = {}
    for sentence in sentences:
        state = model.start()
        for word in sentence:
            _, after = model.score([state, state], [word, "light"])
            state = int(after[0])
        kept[state] = sentence
        if dice.random() < 0.3:
            kept = {one: said for one, said in kept.items() if dice.random() < 0.7}
            model.release(kept)
        for one, said in kept.items():
            fresh = chain(neural(), " ".join([*said, "turn"]))[-1]
            assert model.score([one], ["turn"])[0][0] == pytest.approx(fresh, abs=1e-5)


def test_there_is_room_for_any_number_of_states():
    """Thousands in one question, each another one; a release makes all free but the start."""
    model = neural()
    _, after = model.score([0] * (5 * ROOM), ["light"] * (5 * ROOM))
    assert len(set(after.tolist())) == 5 * ROOM
    assert 0 not in after
    model.release()
    assert set(model.score([0], ["light"])[1].tolist()) <= set(after.tolist())
    assert chain(model, "turn on the light") == pytest.approx(chain(neural(), "turn on the light"))


def test_states_are_alike_where_the_ngrams_are():
    """What only the network remembers does not keep hypotheses apart."""
    model = neural()
    sentences = ("turn on the light", "nonsense the light", "turn on", "the light")
    ends = [state_after(model, sentence) for sentence in sentences]
    one, other, on, begun = model.alike(np.array(ends, np.int32)).tolist()
    assert len(set(ends)) == 4
    assert one == other
    assert len({one, on, begun}) == 3 or begun == one


def test_hot_words_keep_apart_what_they_tell_apart():
    """A phrase that has begun is not alike to one that has not, whatever the base says."""
    model = HotWords(neural(), {"light nonsense": 3.0})
    sentences = ("turn on the light", "nonsense the light", "turn on the")
    ends = [state_after(model, sentence) for sentence in sentences]
    one, other, third = model.alike(np.array(ends, np.int32)).tolist()
    assert one == other
    assert one != third


def test_an_adapted_model_keeps_the_network(tmp_path):
    """Words keep their numbers, so it still knows them; new ones are the n-grams' alone."""
    path = tmp_path / "own.ngram"
    write_ngram(path, adapt(TABLES, [["zzyzx", "light"]]))
    language = open_ngram(path, ENGLISH).language
    assert isinstance(language, NeuralModel)
    assert chain(language, "zzyzx light")[0] > UNKNOWN_WORD


def test_a_file_without_a_network_is_asked_as_it_is(tmp_path):
    """As scorers that people build of their own text are."""
    path = tmp_path / "plain.ngram"
    write_ngram(path, replace(TABLES, network=None))
    assert isinstance(open_ngram(path, ENGLISH).language, NgramModel)
