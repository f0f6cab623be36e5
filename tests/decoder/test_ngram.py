"""The own n-gram file, and the model that answers from it."""

import json
import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stt_service.decoder.alphabet import Alphabet
from stt_service.decoder.api import UNKNOWN_WORD
from stt_service.decoder.lexicon import spells
from stt_service.decoder.ngram import NgramModel
from stt_service.decoder.ngram_build import build
from stt_service.decoder.ngram_counts import count_orders, read_corpus
from stt_service.decoder.ngram_file import read_ngram, write_ngram
from stt_service.decoder.ngram_scorer import open_ngram
from stt_service.decoder.scorer import open_scorer
from stt_service.decoder.word_trie import word_trie
from stt_service.errors import ScorerError
from tests.decoder.kit import LETTERS, PHRASES, chain, walk
from tests.decoder.scorer_files import ENGLISH


@pytest.fixture
def tables():
    corpus = read_corpus(line.split() for line in PHRASES)
    return build(corpus, count_orders(corpus, 4)).tables


@pytest.fixture
def path(tables, tmp_path):
    file = tmp_path / "home.ngram"
    write_ngram(file, tables)
    return file


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
