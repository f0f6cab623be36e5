"""An n-gram model and a neural network as one language model.

The probability of a word is the weighted mean of what both say; where the network does not know the
word, it is the n-gram model's. States remember as many words as the network looks back.
They are alike where the n-gram model's are: without that, a beam of hundreds would hold but one
sentence's variants.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stt_service.decoder.network import Network
from stt_service.decoder.ngram import NgramModel
from stt_service.decoder.ngram_counts import BEGIN, MARKS, UNKNOWN

_T = TypeVar("_T", bound=np.generic)
START = 0
ROOM = 256
"""States to make room for at first; it doubles when they are used up."""


class NeuralModel:
    """A :class:`~stt_service.decoder.api.LanguageModel`. Owned by the thread of its engine.

    What the network expects after a state is worked out when that is first asked about: one state
    in fourteen is.
    """

    def __init__(self, ngram: NgramModel, network: Network) -> None:
        self._ngram = ngram
        self._network = network
        self._shares = np.log([network.share, 1 - network.share]).astype(np.float32)
        self._node = np.zeros(ROOM, np.int32)  # the n-gram model's state
        self._context = np.full((ROOM, network.context), BEGIN, np.int32)
        self._expected = np.zeros((ROOM, network.codes.shape[1]), np.float32)
        self._worked_out = np.zeros(ROOM, np.bool_)
        self._free = np.arange(START + 1, ROOM)
        self._node[START] = ngram.start()

    @property
    def id(self) -> str:
        return self._ngram.id

    @property
    def order(self) -> int:
        return self._ngram.order

    def start(self) -> int:
        return START

    def score(
        self, states: Sequence[int], words: Sequence[str]
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        before = np.array(states, np.int32)
        scores, nodes = self._ngram.score(self._node[before].tolist(), words)
        numbers = np.array([self._ngram.number(word) for word in words], np.int32)
        numbers[numbers >= self._network.words] = UNKNOWN
        known = np.flatnonzero(numbers >= len(MARKS))
        if len(known):
            self._work_out(before[known])
            neural = self._network.score(self._expected[before[known]], numbers[known])
            network_log, ngram_log = self._shares
            scores[known] = np.logaddexp(neural + network_log, scores[known] + ngram_log)
        return scores, self._states(before, numbers, nodes)

    def _work_out(self, states: NDArray[np.int32]) -> None:
        new = np.unique(states[~self._worked_out[states]])
        if len(new):
            self._expected[new] = self._network.expect(self._context[new])
            self._worked_out[new] = True

    def _states(
        self, before: NDArray[np.int32], numbers: NDArray[np.int32], nodes: NDArray[np.int32]
    ) -> NDArray[np.int32]:
        """Return new states, one for each word after the state before it."""
        while len(self._free) < len(before):
            self._make_room()
        after, self._free = self._free[: len(before)], self._free[len(before) :]
        self._node[after] = nodes
        self._context[after, :-1] = self._context[before, 1:]
        self._context[after, -1] = numbers
        self._worked_out[after] = False
        return after.astype(np.int32)

    def _make_room(self) -> None:
        room = len(self._node)
        self._free = np.concatenate((self._free, np.arange(room, 2 * room)))
        self._node = _doubled(self._node)
        self._context = _doubled(self._context)
        self._expected = _doubled(self._expected)
        self._worked_out = _doubled(self._worked_out)

    def alike(self, states: NDArray[np.int32]) -> NDArray[np.int64]:
        return self._node[states].astype(np.int64)

    def knows(self, word: str) -> bool:
        return self._ngram.knows(word)

    def release(self, keep: Collection[int] = ()) -> None:
        free = np.ones(len(self._node), np.bool_)
        free[[START, *keep]] = False
        self._free = np.flatnonzero(free)


def _doubled(rows: NDArray[_T]) -> NDArray[_T]:
    return np.concatenate((rows, np.zeros_like(rows)))
