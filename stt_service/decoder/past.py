"""The settled part of a long utterance: what no later audio can change any more.

A hypothesis is kept as a branch of a tree, and words are agreed on where all branches begin with
them. Left alone, a search of long unbroken speech never makes up its mind: branches that differ in
one word of half a minute ago go on side by side, each with a copy of all that follows. So once an
utterance is long, what differs from the best branch in words that are :data:`MAX_UNSETTLED_SECONDS`
old is given up, and the labels that all branches then share are taken out of the tree. Memory
stays bounded, words become stable soon, and the beam is free for what is being said: on twelve
minutes of read speech in one utterance, that makes no more errors but fewer
(``python -m bench stability``).

A strict grammar's best branch may lead to no sentence in the end, so that its past stays open for
:data:`STRICT_SECONDS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stt_service.decoder.alphabet import SPACE, Alphabet
from stt_service.decoder.api import Hypothesis
from stt_service.decoder.kernels import Kernel

WHOLE_SECONDS = 15.0
"""Nothing is given up in an utterance until it is this long: a command or a sentence is searched
to its end as the original library does, and comes out the same."""
MAX_UNSETTLED_SECONDS = 2.0
"""What was said longer ago is settled then. Anything from 1 to 30 s makes fewer errors than never
settling; this is early enough for a reader of live text, and leaves the next words a say."""
SETTLE_SECONDS = 0.5
"""From one settlement to the next."""
STRICT_SECONDS = 30.0
"""Both of these with a strict grammar: no sentence is held open for so long."""


def tidy(alphabet: Alphabet, labels: Sequence[int]) -> str:
    """Return the text of labels, its words joined by single spaces where there are any."""
    text = alphabet.decode(labels)
    if alphabet.space is None:
        return text
    return SPACE.join(word for word in text.split(SPACE) if word)


class Past:
    """Labels that no later frame can change."""

    def __init__(self, alphabet: Alphabet, frame_step: float, *, strict: bool = False) -> None:
        """``frame_step`` is seconds from one frame to the next, ``strict`` a grammar's answer."""
        self._alphabet = alphabet
        first, unsettled, period = WHOLE_SECONDS, MAX_UNSETTLED_SECONDS, SETTLE_SECONDS
        if strict:
            first = unsettled = period = STRICT_SECONDS
        self._unsettled = round(unsettled / frame_step)
        self._period = max(1, round(period / frame_step))
        self._due = max(1, round(first / frame_step))
        self._text = ""
        self._labels: list[int] = []
        self._frames: list[int] = []
        self._emissions: list[float] = []

    def until_due(self, frames: int) -> int:
        """Return how many more frames to feed before the next settlement, at least 1.

        It comes at the same frame however these are cut into portions.
        """
        return max(1, self._due - frames)

    def settle(self, kernel: Kernel, frames: int) -> None:
        """Take what is settled out of ``kernel`` if it is time, ``frames`` having been fed."""
        if frames < self._due:
            return
        self._due = frames + self._period
        labels, at, emissions = kernel.settle(frames - self._unsettled)
        self._text = self.lead(tidy(self._alphabet, labels))
        self._labels += labels
        self._frames += at
        self._emissions += emissions

    def lead(self, text: str) -> str:
        """Put the settled text in front of what was said since. No settled label is read again."""
        if self._alphabet.space is None:
            return self._text + text
        return SPACE.join(part for part in (self._text, text) if part)

    def complete(self, hypothesis: Hypothesis) -> Hypothesis:
        """Put the settled part in front of a hypothesis."""
        if not self._labels:
            return hypothesis
        return replace(
            hypothesis,
            labels=(*self._labels, *hypothesis.labels),
            frames=(*self._frames, *hypothesis.frames),
            emissions=(*self._emissions, *hypothesis.emissions),
        )
