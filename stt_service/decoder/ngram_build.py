"""From counts to probabilities: interpolated modified Kneser-Ney, or Witten-Bell for tiny texts.

    p(w | h) = a(h w) + g(h) p(w | h'),    h' = h without its first word

*Modified Kneser-Ney* (Chen and Goodman 1998) subtracts one of three discounts from each count and
counts, below the highest order, in how many contexts an n-gram is seen rather than how often. It
predicts best, so it is the default. Its discounts come from how many n-grams are seen one to four
times; in a handful of phrases some of these numbers are zero and the discounts are undefined. Then
*Witten-Bell* is used, which needs no such statistics: a(h w) = c(h w) / (c(h) + t(h)), with t(h)
the number of different words seen after h.

Either way g(h) is whatever mass the kept n-grams leave, so pruning keeps all sums at 1.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stt_service.decoder.ngram_counts import BEGIN, UNKNOWN, Corpus, Order
from stt_service.decoder.ngram_file import LARGEST_ORDER, LOWEST, Tables
from stt_service.errors import ScorerError

Smoothing = Literal["kneser-ney", "witten-bell"]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Built:
    """A model and what to tell its maker."""

    tables: Tables
    smoothing: Smoothing
    reason: str
    """Why not Kneser-Ney, empty where it is."""


def build(
    corpus: Corpus,
    orders: Sequence[Order],
    *,
    prune: Sequence[int] = (),
    smoothing: Smoothing | None = None,
) -> Built:
    """Estimate a model from ``orders``, the counts of ``corpus``.

    ``prune``: n-grams of length n seen at most ``prune[n - 1]`` times are left out; the last value
    holds for longer ones. ``smoothing`` None takes Kneser-Ney where it can be had. Raises
    :exc:`ScorerError` when the thresholds fall, or Kneser-Ney was asked for and cannot be had.
    """
    if not 1 <= len(orders) <= LARGEST_ORDER:
        raise ScorerError(f"n-grams have 1 to {LARGEST_ORDER} words, not {len(orders)}", "--order")
    limits = [*prune, *[prune[-1] if prune else 0] * len(orders)][: len(orders)]
    if sorted(limits) != limits or limits[0] < 0:
        raise ScorerError(
            f"pruning thresholds must not fall from one length to the next: {limits}",
            "Such as --prune 0 0 1",
        )
    reason = ""
    masses = None
    if smoothing != "witten-bell":
        try:
            masses = [_kneser_ney(adjusted, order) for adjusted, order in _adjusted(orders)]
        except _UndefinedError as undefined:
            reason = str(undefined)
            if smoothing:
                raise ScorerError(
                    f"Kneser-Ney smoothing is undefined for this text: {reason}",
                    "Leave --smoothing out, or pass more text",
                ) from undefined
    if masses is None:
        masses = [_witten_bell(order) for order in orders]
    kept = _keep(orders, limits)
    tables = _tables(corpus, orders, masses, kept)
    return Built(
        tables, "witten-bell" if reason or smoothing == "witten-bell" else "kneser-ney", reason
    )


class _UndefinedError(Exception):
    """The counts of counts do not give discounts."""


def _adjusted(orders: Sequence[Order]) -> list[tuple[NDArray[np.int64], Order]]:
    """Kneser-Ney's counts: below the highest order, the number of different words before."""
    result = []
    for order, above in itertools.zip_longest(orders, orders[1:]):
        counts = order.count
        if above is not None:
            contexts = np.bincount(above.shorter, minlength=len(counts))
            counts = np.where(order.from_begin, order.count, contexts)
        result.append((counts, order))
    return result


def _kneser_ney(counts: NDArray[np.int64], order: Order) -> Floats:
    """The share of its history's mass that each n-gram has of its own, shape (n-grams,)."""
    n1, n2, n3, n4 = (int((counts == k).sum()) for k in range(1, 5))
    if not (n1 and n2 and n3 and n4):
        raise _UndefinedError(
            "it is too short: no n-grams seen exactly once, twice, three or four times"
        )
    y = n1 / (n1 + 2 * n2)
    discounts = np.array([0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3])
    if not ((discounts[1:] > 0) & (discounts[1:] < (1, 2, 3))).all():
        raise _UndefinedError("its counts fall too slowly to derive discounts from")
    own = counts - discounts[np.minimum(counts, 3)]
    return np.asarray(own / np.bincount(order.history, counts)[order.history])


def _witten_bell(order: Order) -> Floats:
    seen = order.count > 0
    total = np.bincount(order.history, order.count) + np.bincount(order.history, seen)
    return order.count / total[order.history]


def _keep(orders: Sequence[Order], limits: Sequence[int]) -> list[NDArray[np.bool_]]:
    """Which n-grams stay: frequent ones, without ``<unk>``, whose histories stay as well."""
    kept = [np.ones(len(orders[0].last), bool)]
    below = kept[0].copy()
    below[UNKNOWN] = False
    for order, limit in zip(orders[1:], limits[1:], strict=True):
        stays = (order.count > limit) & (order.last != UNKNOWN)
        kept.append(stays & below[order.history] & below[order.shorter])
        below = kept[-1]
    return kept


def _tables(
    corpus: Corpus,
    orders: Sequence[Order],
    masses: Sequence[Floats],
    kept: Sequence[NDArray[np.bool_]],
) -> Tables:
    size = len(corpus.words)
    spread = np.full(size, 1.0 / (size - 1))  # every word but <s>, the unknown one included
    spread[BEGIN] = 0.0
    full = masses[0] + (1.0 - masses[0].sum()) * spread
    probs: list[Floats] = [full]
    gaps: list[Floats] = []
    for order, mass, stays, below in zip(orders[1:], masses[1:], kept[1:], orders, strict=False):
        taken = np.bincount(order.history[stays], mass[stays], minlength=len(below.last))
        gap = np.asarray(1.0 - taken, np.float64)
        gaps.append(gap)
        full = mass + gap[order.history] * full[order.shorter]
        probs.append(full)
    return pack(corpus.words, orders, probs, gaps, kept)


def pack(
    words: tuple[str, ...],
    orders: Sequence[Order],
    probs: Sequence[Floats],
    gaps: Sequence[Floats],
    kept: Sequence[NDArray[np.bool_]],
) -> Tables:
    """Renumber what is kept and turn it to logs."""
    counts = tuple(int(stays.sum()) for stays in kept)
    start = np.cumsum((0, *counts))
    number = [np.cumsum(stays) - 1 + offset for stays, offset in zip(kept, start, strict=False)]
    logs = [_log(prob[stays]) for prob, stays in zip(probs, kept, strict=True)]
    weights = [_log(gap[stays]) for gap, stays in zip(gaps, kept, strict=False)]
    weights += [np.zeros(counts[0], np.float32)] * (len(orders) == 1)
    upper = list(zip(orders[1:], kept[1:], number, strict=False))
    histories = [below[order.history[stays]] for order, stays, below in upper]
    links = [below[order.shorter[stays]] for order, stays, below in upper]
    inner = int(start[len(counts) - 1]) or counts[0]
    return Tables(
        words=words,
        counts=counts,
        word_prob=logs[0],
        word_backoff=weights[0],
        last=_join([order.last[stays] for order, stays, _ in upper]).astype(np.uint32),
        children=np.bincount(_join(histories), minlength=inner).astype(np.uint32),
        prob=_join(logs[1:]).astype(np.float32),
        backoff=_join(weights[1:]).astype(np.float32),
        link=_join(links[1:-1]).astype(np.uint32),
    )


def _join(parts: Sequence[NDArray[np.int64] | NDArray[np.float32]]) -> NDArray[np.int64]:
    return np.concatenate((np.zeros(0, np.int64), *parts)) if not parts else np.concatenate(parts)


def _log(values: Floats) -> NDArray[np.float32]:
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(np.maximum(values, 0.0)), LOWEST).astype(np.float32)
