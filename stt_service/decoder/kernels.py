"""The beam search's inner loop: what it is given, what it answers, and which one to take.

Two kernels do the same search: one in C, one in NumPy for machines that cannot load the first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stt_service.decoder.api import Hypothesis, Lexicon

logger = logging.getLogger(__name__)

START_BELOW = 0.999
"""Frames are skipped until the first whose blank is less probable than this, as in DeepSpeech,
so that the first letter's time is its onset."""
NEGLIGIBLE = 17.0
"""A summand this many nats below the other one is lost in DeepSpeech's 32-bit sums: skip it."""

OUTDONE = 0.5
"""With a language model a prefix is dropped that scores so many nats less than another from which
all goes on alike. Of read sentences one word in sixty is right that was wrong without. 0 makes
fewest errors, but then the shares of the hypotheses say little about words that are not the last
ones; with this, what is nearly as good stays on as an alternative."""

FAR_BELOW = 10.0
"""With a language model a prefix is dropped that scores so many nats less than the best one. Where
the network is sure, few are left. On read sentences the words wrong are the same as with 12, to 0.1
points, at two thirds of the time."""

ScoreWords = Callable[[Sequence[int], Sequence[str]], tuple[NDArray[np.float32], NDArray[np.int32]]]
"""The ``score`` method of a language model."""
TellAlike = Callable[[NDArray[np.int32]], NDArray[np.int64]]
"""Its ``alike`` method."""


@dataclass(frozen=True)
class Task:
    """What one stream searches for."""

    labels: tuple[str, ...]
    """The alphabet; blank is the output after the last one."""
    space: int
    """Index of the space label, -1 where there is none."""
    beam_width: int
    """Hypotheses kept at each frame."""
    lexicons: tuple[Lexicon, ...] = ()
    """None: any spelling. Two: a spelling that either allows."""
    score: ScoreWords | None = None
    """Asked at the end of each word; None without a language model."""
    alike: TellAlike | None = None
    """None: where the states are the same, and only there, all goes on alike."""
    start: int = 0
    """The language model's state at the beginning."""
    alpha: float = 0.0
    """Weight of the language model's natural-log scores; at least 0."""
    beta: float = 0.0
    """Added for each word, natural-log units."""
    as_deepspeech: bool = False
    """Drop no prefix because it is outdone, and leave out steps early, both as DeepSpeech does."""
    ceiling: float = 0.0
    """No word scores more than this: 0 for probabilities, more where words are boosted."""


class Kernel(Protocol):
    """The search of one utterance. Frames are counted from the first one that was fed."""

    def advance(self, probabilities: NDArray[np.float32]) -> None:
        """Take the next frames, shape (frames, labels + 1), blank last.

        Raises :exc:`ValueError` when the shape does not fit or a value is not a probability.
        """

    def hypotheses(self, limit: int, *, final: bool) -> list[Hypothesis]:
        """Return the best hypotheses, best first, at most ``limit``, without settled labels.

        ``final`` also scores the word at the end, and leaves out what may not end there: with a
        lexicon of whole utterances the list may be empty.
        """

    def agreed(self) -> list[int]:
        """Labels that all hypotheses begin with, without settled ones."""

    def settle(self, before: int) -> tuple[list[int], list[int], list[float]]:
        """Give up the past: return and forget the labels that no later frame can change.

        Hypotheses that disagree with the best one about labels emitted before frame ``before``
        are dropped first. Whole words are settled, so that the last one may still grow. Returns
        labels, their frames, and the natural log of their probabilities there.
        """

    def states(self) -> set[int]:
        """Language model states still in use."""


def open_kernel(task: Task) -> Kernel:
    """Start a search, in C where the extension was built, else in NumPy."""
    try:
        from stt_service.decoder._kernel import Search  # noqa: PLC0415 - may not be there
    except ImportError:
        from stt_service.decoder.kernel_numpy import NumpyKernel  # noqa: PLC0415

        logger.debug("searching in NumPy: the compiled kernel is not installed")
        return NumpyKernel(task)
    return Search(task, Hypothesis)
