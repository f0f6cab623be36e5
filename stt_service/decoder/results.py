"""From hypotheses over labels to words with times and confidences."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stt_service.decoder.alphabet import SPACE, Alphabet
from stt_service.decoder.api import Hypothesis
from stt_service.decoder.confidence import Calibration, Evidence, Signs
from stt_service.decoder.frames import FrameLog
from stt_service.events import Alternative, Word

LETTER_SECONDS = 0.06
"""A letter sounds at least this long. The network puts most letters in one frame only and blank
after it, so that the sound's own length is not to be seen."""
SAME_WORD_SECONDS = 0.2
"""Words of two hypotheses are the same one when their onsets differ by no more."""
SAME_LABEL_SECONDS = 0.06
"""Labels of the text and of the unconstrained path are the same one when they are no further
apart."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a search found in one utterance; times are seconds from its first frame."""

    text: str
    """Words joined by single spaces."""
    confidence: float
    """0..1, for the utterance as a whole."""
    words: tuple[Word, ...]
    """The words of :attr:`text`."""
    alternatives: tuple[Alternative, ...]
    """Distinct texts, best first; the first is :attr:`text` itself."""
    rejected: bool
    """True: nothing heard, none of the phrases, or too unsure."""
    intent: str | None = None
    """The intent whose phrase was said, with a grammar only."""
    slots: Mapping[str, str] = field(default_factory=dict)
    """Slot name to value, with a grammar only."""
    evidence: Evidence | None = None
    """What led to :attr:`rejected`; None where nothing was heard."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A word of one hypothesis."""

    text: str
    labels: tuple[int, ...]
    frames: tuple[int, ...]
    """The frame of each label."""
    emissions: tuple[float, ...]
    """Natural-log probability of each label there."""
    limit: int | None
    """The frame of the label after the word; None at the end."""


def split(alphabet: Alphabet, hypothesis: Hypothesis) -> list[Spoken]:
    """Cut a hypothesis at its spaces."""
    words = []
    begin = 0
    count = len(hypothesis.labels)
    for end in range(count + 1):
        if end < count and hypothesis.labels[end] != alphabet.space:
            continue
        if end > begin:
            words.append(
                Spoken(
                    alphabet.decode(hypothesis.labels[begin:end]),
                    hypothesis.labels[begin:end],
                    hypothesis.frames[begin:end],
                    hypothesis.emissions[begin:end],
                    hypothesis.frames[end] if end < count else None,
                )
            )
        begin = end + 1
    return words


def text_of(words: Sequence[Spoken]) -> str:
    """Join words by single spaces."""
    return SPACE.join(word.text for word in words)


Onsets = dict[str, list[int]]
"""The frames at which each word of a hypothesis begins, in order."""


def _onsets(words: Sequence[Spoken]) -> Onsets:
    onsets: Onsets = {}
    for word in words:
        onsets.setdefault(word.text, []).append(word.frames[0])
    return onsets


class Reader:
    """Reads one utterance's n-best list, which shares the log of its frames."""

    def __init__(
        self,
        alphabet: Alphabet,
        frame_step: float,
        calibration: Calibration,
        log: FrameLog,
    ) -> None:
        self._alphabet = alphabet
        self._step = frame_step
        self._calibration = calibration
        self._best, self._loudest = log.read()

    def read(
        self, found: Sequence[Hypothesis], alternatives: int, duration: float
    ) -> tuple[tuple[Word, ...], tuple[Alternative, ...], Evidence | None]:
        """Return the words of the best hypothesis, the distinct texts, and what speaks for it.

        ``found`` is best first and not empty; ``duration`` is seconds, no word ends later.
        """
        split_up = [split(self._alphabet, hypothesis) for hypothesis in found]
        scores = np.array([hypothesis.score for hypothesis in found])
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        by_text: dict[str, list[int]] = {}
        for i, words in enumerate(split_up):
            by_text.setdefault(text_of(words), []).append(i)
        listed = []
        for text, members in list(by_text.items())[:alternatives]:
            signs = self._utterance_signs(split_up[members[0]], float(shares[members].sum()))
            listed.append(Alternative(text, self._calibration.utterance.confidence(signs)))
        onsets = [_onsets(words) for words in split_up]
        heard = tuple(
            self._word(word, self._share(word, onsets, shares), duration) for word in split_up[0]
        )
        share = float(shares[next(iter(by_text.values()))].sum())
        return heard, tuple(listed), self._evidence(found[0], split_up[0], share)

    def _share(self, word: Spoken, onsets: Sequence[Onsets], shares: NDArray[np.float64]) -> float:
        """Return the share of the hypotheses that have the word at about this time."""
        near = SAME_WORD_SECONDS / self._step
        total = 0.0
        for starts, share in zip(onsets, shares.tolist(), strict=True):
            same = starts.get(word.text, [])
            at = bisect_left(same, word.frames[0] - near)
            if at < len(same) and same[at] <= word.frames[0] + near:
                total += share
        return total

    def _word(self, word: Spoken, share: float, duration: float) -> Word:
        signs = Signs(share, *self._acoustics(word.frames, word.emissions))
        start = min(word.frames[0] * self._step, duration)
        end = min(max(self._end(word) * self._step, start), max(duration, start))
        return Word(word.text, start, end, self._calibration.word.confidence(signs))

    def _end(self, word: Spoken) -> float:
        """Return the frame at which the last letter is over.

        That is when another output has become more probable than the letter, but not before the
        shortest time a letter takes, nor after the next label.
        """
        frame = word.frames[-1] + 1
        while frame < len(self._loudest) and self._loudest[frame] == word.labels[-1]:
            frame += 1
        end = max(float(frame), word.frames[-1] + LETTER_SECONDS / self._step)
        return end if word.limit is None else min(end, float(word.limit))

    def _utterance_signs(self, words: Sequence[Spoken], share: float) -> Signs:
        frames = [frame for word in words for frame in word.frames]
        emissions = [value for word in words for value in word.emissions]
        return Signs(share, *self._acoustics(frames, emissions))

    def _acoustics(self, frames: Sequence[int], emissions: Sequence[float]) -> tuple[float, float]:
        """Return mean emission and mean margin."""
        if not frames:
            return 0.0, 0.0
        best = float(np.mean(self._best[list(frames)]))
        emission = math.fsum(emissions) / len(emissions)
        return emission, min(emission - best, 0.0)

    def _evidence(self, best: Hypothesis, words: Sequence[Spoken], share: float) -> Evidence | None:
        if not words:
            return None
        begun = self._loudest.astype(np.int64)
        begun[np.diff(begun, prepend=self._alphabet.blank) == 0] = self._alphabet.blank
        free = int((begun != self._alphabet.blank).sum())
        labels, frames = np.array(best.labels), np.array(best.frames)
        near = round(SAME_LABEL_SECONDS / self._step)
        both = np.zeros(len(labels), bool)
        for shift in range(-near, near + 1):
            both |= begun[np.clip(frames + shift, 0, len(begun) - 1)] == labels
        return Evidence(
            slack=max(float(self._best.sum()) - best.acoustic, 0.0) / max(free, len(labels)),
            posterior=share,
            weakest=min(math.fsum(word.emissions) / len(word.emissions) for word in words),
            agreement=min(2 * int(both.sum()) / (free + len(labels)), 1.0),
            labels=len(labels),
            seconds=float(frames[-1] - frames[0] + 1) * self._step,
        )
