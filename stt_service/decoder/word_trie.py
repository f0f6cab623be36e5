"""From a vocabulary to a lexicon, without a loop over words: a trie of their spellings.

The words are a matrix of labels, a row each, sorted. A letter begins a new node where its row
first differs from the row above. Counted column by column, the nodes of a depth follow those of
the depth above in the order of their parents: so every node's arcs lie together, and the arc that
enters node ``i`` is arc ``i - 1``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stt_service.decoder.alphabet import Alphabet
from stt_service.decoder.api import Lexicon
from stt_service.errors import ScorerError

LONGEST_WORD = 64
"""Letters; longer "words" are left out (and counted): they would only widen the matrix."""
NO_LABEL = -1


def word_trie(
    words: Sequence[str], alphabet: Alphabet, scores: NDArray[np.float32]
) -> tuple[Lexicon, int]:
    """Build the lexicon of ``words``, each followed by a space.

    It looks ahead by their ``scores``, natural-log probabilities, shape (words,). Returns the
    lexicon and the number of words that the alphabet cannot spell. Raises :exc:`ScorerError` when
    the alphabet has no space.
    """
    if alphabet.space is None:
        raise ScorerError(
            "this model's alphabet has no space, so words cannot be told apart",
            "Go without a scorer: --scorer none",
        )
    rows, spelt = _spell(words, alphabet, alphabet.space)
    scores = scores[spelt]
    left_out = len(words) - len(rows)
    if len(rows):
        # As strings of code points the rows are compared at once, column by column would be slow.
        order = np.argsort((rows + 1).view(f"U{rows.shape[1]}").ravel())
        rows, scores = rows[order], scores[order]
    filled = rows != NO_LABEL
    differs = np.ones(rows.shape, bool)
    differs[1:] = rows[1:] != rows[:-1]
    new = np.logical_or.accumulate(differs, axis=1) & filled
    number = (
        np.cumsum(new.T.ravel(), dtype=np.int32).reshape(new.T.shape).T
    )  # down the columns, from 1
    # A letter that begins no node shares the node of the row above.
    own = np.maximum.accumulate(np.where(new, number, 0), axis=0)
    parent = np.concatenate((np.zeros((len(rows), 1), np.int32), own[:, :-1]), axis=1)
    by_column = new.T.ravel()
    parents = parent.T.ravel()[by_column]
    labels = rows.T.ravel()[by_column]
    nodes = len(labels) + 1
    ahead = np.full(nodes, -np.inf, np.float32)
    ahead[0] = 0.0
    np.maximum.at(ahead, own[filled], np.repeat(scores, filled.sum(axis=1)))
    count = np.bincount(parents, minlength=nodes)
    first = np.cumsum(count) - count
    return (
        Lexicon(
            start=0,
            first_arc=first.astype(np.uint32),
            arc_count=count.astype(np.uint32),
            arc_label=labels.astype(np.int32),
            arc_target=np.arange(1, nodes, dtype=np.int32),
            accepting=np.concatenate(([False], labels == alphabet.space)),
            ahead=ahead,
        ),
        left_out,
    )


def _spell(
    words: Sequence[str], alphabet: Alphabet, space: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return a matrix of labels and which words its rows are.

    Rows are ended by the space and filled up with :data:`NO_LABEL`.
    """
    lengths = np.fromiter(map(len, words), np.int64, len(words))
    fit = np.flatnonzero((lengths > 0) & (lengths <= LONGEST_WORD))
    kept, lengths = [words[i] for i in fit.tolist()], lengths[fit]
    points = np.frombuffer("".join(kept).encode("utf-32-le"), "<u4")
    table = np.full(int(points.max(initial=0)) + 1, NO_LABEL, np.int32)
    for label, i in alphabet.index.items():
        if len(label) == 1 and ord(label) < len(table) and i != space:
            table[ord(label)] = i
    rows = np.full((len(kept), int(lengths.max(initial=0)) + 1), NO_LABEL, np.int32)
    columns = np.arange(rows.shape[1])
    rows[columns < lengths[:, None]] = table[points]
    spelt = (rows != NO_LABEL).sum(axis=1) == lengths
    rows[np.arange(len(kept)), lengths] = space
    return rows[spelt], fit[spelt]
