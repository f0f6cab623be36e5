"""The network beside the n-grams is trained."""

import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from stt_service.decoder.ngram_build import build  # noqa: E402
from stt_service.decoder.ngram_counts import BEGIN, count_orders, read_corpus  # noqa: E402
from stt_service.decoder.ngram_file import read_ngram, write_ngram  # noqa: E402
from training import neural  # noqa: E402

LINES = [
    f"{first} said that the lamp in the hall was very {last}"
    for first, last in (("anna", "bright"), ("bert", "dim"), ("carl", "old"), ("dora", "new"))
]
"""What the last word is hangs on the first one, nine words back: further than n-grams see."""
TEXT = LINES * 500


@pytest.fixture
def words():
    return read_corpus(line.split() for line in LINES).words


@pytest.fixture
def small(monkeypatch):
    """A network for few words."""
    for name, value in {
        "CONTEXT": 10, "WIDTH": 16, "UNITS": 32, "BATCH": 256, "EXACT": 6, "DRAWN": 16,
        "WARM_UP": 10, "RATE": 0.01, "REPORT_EVERY": 100,
    }.items():  # fmt: skip
        monkeypatch.setattr(neural, name, value)


def test_contexts_begin_with_the_sentence(words, small):
    """What was said in the sentence before does not count."""
    text, left_out = neural.encode(words, ["anna said", "bert said that"] * 60)
    assert (len(text.words), len(left_out.words)) == (200, 100)
    number = {word: i for i, word in enumerate(words)}
    places = np.array([2, 3, 4])
    contexts = text.contexts(places)
    assert [words[i] for i in text.words[places]] == ["bert", "said", "that"]
    assert contexts[0].tolist() == [BEGIN] * 10
    assert contexts[2].tolist() == [BEGIN] * 8 + [number["bert"], number["said"]]


def test_each_place_comes_once_before_any_comes_again(words):
    """And those of unknown words never."""
    text, _ = neural.encode(words, ["anna saw that lamp", *TEXT[:997]])
    walk = text.walk(np.random.default_rng(0))
    known = text.known(np.arange(len(text.words) // neural.STRETCH * neural.STRETCH))
    seen = np.zeros(0, np.int64)
    while len(seen) < len(known):
        seen = np.concatenate((seen, next(walk)))
    assert np.array_equal(np.sort(seen), known)


def test_it_learns_what_is_further_back_than_ngrams_see(words, small, capsys):
    """And its scores are logs of probabilities: they sum to about 1."""
    text, left_out = neural.encode(words, TEXT)
    network = neural.train([text], [1.0], left_out, len(words), 800, 0).packed(0.5)
    number = {word: i for i, word in enumerate(words)}
    for line in LINES:
        said = line.split()
        context = np.array([[number[word] for word in said[-11:-1]]], np.int32)
        expected = network.expect(context)
        every = np.arange(3, len(words), dtype=np.int32)
        scores = network.score(np.repeat(expected, len(every), axis=0), every)
        assert words[3 + int(scores.argmax())] == said[-1]
        assert abs(np.log(np.exp(scores).sum())) < 0.5
    assert "perplexity 1." in capsys.readouterr().out


def test_the_command_adds_a_network_to_a_file(tmp_path, words, small, monkeypatch, capsys):
    """The n-grams stay as they are, to the byte; run again, it replaces the network."""
    corpus = read_corpus(line.split() for line in LINES)
    path, text = tmp_path / "own.ngram", tmp_path / "text.txt"
    write_ngram(path, build(corpus, count_orders(corpus, 3)).tables)
    text.write_text("\n".join(TEXT))
    before = read_ngram(path)
    for share in ("0.25", "0.5"):
        arguments = f"x --text {text}=1 --home 0 --scorer {path} --steps 20 --share {share}"
        monkeypatch.setattr(sys, "argv", arguments.split())
        neural.main()
        after = read_ngram(path)
        assert after.network is not None
        assert (after.network.words, after.network.share) == (len(words), float(share))
        assert np.array_equal(after.prob, before.prob)
    assert "20 of 20 batches" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("--text {text}", "is not FILE=SHARE"),
        ("--text {text}=-1", "is not FILE=SHARE"),
        ("--text none.txt=1", "none.txt: no such file"),
        ("--text {text}=1 --share 1", "--share lies between 0 and 1"),
        ("--text {text}=1 --words 70000", "--words is 4 to 65536"),
        ("--text {text}=1 --steps 0", "--steps is 1 to"),
        ("--text {text}=1 --home 0 --scorer {scorer}", "has no sentence to learn from"),
    ],
)
def test_what_cannot_be_learned_from_is_told(arguments, says, tmp_path, monkeypatch, capsys):
    """By option or file, before anything is trained."""
    corpus = read_corpus(line.split() for line in LINES)
    path, text = tmp_path / "own.ngram", tmp_path / "text.txt"
    write_ngram(path, build(corpus, count_orders(corpus, 3)).tables)
    text.write_text("\n".join(LINES))
    monkeypatch.setattr(sys, "argv", ["x", *arguments.format(text=text, scorer=path).split()])
    with pytest.raises(SystemExit) as ended:
        neural.main()
    assert says in f"{ended.value}{capsys.readouterr().err}"
