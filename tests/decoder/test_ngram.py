"""The own n-gram file, and the model that answers from it."""

import json
import struct
import sys
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stt_service.decoder.alphabet import Alphabet
from stt_service.decoder.api import UNKNOWN_WORD
from stt_service.decoder.lexicon import spells
from stt_service.decoder.ngram import NgramModel, open_ngram
from stt_service.decoder.ngram_build import build
from stt_service.decoder.ngram_counts import count_orders, read_corpus
from stt_service.decoder.ngram_file import read_ngram, write_ngram
from stt_service.decoder.scorer import open_scorer
from stt_service.decoder.word_trie import word_trie
from stt_service.errors import ScorerError
from tests.decoder.kit import LETTERS, walk
from tests.decoder.scorer_files import ENGLISH

try:
    from stt_service.decoder._kernel import NgramTables
except ImportError:  # not compiled: the tests of the model in NumPy still run
    NgramTables = None

COMPILED = pytest.mark.skipif(NgramTables is None, reason="the extension is not compiled")
TEXT = ["turn the light on", "turn the light off", "turn it off", "the light is on", "stop"] * 3


@pytest.fixture
def tables():
    corpus = read_corpus(line.split() for line in TEXT)
    return build(corpus, count_orders(corpus, 4)).tables


@pytest.fixture
def path(tables, tmp_path):
    file = tmp_path / "home.ngram"
    write_ngram(file, tables)
    return file


def chain(model, sentence):
    state, scores = model.start(), []
    for word in sentence.split():
        score, after = model.score([state], [word])
        state = int(after[0])
        scores.append(float(score[0]))
    return scores


def test_a_file_says_what_the_tables_said(path, tables):
    """Small models lose nothing but half-precision digits of single words."""
    read = read_ngram(path)
    assert read.words == tables.words
    assert read.counts == tables.counts
    for name in ("last", "children", "link"):
        assert np.array_equal(getattr(read, name), getattr(tables, name))
    assert np.allclose(read.prob, tables.prob, atol=1e-6)
    assert np.allclose(read.word_prob, tables.word_prob, atol=0.01)


def test_large_models_are_quantised_within_a_twentieth(tmp_path):
    """8 bits a number: off by at most 0.06 in natural log."""
    dice = np.random.default_rng(3)
    corpus = read_corpus([f"w{n}" for n in row] for row in dice.zipf(1.5, (4000, 8)) % 5000)
    tables = build(corpus, count_orders(corpus, 3)).tables
    file = tmp_path / "large.ngram"
    write_ngram(file, tables)
    read = read_ngram(file)
    assert len(np.unique(tables.prob)) > 256
    assert np.abs(read.prob - tables.prob).max() < 0.06
    assert np.abs(read.prob - tables.prob).mean() < 0.02
    assert np.abs(read.backoff - tables.backoff).max() < 0.06


def test_it_opens_as_a_scorer(path):
    """The one entry point tells the formats by content."""
    scorer = open_scorer(path, ENGLISH, alpha=0.9)
    assert (scorer.id, scorer.alpha, scorer.beta) == ("home", 0.9, 1.85)
    assert scorer.language.order == 4
    assert spells(scorer.lexicon, ENGLISH.encode("light "))
    assert not spells(scorer.lexicon, ENGLISH.encode("lightn"))


def test_seen_sentences_are_likelier(path):
    """Histories of up to three words count."""
    language = open_scorer(path, ENGLISH).language
    assert sum(chain(language, "turn the light off")) > sum(chain(language, "off light the turn"))
    assert language.knows("light")
    assert not language.knows("<s>")
    assert chain(language, "turn nonsense")[1] == UNKNOWN_WORD


def test_a_batch_is_as_its_questions_alone(tables):
    """Answers do not depend on what is asked with them."""
    model = NgramModel(tables, "x", "x")
    words = [*tables.words[3:], "nonsense"]
    states = [s for s in range(len(tables.children)) for _ in words]
    scores, after = model.score(states, words * len(tables.children))
    for i, (state, word) in enumerate(zip(states, words * len(tables.children), strict=True)):
        score, reached = model.score([state], [word])
        assert (score[0], reached[0]) == (scores[i], after[i])
    assert after.min() >= 0
    assert model.score([], [])[0].shape == (0,)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 10**6), st.integers(0, 7), st.booleans())
def test_any_damage_is_refused(path, place, bit, cut):
    """Two checksums guard header and body."""
    raw = bytearray(path.read_bytes())
    place %= len(raw)
    if cut:
        raw = raw[:place]
    else:
        raw[place] ^= 1 << bit
    file = path.with_name("damaged.ngram")
    file.write_bytes(raw)
    body = -(-(20 + struct.unpack_from("<I", path.read_bytes(), 12)[0]) // 16) * 16
    if not cut and 20 + struct.unpack_from("<I", path.read_bytes(), 12)[0] <= place < body:
        read_ngram(file)  # the padding between header and body carries nothing
        return
    with pytest.raises(ScorerError, match=r"damaged\.ngram"):
        read_ngram(file)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_forged_headers_are_refused_or_harmless(path, data):
    """With sound checksums but wrong numbers, nothing is read outside of the file."""
    raw = path.read_bytes()
    length = struct.unpack_from("<I", raw, 12)[0]
    header = json.loads(raw[20 : 20 + length])
    body = raw[-(-(20 + length) // 16) * 16 :]
    section = data.draw(st.sampled_from(sorted(header["sections"])))
    part = data.draw(st.integers(0, 2))
    header["sections"][section][part] = data.draw(
        st.sampled_from([-1, 0, 7, 10**9, "<u2", "<f8", "O", "S9", None])
    )
    if data.draw(st.booleans()):
        header["counts"][data.draw(st.integers(0, 3))] = data.draw(st.integers(-2, 50))
    text = json.dumps(header).encode()
    start = struct.pack("<8sIII", b"STTNGRAM", 1, len(text), zlib.crc32(text)) + text
    file = path.with_name("forged.ngram")
    file.write_bytes(start + bytes(-len(start) % 16) + body)
    try:
        scorer = open_ngram(file, ENGLISH)
    except ScorerError:
        return
    chain(scorer.language, "turn the light on and off")


def test_a_model_of_another_language_is_refused(path):
    """An alphabet that spells less than half of the words is not this model's."""
    with pytest.raises(ScorerError, match="cannot spell"):
        open_ngram(path, Alphabet(tuple(" abcdef")))


def test_single_words_with_foreign_letters_are_left_out(caplog, tmp_path):
    """They are counted, and said."""
    corpus = read_corpus([["yes"], ["no"], ["ça"]])
    file = tmp_path / "mixed.ngram"
    write_ngram(file, build(corpus, count_orders(corpus, 1)).tables)
    open_ngram(file, ENGLISH)
    assert "1 of 3 words" in caplog.text


WORDS = st.lists(st.text("abcdé'", min_size=1, max_size=6), max_size=40)


@given(WORDS)
def test_the_trie_has_the_words_and_no_others(words):
    """Whatever the words: duplicates, prefixes of one another, none at all."""
    alphabet = Alphabet(tuple("dcb a'"))
    lexicon, left_out = word_trie(words, alphabet, np.zeros(len(words), np.float32))
    assert left_out == sum("é" in word for word in words)
    spelt = set()
    stack = [(lexicon.start, "")]
    while stack:
        state, text = stack.pop()
        if lexicon.accepting[state]:
            spelt.add(text)
        arcs = range(
            lexicon.first_arc[state], int(lexicon.first_arc[state]) + lexicon.arc_count[state]
        )
        labels = [int(lexicon.arc_label[arc]) for arc in arcs]
        assert labels == sorted(set(labels))
        stack += [
            (int(lexicon.arc_target[arc]), text + alphabet.labels[lexicon.arc_label[arc]])
            for arc in arcs
        ]
    assert spelt == {f"{word} " for word in words if "é" not in word}


@given(st.dictionaries(st.text("abc", min_size=1, max_size=5), st.floats(-20, 0, width=32)))
def test_the_trie_knows_the_likeliest_word_below(scores):
    """Of each beginning of a word: the highest score of those that begin so; 0 at the start."""
    words = list(scores)
    lexicon, _ = word_trie(words, LETTERS, np.array(list(scores.values()), np.float32))
    for word in words:
        for end in range(1, len(word) + 1):
            state = walk(lexicon, LETTERS.encode(word[:end]))
            likeliest = max(s for other, s in scores.items() if other.startswith(word[:end]))
            assert lexicon.ahead[state] == likeliest
    assert lexicon.ahead[lexicon.start] == 0


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
    corpus = read_corpus(line.split() for line in TEXT)
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
