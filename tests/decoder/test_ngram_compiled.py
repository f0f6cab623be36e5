"""The n-gram model's questions, answered in C: the same bits, and nothing given is trusted."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stt_service.decoder.api import UNKNOWN_WORD
from stt_service.decoder.ngram import NgramModel
from stt_service.decoder.ngram_build import build
from stt_service.decoder.ngram_counts import count_orders, read_corpus
from tests.decoder.kit import PHRASES, chain

try:
    from stt_service.decoder._kernel import NgramTables
except ImportError:  # not compiled: the test of the model in NumPy still runs
    NgramTables = None

COMPILED = pytest.mark.skipif(NgramTables is None, reason="the extension is not compiled")


@pytest.fixture
def tables():
    corpus = read_corpus(line.split() for line in PHRASES)
    return build(corpus, count_orders(corpus, 4)).tables


def in_numpy(tables):
    """The model as it is where nothing was compiled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "stt_service.decoder._kernel", None)
        model = NgramModel(tables, "x", "x")
    assert model._compiled is None
    return model


SENTENCES = st.lists(st.lists(st.sampled_from("abcdef"), max_size=6), min_size=1, max_size=12)
ASKED = st.sampled_from([*"abcdef", "nonsense", "\ud800", "", "<unk>", "<s>", "</s>"])


@COMPILED
@settings(max_examples=300, deadline=None)
@given(SENTENCES, st.integers(1, 5), st.integers(0, 1), st.data())
def test_c_and_numpy_answer_the_same_bits(sentences, order, prune, data):
    """Any history, any word: known, unknown, and those that nobody says."""
    corpus = read_corpus(sentences)
    built = build(corpus, count_orders(corpus, order), prune=(0, 0, prune)).tables
    compiled, model = NgramModel(built, "x", "x"), in_numpy(built)
    states = st.integers(0, compiled._top - 1)
    questions = data.draw(st.lists(st.tuples(states, ASKED), max_size=60))
    asked = [state for state, _ in questions], [word for _, word in questions]
    for mine, other in zip(compiled.score(*asked), model.score(*asked), strict=True):
        assert mine.dtype == other.dtype
        assert mine.tobytes() == other.tobytes()


def arrays(model):
    """What the compiled tables are made from."""
    return {
        "keys": model._keys,
        "prob": model._prob,
        "word_prob": model._word_prob,
        "backoff": model._backoff,
        "shorter": model._shorter,
        "vocabulary": model._number,
        "order": model.order,
    }


def ask(compiled, states, words):
    scores, after = np.empty(len(words), np.float32), np.empty(len(words), np.int32)
    compiled.score(states, words, scores, after)
    return scores, after


@COMPILED
def test_compiled_tables_refuse_what_is_no_question(tables):
    """By exceptions: what is no state, no word, or has no room for the answers."""
    model = NgramModel(tables, "x", "x")
    for state in (-1, model._top, 2**40, -(2**63)):
        with pytest.raises(IndexError, match="not a state"):
            model.score([0, state], ["the", "the"])
    with pytest.raises(OverflowError):
        model.score([2**64], ["the"])
    for states, words in [(["0"], ["the"]), ([None], ["the"]), ([0], [[]])]:
        with pytest.raises(TypeError):
            model.score(states, words)
    for states in ([], [0, 0]):
        with pytest.raises(ValueError, match="a state for each word"):
            model.score(states, ["the"])
    compiled = NgramTables(**arrays(model))
    room = np.empty(1, np.float32), np.empty(1, np.int32)
    for wrong in (np.empty(2, np.float32), np.empty(1), np.empty((1, 1), np.float32)):
        with pytest.raises(TypeError, match="4-byte 'f'"):
            compiled.score([0], ["the"], wrong, room[1])
        with pytest.raises(TypeError, match="4-byte 'il'"):
            compiled.score([0], ["the"], room[0], wrong)
    with pytest.raises((BufferError, ValueError)):  # read-only
        compiled.score([0], ["the"], bytes(4), room[1])


@COMPILED
def test_compiled_tables_are_set_up_once_with_what_fits(tables):
    """Arrays of other types or lengths would be read beyond their ends."""
    sound = arrays(NgramModel(tables, "x", "x"))
    with pytest.raises(RuntimeError, match="not set up"):
        ask(NgramTables.__new__(NgramTables), [0], ["the"])
    with pytest.raises(RuntimeError, match="once"):
        NgramTables(**sound).__init__(**sound)
    for name in ("keys", "prob", "backoff", "shorter", "word_prob"):
        with pytest.raises(ValueError, match="do not fit together"):
            NgramTables(**{**sound, name: sound[name][: 0 if name == "word_prob" else -1]})
        with pytest.raises(TypeError, match="is not a row of"):
            NgramTables(**{**sound, name: sound[name].astype(np.int16)})
        with pytest.raises(ValueError, match="contiguous"):
            NgramTables(**{**sound, name: np.repeat(sound[name], 2)[::2]})
    failed = NgramTables.__new__(NgramTables)
    with pytest.raises(TypeError):
        failed.__init__(**{**sound, "shorter": None})
    with pytest.raises(RuntimeError, match="not set up"):
        ask(failed, [0], ["the"])


@COMPILED
@settings(max_examples=300, deadline=None)
@given(st.data())
def test_corrupt_numbers_lead_nowhere(data):
    """Whatever the arrays hold, every answer is a state to ask from again."""
    corpus = read_corpus(line.split() for line in PHRASES)
    model = NgramModel(build(corpus, count_orders(corpus, 4)).tables, "x", "x")
    given_ = arrays(model)
    wild = st.integers(-(2**63), 2**63 - 1) | st.integers(-1, 2 * model._top)
    for name in ("keys", "shorter"):
        given_[name] = given_[name].copy()
        for place in data.draw(st.lists(st.integers(0, len(given_[name]) - 1), max_size=20)):
            given_[name][place] = data.draw(wild)
    given_["vocabulary"] = {**model._number, "the": data.draw(wild)}
    compiled = NgramTables(**given_)
    for word in ("the", "light", "turn"):
        _, after = ask(compiled, range(model._top), [word] * model._top)
        assert after.min() >= 0
        assert after.max() < model._top


@COMPILED
def test_nothing_is_found_beyond_the_last_n_gram(tables):
    """Even if memory goes on with it."""
    model = NgramModel(tables, "x", "x")
    state, word = divmod(int(model._keys[-1]), len(tables.words))
    sound = {**arrays(model), "vocabulary": {"last": word}}
    cut = {**sound, "keys": model._keys[:-1], "prob": model._prob[:-1]}
    (whole,), _ = ask(NgramTables(**sound), [state], ["last"])
    (less,), _ = ask(NgramTables(**cut), [state], ["last"])
    assert whole == model._prob[-1] != less


def test_without_a_compiler_numpy_answers(tables):
    """The extension is optional."""
    model = in_numpy(tables)
    assert sum(chain(model, "turn the light off")) > sum(chain(model, "off light the turn"))
    assert chain(model, "turn nonsense")[1] == UNKNOWN_WORD
