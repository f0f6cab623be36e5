"""One n-gram model out of several: weighted means of their probabilities, cut to a size.

Each domain (books, sentences, commands) has a model of its own, for counts cannot be added up: a
million words of novels would drown what is said to a lamp. The mixture lists every n-gram that any
of them lists, with the weighted mean of all their probabilities; then those go that say least
beyond the shorter n-gram (Stolcke 1998): a pruned n-gram costs

    p(h) * (p(w|h) * (log p(w|h) - log q(w|h)) + mass of the unlisted * change of the back-off)

nats per word, where q is the back-off estimate. p(h) comes from counts, not from the model: below
the highest order Kneser-Ney's numbers are no frequencies (Chelba et al. 2010).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stt_service.decoder.ngram import NgramModel
from stt_service.decoder.ngram_build import Smoothing, build, pack
from stt_service.decoder.ngram_counts import BEGIN, UNKNOWN, Corpus, Order, count_orders
from stt_service.decoder.ngram_file import Tables

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
BATCH = 1_000_000
"""Questions to a model at once: some 60 MB."""
ROUNDS = 50
"""Of expectation maximisation; weights settle in about twenty."""
SMALLEST = 1e-12
"""Mass that is left to unlisted words at least, against rounding."""


def numbered(words: Sequence[str], sentences: Iterable[Sequence[str]]) -> Corpus:
    """Turn sentences to numbers of ``words``, which begin with the marks."""
    number = {word: i for i, word in enumerate(words)}
    tokens: list[int] = []
    for sentence in sentences:
        tokens += (1, *(number.get(word, UNKNOWN) for word in sentence), 2)
    return Corpus(tuple(words), np.array(tokens, np.int32))


@dataclass(frozen=True)
class Domain:
    """One kind of text: its counts and the model of them alone."""

    name: str
    orders: list[Order]
    model: NgramModel

    @property
    def tokens(self) -> int:
        """Words and sentence ends counted."""
        return int(self.orders[0].count.sum())


def domain(name: str, corpus: Corpus, order: int, smoothing: Smoothing | None = None) -> Domain:
    """Count a text and build its model."""
    orders = count_orders(corpus, order)
    built = build(corpus, orders, smoothing=smoothing)
    return Domain(name, orders, NgramModel(built.tables, name, name))


def probabilities(model: NgramModel, contexts: Sequence[Ints], words: Ints) -> Floats:
    """Return natural logs of ``words`` after ``contexts``, the oldest word first; shape (n,)."""
    result = np.empty(len(words))
    for at in range(0, len(words), BATCH):
        part = slice(at, at + BATCH)
        state = np.full(len(words[part]), UNKNOWN, np.int64)
        for context in contexts:
            state = model.score_numbers(state, context[part])[1].astype(np.int64)
        result[part] = model.score_numbers(state, words[part])[0]
    return result


def in_text(model: NgramModel, corpus: Corpus) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the natural log of each word and sentence end of a text, and which ones are known."""
    tokens = corpus.tokens.astype(np.int64)
    contexts = [
        np.concatenate((np.full(back, BEGIN), tokens[:-back]))
        for back in range(model.order - 1, 0, -1)
    ]
    asked = tokens != BEGIN
    logs = probabilities(model, [context[asked] for context in contexts], tokens[asked])
    return logs, tokens[asked] != UNKNOWN


def perplexity(model: NgramModel, corpus: Corpus) -> tuple[float, float]:
    """Return the perplexity over known words and sentence ends, and the share of unknown words."""
    logs, known = in_text(model, corpus)
    return float(np.exp(-logs[known].mean())), float(1 - known.mean())


def best_weights(domains: Sequence[Domain], tests: Sequence[Corpus]) -> Floats:
    """Return the weights under which texts left out are most probable; each text counts alike."""
    likelihoods, shares = [], []
    for test in tests:
        known = in_text(domains[0].model, test)[1]
        likelihoods.append(np.exp([in_text(one.model, test)[0][known] for one in domains]))
        shares.append(np.full(int(known.sum()), 1 / known.sum()))
    each, share = np.concatenate(likelihoods, axis=1), np.concatenate(shares) / len(tests)
    weights = np.full(len(domains), 1 / len(domains))
    for _ in range(ROUNDS):
        parts = weights[:, None] * each
        weights = np.asarray((parts / parts.sum(axis=0)) @ share)
    return weights


class Mixture:
    """All n-grams of several domains with their mean probabilities, ready to be pruned."""

    def __init__(
        self, domains: Sequence[Domain], corpora: Sequence[Corpus], weights: Floats
    ) -> None:
        """``corpora`` are the domains' texts; ``weights`` add up to 1."""
        self._words = corpora[0].words
        together = Corpus(self._words, np.concatenate([corpus.tokens for corpus in corpora]))
        self._orders = count_orders(together, domains[0].model.order)
        self._probs = self._means(domains, weights)
        self._seen = self._frequencies(domains, weights)

    def _means(self, domains: Sequence[Domain], weights: Floats) -> list[Floats]:
        means: list[Floats] = []
        grams = np.arange(len(self._words))[None]
        for order in self._orders:
            if means:
                grams = np.concatenate((grams[:, order.history], order.last[None]))
            means.append(
                sum(
                    weight * np.exp(probabilities(one.model, list(grams[:-1]), grams[-1]))
                    for weight, one in zip(weights, domains, strict=True)
                )
            )
        means[0][BEGIN] = 0.0
        means[0] /= means[0].sum()
        return means

    def _frequencies(self, domains: Sequence[Domain], weights: Floats) -> list[Floats]:
        """Mean share of all places at which each n-gram ends."""
        size = len(self._words)
        result = [np.zeros(len(order.last)) for order in self._orders]
        for weight, one in zip(weights, domains, strict=True):
            place = np.arange(size)
            for above, (mine, every) in enumerate(zip(one.orders, self._orders, strict=True)):
                if above:
                    keys = every.history * size + every.last
                    place = np.searchsorted(keys, place[mine.history] * size + mine.last)
                share = mine.count * (weight / one.tokens)
                if not above:  # a sentence begins as often as one ends
                    share[BEGIN] = share[2]
                np.add.at(result[above], place, share)
        return result

    def prune(self, threshold: float) -> Tables:
        """Return a model without the n-grams that cost less than ``threshold`` nats per word."""
        kept = [np.ones(len(order.last), bool) for order in self._orders]
        below = kept[0].copy()
        below[UNKNOWN] = False
        usable = [below]
        for order in self._orders[1:]:
            usable.append(
                (order.last != UNKNOWN) & usable[-1][order.history] & usable[-1][order.shorter]
            )
        for n in range(len(self._orders) - 1, 0, -1):
            order, shorter = self._orders[n], self._probs[n - 1][self._orders[n].shorter]
            listed = usable[n]
            mass, lower = self._listed(n, listed, self._probs[n], shorter)
            left, left_lower = np.maximum(1 - mass, SMALLEST), np.maximum(1 - lower, SMALLEST)
            p, history = self._probs[n], order.history
            alpha = left / left_lower
            # what the history gives to unlisted words when this n-gram joins them
            after = (left[history] + p) / (left_lower[history] + shorter)
            change = np.log(after) - np.log(alpha[history])
            with np.errstate(divide="ignore"):
                cost = -self._seen[n - 1][history] * (
                    p * (np.log(shorter) + np.log(after) - np.log(p)) + left[history] * change
                )
            kept[n] = listed & (cost > threshold)
            if n + 1 < len(self._orders):  # what longer n-grams are found by must stay
                longer = self._orders[n + 1]
                kept[n][longer.history[kept[n + 1]]] = True
                if n + 2 < len(self._orders):
                    kept[n][longer.shorter[kept[n + 1]]] = True
        return self._pack(kept)

    def _listed(
        self, n: int, listed: NDArray[np.bool_], own: Floats, lower: Floats
    ) -> tuple[Floats, Floats]:
        """Sum up, for each history, what listed words have and what they would have without."""
        history, size = self._orders[n].history[listed], len(self._orders[n - 1].last)
        return (
            np.bincount(history, own[listed], size).astype(np.float64),
            np.bincount(history, lower[listed], size).astype(np.float64),
        )

    def _pack(self, kept: Sequence[NDArray[np.bool_]]) -> Tables:
        probs, gaps = [self._probs[0]], []
        full = self._probs[0]
        for n in range(1, len(self._orders)):
            order = self._orders[n]
            lower = full[order.shorter]
            mass, shadow = self._listed(n, kept[n], self._probs[n], lower)
            gap = np.maximum(1 - mass, SMALLEST) / np.maximum(1 - shadow, SMALLEST)
            gaps.append(gap)
            full = np.where(kept[n], self._probs[n], gap[order.history] * lower)
            probs.append(full)
        return pack(self._words, self._orders, probs, gaps, kept)
