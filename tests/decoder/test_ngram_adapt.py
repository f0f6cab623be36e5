"""A personal model: the owner's sentences count, sums stay 1, and the rest loses little."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stt_service.decoder.lexicon import spells
from stt_service.decoder.ngram import NgramModel
from stt_service.decoder.ngram_adapt import TOKENS_LIMIT, WORD_WORTH, WORTH, adapt
from stt_service.decoder.ngram_build import build
from stt_service.decoder.ngram_counts import BEGIN, END, UNKNOWN, count_orders, read_corpus
from stt_service.decoder.ngram_file import LOWEST, Tables, read_ngram, write_ngram
from stt_service.decoder.ngram_scorer import open_ngram
from stt_service.errors import ScorerError
from tests.decoder.scorer_files import ENGLISH

MODELS = Path(__file__).parents[2] / "models"
SENTENCES = st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6), min_size=1)
OWN = st.lists(st.lists(st.sampled_from("abcdxyz"), min_size=1, max_size=6), min_size=1)
PRUNE = st.lists(st.integers(0, 2), max_size=4).map(sorted)
HOME = ["turn the light on", "turn the light off", "turn it off", "the light is on", "stop"] * 3


def made(sentences, order, prune=()):
    corpus = read_corpus(sentences)
    return build(corpus, count_orders(corpus, order), prune=prune).tables


def after_words(tables, history):
    """The probability of every word after a history, given as words; shape (words,)."""
    model = NgramModel(tables, "x", "x")
    state = np.array([UNKNOWN])
    for word in history:
        state = model.score_numbers(state, np.array([tables.words.index(word)]))[1].astype(np.int64)
    size = len(tables.words)
    return np.exp(model.score_numbers(np.repeat(state, size), np.arange(size))[0].astype(float))


def histories(tables):
    """Every node that can be a history, as words."""
    below = np.repeat(np.arange(len(tables.children)), tables.children)
    found = [(word,) for word in tables.words]
    for node in range(len(tables.children) - len(tables.words)):
        found.append((*found[below[node]], tables.words[tables.last[node]]))
    return [(), *(words for words in found if "<unk>" not in words)]


def listed(tables):
    """The n-grams of two words and more, as words, with their probabilities."""
    below = np.repeat(np.arange(len(tables.children)), tables.children)
    found = [(word,) for word in tables.words]
    for history, last in zip(below, tables.last, strict=True):
        found.append((*found[history], tables.words[last]))
    return dict(zip(found[len(tables.words) :], np.exp(tables.prob.astype(float)), strict=True))


def chance(tables, sentence):
    """Natural log of a sentence with its end."""
    model = NgramModel(tables, "x", "x")
    state, total = np.array([model.start()]), 0.0
    for word in (*sentence, "</s>"):
        score, after = model.score_numbers(state, np.array([tables.words.index(word)]))
        state, total = after.astype(np.int64), total + float(score[0])
    return total


def by_hand():
    """Words a, b, with "a b" listed: P(b | a) = 0.5, the other half by back-off."""
    return Tables(
        words=("<unk>", "<s>", "</s>", "a", "b"),
        counts=(5, 1),
        word_prob=np.log([0.1, 1e-100, 0.3, 0.4, 0.2]).astype(np.float32),
        word_backoff=np.log([1, 1, 1, 0.5 / 0.8, 1]).astype(np.float32),
        last=np.array([4], np.uint32),
        children=np.array([0, 0, 0, 1, 0], np.uint32),
        prob=np.log([0.5]).astype(np.float32),
        backoff=np.zeros(0, np.float32),
        link=np.zeros(0, np.uint32),
        alpha=0.6,
        beta=1.5,
        notes="by hand",
    )


def test_probabilities_are_as_calculated_by_hand():
    """One sentence, "a b a": 4 words and an end said, 3 of them different."""
    tables = adapt(by_hand(), [["a", "b", "a"]], worth=2, word_worth=4)
    # single words: (count + 12 * base) / (4 + 12)
    single = [1.2 / 16, 0, (1 + 3.6) / 16, (2 + 4.8) / 16, (1 + 2.4) / 16]
    assert after_words(tables, ()) == pytest.approx(single, abs=1e-6)
    # after a: b and </s> said once each; the base stands for 4 more and lists b
    rest = 4 / 6 * 0.5 / (1 - single[4])
    after_a = [rest * single[0], 0, 1 / 6 + rest * single[2], rest * single[3], (1 + 4 * 0.5) / 6]
    assert after_words(tables, ("a",)) == pytest.approx(after_a, abs=1e-6)
    # after b: a said once; the base stands for 2 more and lists nothing
    after_b = [2 / 3 * p + (word == "a") / 3 for p, word in zip(single, tables.words, strict=True)]
    assert after_words(tables, ("b",)) == pytest.approx(after_b, abs=1e-6)
    assert set(listed(tables)) == {("<s>", "a"), ("a", "</s>"), ("a", "b"), ("b", "a")}
    assert (tables.alpha, tables.beta) == (0.6, 1.5)
    assert tables.notes == "by hand; adapted to 1 sentences"


def test_a_new_word_has_a_share_of_the_unknown_one_to_begin_with():
    """As though <unk> stood for as many other words as there are: here six with the new one."""
    tables = adapt(by_hand(), [["new"]], worth=2, word_worth=4)
    assert tables.words == (*by_hand().words, "new")
    assert after_words(tables, ())[-1] == pytest.approx((1 + 8 * 0.1 / 6) / (2 + 8), abs=1e-6)
    assert after_words(tables, ())[UNKNOWN] == pytest.approx(8 * 0.1 * 5 / 6 / (2 + 8), abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(SENTENCES, OWN, st.integers(1, 5), PRUNE, st.sampled_from([0.01, 1, 10, 1000]))
def test_every_history_sums_to_one(sentences, own, order, prune, worth):
    """Over the vocabulary, new words, the sentence end and the unknown word."""
    tables = adapt(made(sentences, order, prune), own, worth=worth, word_worth=3 * worth)
    for history in histories(tables):
        assert np.delete(after_words(tables, history), BEGIN).sum() == pytest.approx(1, abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(SENTENCES, OWN, st.integers(1, 5), PRUNE)
def test_the_result_lists_what_was_listed_and_what_was_said(sentences, own, order, prune):
    """Nothing else, sorted, each history linked to the one without its first word."""
    base = made(sentences, order, prune)
    tables = adapt(base, own)
    said = {
        (*words[i : i + n],)
        for words in (["<s>", *sentence, "</s>"] for sentence in own)
        for n in range(2, order + 1)
        for i in range(len(words) - n + 1)
    }
    assert set(listed(tables)) == set(listed(base)) | said
    assert tables.words[: len(base.words)] == base.words
    NgramModel(tables, "x", "x")  # raises where they are not sorted
    names = [(word,) for word in tables.words] + list(listed(tables))
    inner = names[sum(tables.counts[:2]) : sum(tables.counts[:-1])]
    assert [names[link] for link in tables.link] == [name[1:] for name in inner]


@settings(max_examples=60, deadline=None)
@given(SENTENCES, OWN, st.integers(2, 4), PRUNE)
def test_unused_histories_keep_what_they_list(sentences, own, order, prune):
    """To float error, where the base sums to 1; so does their order of preference."""
    base = made(sentences, order, prune)
    tables = adapt(base, own)
    used = {
        (*words[i : i + n],)
        for words in (["<s>", *sentence] for sentence in own)
        for n in range(1, order)
        for i in range(len(words) - n + 1)
    }
    now = listed(tables)
    for gram, prob in listed(base).items():
        if gram[:-1] not in used:
            assert now[gram] == pytest.approx(prob, rel=1e-4)


@settings(max_examples=60, deadline=None)
@given(SENTENCES, OWN, st.integers(1, 4), PRUNE)
def test_what_a_word_loses_is_bounded(sentences, own, order, prune):
    """To the base's part of each history, and when backing off to what its words leave free."""
    base = made(sentences, order, prune)
    tables = adapt(base, own, worth=2, word_worth=2)
    lists = listed(base)
    marked = [["<s>", *sentence, "</s>"] for sentence in own]

    def keeps(history):
        """The base's part in what may follow a history."""
        n = len(history)
        places = [(text, i) for text in marked for i in range(n or 1, len(text))]
        said = [text[i] for text, i in places if (*text[i - n : i],) == history]
        return 2 * len(set(said)) / (len(said) + 2 * len(set(said))) if said else 1.0

    def least(history, word):
        if not history or (*history, word) in lists:
            return keeps(history)
        lower = after_words(base, history[1:])
        others = [gram[-1] for gram in lists if gram[:-1] == history]
        free = 1 - sum(lower[base.words.index(other)] for other in others)
        return keeps(history) * free * least(history[1:], word)

    for history in histories(base):
        now, then = after_words(tables, history), after_words(base, history)
        for i, word in enumerate(base.words[END:], END):
            assert now[i] >= then[i] * least(history, word) * (1 - 1e-4) - 1e-7


def test_what_is_said_often_is_likelier_and_the_rest_loses_little():
    """Each word of an unrelated sentence keeps a half and more, though all were said ten times."""
    base = made([line.split() for line in HOME], 3)
    own = [["stop", "it"]] * 10
    tables = adapt(base, own)
    assert chance(tables, own[0]) > chance(base, own[0]) + 1
    assert chance(adapt(base, own * 10), own[0]) > chance(tables, own[0])
    other = ["turn", "the", "light", "on"]
    assert chance(tables, other) > chance(base, other) - len([*other, "</s>"]) * np.log(2)
    assert chance(tables, other) < chance(base, other)


def test_who_repeats_nothing_is_believed_slowly():
    """After a history, what the base lists keeps worth / (1 + worth) of its probability."""
    base = made([line.split() for line in HOME], 2)
    tables = adapt(base, [[f"word{c}"] for c in "abcdefghijklmnop"])
    now, then = listed(tables), listed(base)
    assert now["<s>", "turn"] / then["<s>", "turn"] == pytest.approx(WORTH / (1 + WORTH), rel=1e-4)


@pytest.mark.parametrize("sentences", [[], [[]], [[], []]])
def test_nothing_said_gives_the_base_back(sentences):
    """An owner who takes everything back has the bundled model again."""
    base = by_hand()
    assert adapt(base, sentences) is base


@pytest.mark.parametrize("word", ["", "<s>", "</s>", "<unk>", "two words", "line\n"])
def test_what_is_no_word_is_refused(word):
    """A file has a word a line; the message does not quote what was said."""
    with pytest.raises(ScorerError, match="empty word") as fault:
        adapt(by_hand(), [["a", word]])
    assert "two words" not in str(fault.value)


def test_too_much_is_refused():
    """The bound is on words, whatever the sentences."""
    with pytest.raises(ScorerError, match="more than"):
        adapt(by_hand(), [["a"] * TOKENS_LIMIT])


def test_histories_with_pruned_ends_are_linked():
    """A base from ARPA may list "a b c" as a history without "b c": then that is listed, too."""
    base = replace(
        by_hand(),
        counts=(5, 1, 1, 1),
        last=np.array([4, 3, 4], np.uint32),  # a b, a b a, a b a b
        children=np.array([0, 0, 0, 1, 0, 1, 1], np.uint32),
        prob=np.log([0.5, 0.9, 0.8]).astype(np.float32),
        backoff=np.log([0.1 / 0.6, 0.2 / 0.5]).astype(np.float32),
        link=np.array([3], np.uint32),
    )
    before = after_words(base, ("b",))
    tables = adapt(base, [["b"]])
    names = [(word,) for word in tables.words] + list(listed(tables))
    assert names[tables.link[names.index(("a", "b", "a")) - sum(tables.counts[:2])]] == ("b", "a")
    for history in histories(tables):
        assert np.delete(after_words(tables, history), BEGIN).sum() == pytest.approx(1, abs=1e-5)
    assert listed(tables)["a", "b", "a", "b"] == pytest.approx(0.8, rel=1e-4)
    assert before[END] < after_words(tables, ("b",))[END]


def test_a_closed_vocabulary_learns_words_too():
    """A base without mass for unknown words gives new ones what the owner's counts say."""
    prob = np.array([LOWEST, LOWEST, *np.log([0.3, 0.5, 0.2])], np.float32)
    backoff = np.log([1, 1, 1, 0.5 / 0.8, 1]).astype(np.float32)
    tables = adapt(replace(by_hand(), word_prob=prob, word_backoff=backoff), [["new"]])
    assert after_words(tables, ())[-1] == pytest.approx(1 / (2 + 2 * WORD_WORTH), rel=1e-4)
    assert after_words(tables, ()).sum() == pytest.approx(1, abs=1e-5)


def test_it_is_written_and_opened_as_any_other(tmp_path):
    """New words are known and spelt; a file says what the tables said."""
    tables = adapt(made([line.split() for line in HOME], 3), [["dim", "the", "light"]])
    path = tmp_path / "mine.ngram"
    write_ngram(path, tables)
    read = read_ngram(path)
    assert (read.words, read.counts, read.notes) == (tables.words, tables.counts, tables.notes)
    for name in ("last", "children", "link"):
        assert np.array_equal(getattr(read, name), getattr(tables, name))
    assert np.allclose(read.prob, tables.prob, atol=1e-6)
    scorer = open_ngram(path, ENGLISH)
    assert scorer.language.knows("dim")
    assert spells(scorer.lexicon, ENGLISH.encode("dim "))


@pytest.mark.slow
def test_the_bundled_model_is_adapted_in_seconds(tmp_path):
    """2,000 sentences, some words of them new, within 3 s of the processor; histories sum to 1."""
    base = read_ngram(MODELS / "stt-en-small.ngram")
    dice = np.random.default_rng(2)
    known = dice.integers(3, len(base.words), 400)
    vocabulary = [*(base.words[i] for i in known), *(f"new{c}" for c in "abcdefghij")]
    own = [[vocabulary[i % len(vocabulary)] for i in row] for row in dice.zipf(1.4, (2000, 8))]
    begun = time.process_time()
    tables = adapt(base, own)
    assert time.process_time() - begun < 3
    model, size = NgramModel(tables, "x", "x"), len(tables.words)
    words = np.delete(np.arange(size), BEGIN)
    for state in dice.choice(np.flatnonzero(tables.children), 50):
        scores = model.score_numbers(np.full(len(words), state), words)[0]
        assert np.exp(scores.astype(float)).sum() == pytest.approx(1, abs=1e-4)
    write_ngram(tmp_path / "mine.ngram", tables)
    read = read_ngram(tmp_path / "mine.ngram")
    assert np.abs(read.prob - tables.prob).max() < 0.1
    assert np.abs(read.prob - tables.prob).mean() < 0.02
    assert np.abs(read.backoff - tables.backoff).max() < 0.1
