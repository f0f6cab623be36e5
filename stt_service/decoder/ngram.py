"""The project's own language model: a back-off n-gram model in NumPy, answering in batches.

A state is a node of the model (see :mod:`~stt_service.decoder.ngram_file`): the longest suffix of
the words so far that the model has as a history. All histories with their words are one sorted
array of 64-bit keys, so that a batch of questions is one ``searchsorted`` for each order. The
search's questions are answered in C (``native/ngram.c``) where that was compiled, to the same bit.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stt_service.decoder.api import UNKNOWN_WORD
from stt_service.decoder.ngram_counts import BEGIN, MARKS, UNKNOWN
from stt_service.decoder.ngram_file import Tables, damaged

if TYPE_CHECKING:
    from stt_service.decoder._kernel import NgramTables

logger = logging.getLogger(__name__)


class NgramModel:
    """A :class:`~stt_service.decoder.api.LanguageModel` whose states need no bookkeeping.

    Immutable, so any number of threads may ask. Raises :exc:`ScorerError` when the n-grams of
    ``tables`` are not sorted or its arrays do not fit; ``where`` names their file.
    """

    def __init__(self, tables: Tables, model_id: str, where: str) -> None:
        self._id = model_id
        self._order = tables.order
        self._words = len(tables.words)
        self._number = {word: i for i, word in enumerate(tables.words)}
        for mark in MARKS:  # nobody says these
            self._number.pop(mark, None)
        nodes = np.arange(len(tables.children), dtype=np.int64)
        self._keys = np.repeat(nodes * self._words, tables.children)
        self._keys += tables.last
        if (self._keys[1:] <= self._keys[:-1]).any():
            raise damaged(where, "its n-grams are not sorted")
        self._word_prob = np.ascontiguousarray(tables.word_prob, np.float32)
        self._prob = np.ascontiguousarray(tables.prob, np.float32)
        self._backoff = np.concatenate((tables.word_backoff, tables.backoff))
        self._backoff[UNKNOWN] = 0.0  # the empty history
        self._top = self._words + len(tables.backoff)  # nodes from here on are of highest order
        pairs = tables.last[: sum(tables.counts[1:2])] if tables.order > 2 else ()
        self._shorter: NDArray[np.int64] = np.concatenate(
            (np.zeros(self._words, np.int64), np.asarray(pairs, np.int64), tables.link)
        )
        if len(self._shorter) != self._top:
            raise damaged(where, "a history has no shorter form")
        self._compiled = self._open_compiled()

    def _open_compiled(self) -> NgramTables | None:
        """Give the arrays to C too, which reads them in place; None where it was not compiled."""
        try:
            from stt_service.decoder._kernel import NgramTables  # noqa: PLC0415 - may not be there
        except ImportError:
            logger.debug("asking the scorer in NumPy: the compiled kernel is not installed")
            return None
        return NgramTables(
            keys=self._keys,
            prob=self._prob,
            word_prob=self._word_prob,
            backoff=self._backoff,
            shorter=self._shorter,
            vocabulary=self._number,
            order=self._order,
        )

    @property
    def id(self) -> str:
        return self._id

    @property
    def order(self) -> int:
        return self._order

    def start(self) -> int:
        return BEGIN if self._order > 1 else UNKNOWN

    def alike(self, states: NDArray[np.int32]) -> NDArray[np.int64]:
        return states.astype(np.int64)

    def knows(self, word: str) -> bool:
        return word in self._number

    def number(self, word: str) -> int:
        """Return the word's number in the file, that of ``<unk>`` where it is unknown."""
        return self._number.get(word, UNKNOWN)

    def release(self, keep: Collection[int] = ()) -> None:
        """Nothing to forget: states are places in the file."""

    def score(
        self, states: Sequence[int], words: Sequence[str]
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        if self._compiled is None:
            numbers = np.array([self.number(word) for word in words], np.int64)
            scores, after = self.score_numbers(np.array(states, np.int64), numbers)
            scores[numbers == UNKNOWN] = UNKNOWN_WORD
        else:
            scores, after = np.empty(len(words), np.float32), np.empty(len(words), np.int32)
            self._compiled.score(states, words, scores, after)
        return scores, after

    def score_numbers(
        self, states: NDArray[np.int64], words: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """As :meth:`score`, by word numbers; ``<unk>`` and ``</s>`` get their own probability."""
        scores = np.zeros(len(words), np.float32)
        after = np.full(len(words), -1, np.int64)
        scored = np.zeros(len(words), bool)
        rows, at = np.arange(len(words)), states
        while len(rows):
            root = at == UNKNOWN
            keys = at * self._words + words[rows]
            place = np.searchsorted(self._keys, keys)
            node = place + self._words
            found = ~root & (place < len(self._keys))
            found[found] = self._keys[place[found]] == keys[found]
            hit = found & ~scored[rows]
            scores[rows[hit]] += self._prob[place[hit]]
            ends = root & ~scored[rows]
            scores[rows[ends]] += self._word_prob[words[rows[ends]]]
            scored[rows[hit | ends]] = True
            after[rows[root]] = words[rows[root]]
            state_found = found & (node < self._top)
            after[rows[state_found]] = node[state_found]
            open_ = ~root & ~state_found
            rows, at = rows[open_], at[open_]
            missed = ~scored[rows]
            scores[rows[missed]] += self._backoff[at[missed]]
            at = self._shorter[at]
        if self._order == 1:
            after[:] = UNKNOWN
        return scores, after.astype(np.int32)
