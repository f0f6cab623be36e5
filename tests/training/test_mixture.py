"""Several language models mixed and cut to a size."""

import numpy as np
import pytest

from stt_service.decoder.ngram import NgramModel
from stt_service.decoder.ngram_counts import MARKS
from stt_service.decoder.ngram_file import packed_size, read_ngram, write_ngram
from training.mixture import Mixture, best_weights, domain, numbered, perplexity

HOME = ["turn on the light", "turn off the light", "stop", "turn on the radio"] * 5
BOOKS = [
    "the light of the moon was on the sea",
    "he had to turn the page",
    "the sea was calm and the moon was high",
    "on the page was a moon",
] * 5
WORDS = (*MARKS, *sorted({word for line in HOME + BOOKS for word in line.split()}))


def corpus(lines):
    return numbered(WORDS, [line.split() for line in lines])


@pytest.fixture(scope="module", params=[2, 3, 4])
def mixed(request):
    corpora = [corpus(HOME), corpus(BOOKS)]
    domains = [domain(name, one, request.param) for name, one in zip("hb", corpora, strict=True)]
    return domains, Mixture(domains, corpora, np.array([0.3, 0.7]))


def model(tables):
    return NgramModel(tables, "mixed", "mixed")


def test_every_history_shares_out_one(mixed):
    """Pruned or not, the probabilities of all words after any history add up to 1."""
    words = np.arange(len(WORDS))
    for threshold in (0.0, 1e-3, 1e-1):
        tables = mixed[1].prune(threshold)
        mine = model(tables)
        for state in range(sum(tables.counts[:-1])):
            if state:
                scores, _ = mine.score_numbers(np.full(len(words), state), words)
                assert np.exp(scores)[words != 1].sum() == pytest.approx(1, abs=1e-4)


def test_unpruned_it_is_the_weighted_mean(mixed):
    """After any history of the text, to the last digit that fits."""
    domains, mixture = mixed
    mine = model(mixture.prune(-1.0))
    state = [one.start() for one in (mine, *(d.model for d in domains))]
    for word in (WORDS.index(w) for w in ["turn", "on", "the", "light"]):
        answers = [
            one.score_numbers(np.array([at]), np.array([word]))
            for one, at in zip((mine, *(d.model for d in domains)), state, strict=True)
        ]
        mean, home, books = (float(np.exp(scores[0])) for scores, _ in answers)
        assert mean == pytest.approx(0.3 * home + 0.7 * books, rel=1e-4)
        state = [int(after[0]) for _, after in answers]


def test_pruning_drops_what_says_least(mixed):
    """A smaller file, a perplexity that grows by little and never falls much."""
    _, mixture = mixed
    sizes, values = [], []
    for threshold in (0.0, 1e-4, 1e-2, 1.0):
        tables = mixture.prune(threshold)
        sizes.append(packed_size(tables))
        values.append(perplexity(model(tables), corpus(HOME + BOOKS))[0])
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < sizes[0]
    assert values[0] <= values[1] * 1.001 <= values[-1]


def test_a_pruned_model_is_a_sound_file(mixed, tmp_path):
    """It is written, checked and read like any other; its size was foretold."""
    tables = mixed[1].prune(1e-3)
    size = write_ngram(tmp_path / "m.ngram", tables)
    assert read_ngram(tmp_path / "m.ngram").counts == tables.counts
    assert abs(size - packed_size(tables)) < 4096  # the header, and two books of codes


def test_weights_go_to_the_domain_that_is_spoken():
    """Commands left out are told best by commands."""
    domains = [domain("h", corpus(HOME), 2), domain("b", corpus(BOOKS), 2)]
    home, books = best_weights(domains, [corpus(["turn off the radio", "stop"])])
    assert home > 0.8
    assert home + books == pytest.approx(1)


def test_unknown_words_are_counted_apart():
    """One of three, the sentence end among them."""
    one = domain("h", corpus(HOME), 2)
    assert perplexity(one.model, corpus(["stop zebra"]))[1] == pytest.approx(1 / 3)
