"""KenLM binaries of every kind, against the numbers that KenLM's own library gives."""

import json
import random
import struct
import sys
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stt_service.decoder.kenlm_check import check_tables
from stt_service.decoder.kenlm_file import NAMES, read_layout
from stt_service.decoder.kenlm_model import KenlmModel, open_tables
from stt_service.decoder.kenlm_walk import KenlmWalk, unpack
from stt_service.errors import ScorerError

try:
    from stt_service.decoder._kernel import KenlmTables
except ImportError:  # not compiled: the tests of the walk in Python still run
    KenlmTables = None

FOLDER = Path(__file__).parent / "kenlm"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
KINDS = {
    "probing": "plain",
    "rest": "plain",
    "trie": "plain",
    "array": "plain",
    "quantised": "quantised",
    "quantised-array": "quantised",
    "holes-probing": "holes",
    "holes-trie": "holes",
}
UNIGRAMS = (FOLDER / "tiny.arpa").read_text().split("\\2-grams")[0]
WORDS = [line.split("\t")[1] for line in UNIGRAMS.splitlines() if "\t" in line]
READERS = [KenlmWalk] if KenlmTables is None else [KenlmWalk, open_tables]
EACH_READER = pytest.mark.parametrize("reader", READERS, ids=["python", "c"][: len(READERS)])
EACH_KIND = pytest.mark.parametrize("kind", KINDS)
COMPILED = pytest.mark.skipif(KenlmTables is None, reason="the extension is not compiled")


def read(kind):
    """The file's bytes and where its tables lie."""
    data = np.fromfile(FOLDER / f"{kind}.binary", np.uint8)
    return data, read_layout(data, kind)


def walk(tables, sentence):
    """Scores and histories, word by word."""
    history, scores, histories = b"", [], []
    for word in sentence:
        (score,), (history,) = tables.score([history], tables.numbers([word]))
        scores.append(score)
        histories.append(history)
    return scores, histories


def random_sentences(count):
    """Of the model's words, with some that it lacks."""
    dice = random.Random(11)
    return [dice.choices([*WORDS, "unheard-of", "é"], k=9) for _ in range(count)]


@EACH_READER
@EACH_KIND
def test_scores_are_those_of_the_library(kind, reader):
    """To the last bit, from the beginning of a sentence and from nowhere."""
    data, layout = read(kind)
    check_tables(data, layout, kind)
    tables = reader(data, layout)
    for sentence, expected in EXPECTED[KINDS[kind]]:
        words = sentence.split()
        scores, _ = walk(tables, words)
        assert np.array_equal(np.float32(scores[words[0] == "<s>" :]), np.float32(expected))


def test_every_kind_of_file_is_there():
    """As far as KenLM has kinds."""
    assert {read(kind)[1].kind for kind in KINDS} == set(NAMES)


@COMPILED
@EACH_KIND
def test_both_readers_agree(kind):
    """Numbers of words, scores and histories, to the last bit."""
    both = [reader(*read(kind)) for reader in READERS]
    for sentence in random_sentences(100):
        assert both[0].numbers(sentence) == both[1].numbers(sentence)
        assert walk(both[0], sentence) == walk(both[1], sentence)


@EACH_READER
@EACH_KIND
def test_words_are_known_by_their_hash(kind, reader):
    """All of the model's have numbers of their own; others, and the unknown word, have 0."""
    tables = reader(*read(kind))
    numbers = tables.numbers(WORDS)
    assert len(WORDS) == 25
    assert sorted(numbers) == list(range(25))
    assert tables.numbers(["<unk>", "", "kitchens", "é" * 40]) == [0, 0, 0, 0]


@EACH_READER
@EACH_KIND
def test_no_more_is_remembered_than_a_later_score_may_need(kind, reader):
    """So that hypotheses which must score alike share a state."""
    tables = reader(*read(kind))
    known = dict(zip(tables.numbers(WORDS), WORDS, strict=True))
    _, after = walk(tables, ["turn", "the", "light", "on"])
    assert [[known[n] for n in unpack(history)[0]] for history in after] == [
        ["turn"],
        ["the", "turn"],
        ["light", "the", "turn"],
        ["on", "light", "the"],
    ]
    _, after = walk(tables, ["music", "light", "unheard-of"])
    assert [[known[n] for n in unpack(history)[0]] for history in after] == [
        ["music"],
        ["light"],
        [],
    ]


@EACH_READER
@EACH_KIND
@settings(max_examples=40)
@given(flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 7)), min_size=1, max_size=9))
def test_flipped_tables_do_no_harm_unchecked(kind, reader, flips):
    """Whatever they say: an answer, in bounded time, from within the file."""
    data, layout = read(kind)
    for place, bit in flips:
        data[layout.vocabulary.base + place % (len(data) - layout.vocabulary.base)] ^= 1 << bit
    tables = reader(data, layout)
    for sentence in random_sentences(8):
        scores, histories = walk(tables, sentence)
        assert len(scores) == len(sentence)
        assert all(len(history) < 8 * layout.order for history in histories)


@EACH_READER
@EACH_KIND
def test_tables_of_ones_do_no_harm_unchecked(kind, reader):
    """Every pointer leads far out, no bucket is free."""
    data, layout = read(kind)
    data[layout.vocabulary.base :] = 0xFF
    tables = reader(data, layout)
    numbers = list(range(layout.counts[0] + 1))
    _, after = tables.score([b""] * len(numbers), numbers)
    for history in after:
        tables.score([history] * len(numbers), numbers)
    with pytest.raises(ScorerError, match="is damaged"):
        check_tables(data, layout, kind)


@EACH_KIND
@settings(max_examples=20)
@given(share=st.floats(0, 0.999))
def test_a_cut_file_is_refused(kind, share):
    """Wherever it was cut."""
    data = read(kind)[0]
    with pytest.raises(ScorerError, match=r"cut short|damaged|does not begin"):
        read_layout(data[: int(share * len(data))], kind)


@pytest.mark.parametrize(
    ("kind", "place", "value", "problem"),
    [
        ("trie", lambda at: at.vocabulary.base, b"\xff" * 8, "vocabulary is not sorted"),
        ("trie", lambda at: at.unigrams + 8, b"\xff" * 8, "unigrams point nowhere"),
        ("trie", lambda at: at.levels[0].base, b"\x1f", "not sorted|outside of the vocabulary"),
        ("array", lambda at: at.levels[1].upper, b"\x01", "pointer tables are not sorted"),
        ("probing", lambda at: at.vocabulary.base - 8, b"\x01", "vocabulary has a wrong count"),
        ("probing", lambda at: at.vocabulary.base + 8, b"\xff" * 4, "a word has no unigram"),
        ("rest", lambda at: at.levels[0].base, b"\xff" * 1560, "a hash table has no room"),
    ],
)
def test_damage_is_named(kind, place, value, problem):
    """Each table by what is wrong with it."""
    data, layout = read(kind)
    at = place(layout)
    data[at : at + len(value)] = np.frombuffer(value, np.uint8)
    with pytest.raises(ScorerError, match=problem):
        check_tables(data, layout, kind)


@pytest.mark.parametrize(
    ("kind", "at", "value", "problem"),
    [
        ("trie", 88, b"\x01", "n-grams of length 1"),
        ("trie", 88, b"\x07", "n-grams of length 7"),
        ("trie", 96, struct.pack("<I", 6), "of kind 6"),
        ("trie", 104, b"\x02", "tables have version 2"),
        ("trie", 108, b"\xff" * 8, "more n-grams than the file can hold"),
        ("trie", 144, struct.pack("<Q", 26), "vocabulary has a wrong count"),
        ("probing", 92, struct.pack("<f", 0.5), "0.5 times as large as needed"),
        ("quantised", 352, b"\x01", "quantisation tables cannot be read"),
        ("array", 784, b"\x01", "pointer tables cannot be read"),
    ],
)
def test_an_impossible_header_is_named(kind, at, value, problem):
    """By the number that cannot be."""
    data = np.fromfile(FOLDER / f"{kind}.binary", np.uint8)
    data[at : at + len(value)] = np.frombuffer(value, np.uint8)
    with pytest.raises(ScorerError, match=problem):
        read_layout(data, kind)


def arguments(kind):
    data, layout = read(kind)
    return {
        "file": data,
        "hashed": layout.hashed,
        "words": layout.counts[0],
        "vocabulary": astuple(layout.vocabulary),
        "unigrams": layout.unigrams,
        "unigram_size": layout.unigram_size,
        "levels": tuple(astuple(level) for level in layout.levels),
    }


@COMPILED
@EACH_KIND
@settings(max_examples=60)
@given(choice=st.data())
def test_the_compiled_reader_takes_no_layout_that_leaves_the_file(kind, choice):
    """Any number replaced by any other: refused, or harmless."""
    given_ = arguments(kind)
    numbers = st.integers(0, 2000) | st.integers(0, 2**64 - 1) | st.sampled_from([2**32, 2**63])
    row = choice.draw(st.sampled_from(["words", "unigrams", "unigram_size", "vocabulary", 0, 1, 2]))
    number = choice.draw(numbers)
    if isinstance(row, str) and isinstance(given_[row], int):
        given_[row] = number
    else:
        table = list(given_["levels"][row] if isinstance(row, int) else given_[row])
        table[choice.draw(st.integers(0, 10))] = number
        if isinstance(row, int):
            levels = list(given_["levels"])
            levels[row] = tuple(table)
            given_["levels"] = tuple(levels)
        else:
            given_[row] = tuple(table)
    try:
        tables = KenlmTables(**given_)
    except ValueError:
        return
    for sentence in random_sentences(5):
        walk(tables, sentence)


@COMPILED
def test_the_compiled_reader_refuses_what_is_no_question():
    """By exceptions."""
    tables = KenlmTables(**arguments("trie"))
    with pytest.raises(RuntimeError, match="once"):
        tables.__init__(**arguments("trie"))
    with pytest.raises(RuntimeError, match="not set up"):
        KenlmTables.__new__(KenlmTables).numbers(["the"])
    with pytest.raises(TypeError, match="list"):
        tables.numbers("the")
    with pytest.raises(UnicodeEncodeError):
        tables.numbers(["\ud800"])
    with pytest.raises(ValueError, match="a history for each word"):
        tables.score([b""], [])
    for history in (b"1234567", b"12345678" * 4):
        with pytest.raises(ValueError, match="not a history"):
            tables.score([history], [1])
    with pytest.raises(OverflowError):
        tables.score([b""], [-1])
    with pytest.raises(ValueError, match="do not lie within the file"):
        KenlmTables(**{**arguments("trie"), "file": b""})
    assert tables.score([b""], [2**40]) == tables.score([b""], [0])


def test_without_a_compiler_python_reads_the_same(monkeypatch):
    """The extension is optional."""
    monkeypatch.setitem(sys.modules, "stt_service.decoder._kernel", None)
    tables = open_tables(*read("quantised-array"))
    assert isinstance(tables, KenlmWalk)
    model = KenlmModel(tables, 4, "tiny")
    scores, after = model.score([model.start()], ["turn"])
    assert scores[0] == pytest.approx(EXPECTED["quantised"][0][1][0] * np.log(10.0))
    assert after[0] != model.start()
