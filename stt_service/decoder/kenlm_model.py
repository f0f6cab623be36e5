"""The word model inside a DeepSpeech scorer: a KenLM binary, asked in place.

DeepSpeech scores a word by feeding its last ``order`` words to KenLM, from ``<s>`` while there
are fewer than that. KenLM's own state never remembers more than ``order - 1`` words, so a running
state from ``<s>`` gives the same numbers, for one look-up a word instead of ``order``.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Sequence
from dataclasses import astuple
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stt_service.decoder.api import UNKNOWN_WORD
from stt_service.decoder.kenlm_file import KenlmLayout
from stt_service.decoder.kenlm_walk import KenlmWalk

logger = logging.getLogger(__name__)

LN_10 = math.log(10.0)
"""KenLM's tables are in log10, the search adds natural logs."""
START = 0
NOTHING = b""
"""The history before the first word, ``<s>``."""


class Tables(Protocol):
    """A KenLM binary that is asked for numbers: in C, or in Python where C was not compiled.

    Histories are bytes, equal ones for equal histories. Immutable, so any number of threads may
    ask.
    """

    def numbers(self, words: list[str], /) -> list[int]:
        """Return the numbers of words, 0 for unknown ones."""

    def score(
        self, histories: list[bytes], numbers: list[int], /
    ) -> tuple[list[float], list[bytes]]:
        """Score each numbered word after its history; 0 has the probability of ``<unk>``.

        Returns base 10 logarithms, in single precision, and the histories after the words.
        """


class KenlmModel:
    """A :class:`~stt_service.decoder.api.LanguageModel`. Owned by the thread of its engine."""

    def __init__(self, tables: Tables, order: int, model_id: str) -> None:
        self._tables = tables
        self._order = order
        self._id = model_id
        _, begin = tables.score([NOTHING], tables.numbers(["<s>"]))
        self._histories = {START: begin[0]}
        self._states = {begin[0]: START}
        self._next = START + 1

    @property
    def id(self) -> str:
        return self._id

    @property
    def order(self) -> int:
        return self._order

    def start(self) -> int:
        return START

    def score(
        self, states: Sequence[int], words: Sequence[str]
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        numbers = self._tables.numbers(list(words))
        histories = [self._histories[state] for state in states]
        log10, after = self._tables.score(histories, numbers)
        # A damaged file may hold any number; only these are logarithms of probabilities.
        scores = np.fmax(np.fmin(np.array(log10, np.float64) * LN_10, 0.0), UNKNOWN_WORD)
        scores[np.array(numbers, np.int64) == 0] = UNKNOWN_WORD
        reached = [self._state(history) for history in after]
        return scores.astype(np.float32), np.array(reached, np.int32)

    def _state(self, history: bytes) -> int:
        state = self._states.get(history)
        if state is None:
            state = self._next
            self._next += 1
            self._states[history] = state
            self._histories[state] = history
        return state

    def alike(self, states: NDArray[np.int32]) -> NDArray[np.int64]:
        return states.astype(np.int64)

    def knows(self, word: str) -> bool:
        return self._tables.numbers([word]) != [0]

    def release(self, keep: Collection[int] = ()) -> None:
        kept = {START, *keep}
        self._histories = {state: self._histories[state] for state in sorted(kept)}
        self._states = {history: state for state, history in self._histories.items()}
        self._next = max(kept) + 1


def open_tables(data: NDArray[np.uint8], layout: KenlmLayout) -> Tables:
    """Ask the tables of the map ``data``, which lie as ``layout`` says, in C or in Python."""
    try:
        from stt_service.decoder._kernel import KenlmTables  # noqa: PLC0415 - may not be there
    except ImportError:
        logger.debug("reading the scorer in Python: the compiled kernel is not installed")
        return KenlmWalk(data, layout)
    return KenlmTables(
        data,
        hashed=layout.hashed,
        words=layout.counts[0],
        vocabulary=astuple(layout.vocabulary),
        unigrams=layout.unigrams,
        unigram_size=layout.unigram_size,
        levels=tuple(astuple(level) for level in layout.levels),
    )
