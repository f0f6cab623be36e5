"""Walking a lexicon: many states and labels at once, or one spelling; raising its look-ahead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stt_service.decoder.api import NO_STATE, Lexicon

END_STATE = -2
"""The state after the space that may follow a whole utterance: nothing leads on from it."""


def follow(
    lexicon: Lexicon, states: NDArray[np.int32], labels: NDArray[np.int32], space: int
) -> NDArray[np.int32]:
    """Take one step from each of ``states`` along each of ``labels``; both have shape (n,).

    Returns the states reached, :data:`NO_STATE` where the lexicon forbids the label. A lexicon
    that does not restart allows one space after an utterance: that leads to :data:`END_STATE`.
    """
    reached = np.full(len(states), NO_STATE, np.int32)
    alive = np.flatnonzero((states >= 0) & (states < len(lexicon.first_arc)))
    if not len(alive):
        return reached
    at = states[alive]
    low = lexicon.first_arc[at].astype(np.int64)
    high = np.minimum(low + lexicon.arc_count[at], len(lexicon.arc_label))
    end = high.copy()
    wanted = labels[alive] + lexicon.label_offset
    while (low < high).any():  # all binary searches at once
        middle = (low + high) // 2
        seen = lexicon.arc_label[np.minimum(middle, len(lexicon.arc_label) - 1)]
        right = (low < high) & (seen < wanted)
        low, high = np.where(right, middle + 1, low), np.where(right, high, middle)
    inside = np.flatnonzero(low < end)
    found = inside[lexicon.arc_label[low[inside]] == wanted[inside]]
    target = lexicon.arc_target[low[found]]
    valid = (target >= 0) & (target < len(lexicon.first_arc))
    reached[alive[found]] = np.where(valid, target, NO_STATE)
    if not lexicon.restarts:
        ends = (labels == space) & (reached == NO_STATE) & accepts(lexicon, states)
        reached[ends] = END_STATE
    return reached


def accepts(lexicon: Lexicon, states: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Tell for each of ``states``, shape (n,), whether a word or an utterance may end there."""
    known = (states >= 0) & (states < len(lexicon.accepting))
    if not len(lexicon.accepting):
        return known
    return np.asarray(known & (lexicon.accepting[np.where(known, states, 0)] != 0))


def raised(
    lexicon: Lexicon, spellings: Sequence[Sequence[int]], gains: NDArray[np.float32]
) -> Lexicon:
    """Return the lexicon with look-ahead for words that score more than the model says.

    ``spellings[i]`` is a word that scores ``gains[i]`` more, natural-log units, shape (n,). A
    lexicon without look-ahead, or that lacks the words, comes back as it is.
    """
    if lexicon.ahead is None or not spellings:
        return lexicon
    lengths = np.array([len(spelling) for spelling in spellings])
    codes = np.full((len(spellings), int(lengths.max())), NO_STATE, np.int32)
    for row, spelling in zip(codes, spellings, strict=True):
        row[: len(spelling)] = spelling
    path = np.full((len(spellings), codes.shape[1] + 1), NO_STATE, np.int32)
    path[:, 0] = lexicon.start
    for at in range(codes.shape[1]):
        path[:, at + 1] = follow(lexicon, path[:, at], codes[:, at], -1)
    ends = path[np.arange(len(path)), lengths]
    known = ends != NO_STATE
    # Never above 0: a letter must not score more than staying does, see Lexicon.ahead.
    value = np.minimum(lexicon.ahead[ends] + gains, 0.0)
    ahead = lexicon.ahead.copy()
    for states in path.T[1:]:
        spelled = known & (states != NO_STATE)
        np.maximum.at(ahead, states[spelled], value[spelled])
    return replace(lexicon, ahead=ahead)


def spells(lexicon: Lexicon, codes: Sequence[int]) -> bool:
    """Whether the lexicon has a path for these labels from its start."""
    state = np.array([lexicon.start], np.int32)
    for code in codes:
        state = follow(lexicon, state, np.array([code], np.int32), -1)
    return bool(state[0] != NO_STATE)
