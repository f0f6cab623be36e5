"""A model adapted to its owner: counts of what was said, merged into the probabilities of a base.

Sentences flow in, and out comes a plain model again, so that recognising costs what it did.
After every history h, of any length, the base stands for some observations more (MAP adaptation):

    P(w | h) = (c(h w) + m(h) prior(w | h)) / (c(h) + m(h)),    m(h) = worth * t(h)

c are the owner's counts, t(h) is how many different words the owner said after h. An owner with
six commands is soon believed, one who never says the same again hardly at all, as in Witten-Bell
smoothing; a constant m would have to be right for both.

The prior is what the base lists after h. What it leaves to unlisted words is shared out as the
*adapted* model shares out after h', which is h without its first word: so a word of the owner's
is likelier after histories that the owner never used, too, while all that the base lists there
keeps its probability. The formula holds for every word, listed or not, since the back-off weight
of h is the factor that P(w | h') has in it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stt_service.decoder.ngram_build import pack
from stt_service.decoder.ngram_counts import BEGIN, END, MARKS, UNKNOWN, Corpus, Order, count_orders
from stt_service.decoder.ngram_file import Tables
from stt_service.errors import ScorerError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
WORTH = 10.0
"""Observations for each different word that the owner said after a history. Chosen of 3, 10 and 30
by ``python -m bench adaptation``: with 3 sentences that are new are up to 30 % more perplexing than
without adapting, with 30 commands that were learned are nearly twice as perplexing as with 10."""
WORD_WORTH = 100.0
"""The same for single words, chosen there of 30, 100 and 300: with 30 what others say to a device
that knows six words suffers; 300 brings little more."""
TOKENS_LIMIT = 2_000_000
"""Words and marks of the owner's; years of talking to a device, some 120 MB while counting."""
SMALLEST = 1e-12
"""Mass that is left to unlisted words at least, against rounding."""


@dataclass(frozen=True)
class _Level:
    """The n-grams of one length: the base's, the owner's, and what backing off passes through.

    The latter are the ends of longer n-grams that were pruned from the base on their own. With
    them the n-gram without its first word is always there to take a probability from.
    """

    order: Order
    """Sorted; counts are the owner's."""
    listed: NDArray[np.bool_]
    """Whether the base lists it."""
    prob: Floats
    """The base's probability where listed."""
    backoff: Floats
    """The base's weight as a history; 1 where the base knows no such history."""


def adapt(
    base: Tables,
    sentences: Sequence[Sequence[str]],
    *,
    worth: float = WORTH,
    word_worth: float = WORD_WORTH,
) -> Tables:
    """Return ``base`` adapted to ``sentences``, each a list of words as they are to be spelt.

    ``worth`` and ``word_worth``, above 0: what the base weighs against the owner, after a history
    and for single words, in observations for each different word that the owner said there. The
    latter is more: two hundred words say little about how often each of 40,000 is used, and much
    about what follows one of them.

    Sentences without words teach nothing, and where there are no others the base itself is
    returned. Otherwise every history is made to sum to 1, unused ones too: in a base from a file
    they are off by up to 3 %, its numbers having 8 bits, and all lean on single words, which all
    have changed. What is listed and what is left are scaled alike, by less than the file's own
    error, so that no word overtakes another; where all that is left is 2 %, one minus the listed
    would be none of it or twice that.

    New words come after those of the base, whose numbers stay. Those that the alphabet cannot
    spell are left out of the lexicon when the model is opened, as those of any model.

    A word that the base lists after h keeps ``m(h) / (c(h) + m(h))`` of its probability at least,
    so ``worth / (1 + worth)`` where the owner never said the same twice. An unlisted one keeps as
    much of what it keeps after h', times 1 - s, where s is how much h' gives in the base to the
    words listed after h: what h leaves to the others may all go to those of the owner.

    Raises :exc:`ScorerError` when a sentence has what is no word, or they are too long together.
    """
    said = [sentence for sentence in sentences if len(sentence)]
    if not said:
        return base
    corpus = _numbered(base.words, said)
    levels = list(_levels(base, count_orders(corpus, base.order)))
    kept = _kept(levels)
    probs, gaps = _probabilities(levels, worth, word_worth)
    tables = pack(corpus.words, [level.order for level in levels], probs, gaps, kept)
    noted = f"adapted to {len(said)} sentences"
    notes = f"{base.notes}; {noted}" if base.notes else noted
    return replace(tables, alpha=base.alpha, beta=base.beta, notes=notes, network=base.network)


def _numbered(words: tuple[str, ...], said: Sequence[Sequence[str]]) -> Corpus:
    """Turn sentences to numbers of ``words``, to which new ones are appended."""
    every = list(words)
    number = {word: i for i, word in enumerate(every)}
    tokens: list[int] = []
    for sentence in said:
        for word in sentence:
            # in the file a line is a word; what the owner said is not quoted in messages
            if word in MARKS or word.split() != [word]:
                raise ScorerError(
                    "a sentence to adapt to has an empty word, one with white space, or a mark "
                    "such as <s>",
                    "Pass each sentence as a list of its words",
                )
            if word not in number:
                number[word] = len(every)
                every.append(word)
        tokens += (BEGIN, *(number[word] for word in sentence), END)
        if len(tokens) > TOKENS_LIMIT:
            raise ScorerError(
                f"the sentences to adapt to have more than {TOKENS_LIMIT} words",
                "Pass fewer of them, or build a model: stt-service scorer build",
            )
    return Corpus(tuple(every), np.array(tokens, np.int32))


def _levels(base: Tables, own: Sequence[Order]) -> Iterator[_Level]:
    """Yield the n-grams of each length, shortest first.

    An n-gram is found by its history's number and its last word, and so are the last n words of a
    longer one, by the last n - 1 of its history: nothing is spelt out.
    """
    size = len(own[0].last)
    histories, lasts = _grams(base)
    start = np.cumsum((0, *base.counts))
    prob = np.concatenate((base.word_prob, base.prob))
    backoff = np.concatenate((base.word_backoff, base.backoff))
    order = own[0]
    # numbers of the last n words: of the base's n-grams of n words, n + 1, ...; of the owner's
    ends, mine = lasts, own[0].last
    for n, owned in enumerate(own):
        if n:
            longer = zip(ends, histories[n:], lasts[n:], strict=False)
            keys = [end[history] * size + last for end, history, last in longer]
            keys.append(mine[owned.history] * size + owned.last)
            # Nearly in order already: sorting takes a tenth of the hashing in numpy.unique.
            found = np.sort(np.concatenate(keys), kind="stable")
            found = found[np.flatnonzero(np.diff(found, prepend=-1))]
            *places, place = [np.searchsorted(found, key) for key in keys]
            shorter, counts = np.zeros((2, len(found)), np.int64)
            for numbers, end in zip(places, ends[1:], strict=True):
                shorter[numbers] = end
            shorter[place] = mine[owned.shorter]
            counts[place] = owned.count
            history, last = np.divmod(found, size)
            order = Order(history, last, shorter, counts, order.from_begin[history])
            ends, mine = places, place
        part = slice(start[n], start[n + 1])
        yield _level(order, ends[0], prob[part], backoff[part])


def _grams(base: Tables) -> tuple[list[Ints], list[Ints]]:
    """Return history and last word of the base's n-grams, a pair of arrays for each length."""
    start = np.cumsum((0, *base.counts))
    every = np.repeat(np.arange(len(base.children)), base.children)
    words = np.arange(base.counts[0])
    histories, lasts = [np.zeros_like(words)], [words]
    for below, first, end in zip(start, start[1:], start[2:], strict=False):
        part = slice(first - start[1], end - start[1])
        histories.append(every[part] - below)
        lasts.append(base.last[part].astype(np.int64))
    return histories, lasts


def _level(
    order: Order, place: Ints, prob: NDArray[np.float32], backoff: NDArray[np.float32]
) -> _Level:
    """Put the base's logs, which may lack those of back-off weights, to their places."""
    listed = np.zeros(len(order.last), bool)
    listed[place] = True
    probs, weights = np.zeros(len(listed)), np.ones(len(listed))
    probs[place] = np.exp(prob.astype(np.float64))
    weights[place[: len(backoff)]] = np.exp(backoff.astype(np.float64))
    return _Level(order, listed, probs, weights)


def _kept(levels: Sequence[_Level]) -> list[NDArray[np.bool_]]:
    """Which n-grams the result lists: all but those that are only passed through."""
    kept = [level.listed | (level.order.count > 0) for level in levels]
    kept[0][:] = True
    for n in range(len(levels) - 2, 1, -1):  # a history links to the one without its first word
        kept[n - 1][levels[n].order.shorter[kept[n]]] = True
    return kept


def _probabilities(
    levels: Sequence[_Level], worth: float, word_worth: float
) -> tuple[list[Floats], list[Floats]]:
    """Return each n-gram's adapted probability and each history's back-off weight."""
    before, counts = _single_words(levels[0]), levels[0].order.count
    weighs = word_worth * np.count_nonzero(counts)
    after: Floats = (counts + weighs * before) / (counts.sum() + weighs)
    probs: list[Floats] = [after]
    gaps: list[Floats] = []
    for below, level in itertools.pairwise(levels):
        order, listed = level.order, level.listed
        history, size, owners = order.history, len(below.listed), order.history[listed]
        lower, adapted = before[order.shorter], after[order.shorter]
        # What the base lists after each history, and what it leaves: as read, not quite 1.
        lists = np.bincount(owners, level.prob[listed], size)
        leaves = np.maximum(1 - np.bincount(owners, lower[listed], size), SMALLEST)
        whole = lists + below.backoff * leaves
        own, weight = level.prob / whole[history], below.backoff / whole
        before = np.where(listed, own, weight[history] * lower)
        seen = np.bincount(history, order.count, size)
        m = worth * np.maximum(np.bincount(history, order.count > 0, size), 1)
        left = np.maximum(1 - np.bincount(owners, adapted[listed], size), SMALLEST)
        keeps = m / (seen + m)
        gap = keeps * weight * leaves / left
        prior = np.where(listed, keeps[history] * own, gap[history] * adapted)
        after = prior + order.count / (seen + m)[history]
        probs.append(after)
        gaps.append(gap)
    return probs, gaps


def _single_words(level: _Level) -> Floats:
    """The base's probability of each word, new ones included; they sum to 1.

    New words share what the base keeps for ``<unk>``, as though that stood for as many other
    words as there are: each has a tenth of what the bundled model's rarest words have.
    """
    prob = level.prob.copy()
    prob[BEGIN] = 0.0
    share = prob[UNKNOWN] / len(prob)
    prob[~level.listed] = share
    prob[UNKNOWN] -= share * np.count_nonzero(~level.listed)
    return np.asarray(prob / prob.sum())
