"""Hot words: a language model that likes some words and phrases more, or less, than its base.

A word's boost is added to the natural logarithm of its probability, before alpha weighs it, as in
DeepSpeech; but once, where the word stands, and at the end of the utterance too. (DeepSpeech adds
it again for each of the next words whose n-gram still shows the word, and not at the end.)

A phrase that is boosted is paid out in equal parts, word by word, so that its beginning survives
the search, and what was paid is taken back where the phrase breaks off. A phrase that is
suppressed pays for its last word only, so that sentences which share its beginning go free.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stt_service.decoder.api import LanguageModel, both_alike

START = 0


@dataclass
class _Node:
    """A place in the phrases: some words have been said."""

    depth: int = 0
    next: dict[str, int] = field(default_factory=dict)
    fallback: int = START
    """The longest other beginning of a phrase that these words end with."""
    advance: float = 0.0
    """Paid so far for a phrase that has begun."""
    complete: float = 0.0
    """Sum of the boosts of the phrases that end here."""


class HotWords:
    """A :class:`~stt_service.decoder.api.LanguageModel` around another, or around none."""

    def __init__(self, base: LanguageModel | None, boosts: Mapping[str, float]) -> None:
        self._base = base
        self._nodes = [_Node()]
        for phrase, boost in boosts.items():
            self._add(phrase.split(), boost)
        self._link()
        self._start = (base.start() if base else 0, START)
        self._states = {0: self._start}
        self._ids = {self._start: 0}
        self._next_id = 1

    def _add(self, words: Sequence[str], boost: float) -> None:
        at = START
        for depth, word in enumerate(words, 1):
            node = self._nodes[at]
            if word not in node.next:
                node.next[word] = len(self._nodes)
                self._nodes.append(_Node(depth))
            at = node.next[word]
            if depth < len(words):
                begun = self._nodes[at]
                begun.advance = max(begun.advance, boost * depth / len(words))
        if words:
            self._nodes[at].complete += boost

    def _link(self) -> None:
        """Set the fallbacks, shallow nodes first (Aho and Corasick's construction)."""
        queue = list(self._nodes[START].next.values())
        for at in queue:
            node = self._nodes[at]
            for word, child in node.next.items():
                self._nodes[child].fallback = self._move(node.fallback, word)
                queue.append(child)
            behind = self._nodes[node.fallback]
            node.complete += behind.complete
            node.advance = max(node.advance, behind.advance)

    def _move(self, at: int, word: str) -> int:
        while at != START and word not in self._nodes[at].next:
            at = self._nodes[at].fallback
        return self._nodes[at].next.get(word, START)

    @property
    def id(self) -> str:
        """See :class:`~stt_service.decoder.api.LanguageModel`."""
        return self._base.id if self._base else "hot words"

    @property
    def order(self) -> int:
        """See :class:`~stt_service.decoder.api.LanguageModel`."""
        phrase = max(node.depth for node in self._nodes)
        return max(phrase, self._base.order if self._base else 1)

    @property
    def ceiling(self) -> float:
        """The most that one word can score."""
        return max(max(0.0, node.advance + node.complete) for node in self._nodes)

    def gains(self) -> dict[str, float]:
        """Return the most that each word can be paid, of those that can be paid at all."""
        gains: dict[str, float] = {}
        for node in self._nodes:
            for word, child in node.next.items():
                reached = self._nodes[child]
                gain = reached.advance + reached.complete - node.advance
                if gain > gains.get(word, 0.0):
                    gains[word] = gain
        return gains

    def start(self) -> int:
        """See :class:`~stt_service.decoder.api.LanguageModel`."""
        return 0

    def score(
        self, states: Sequence[int], words: Sequence[str]
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """See :class:`~stt_service.decoder.api.LanguageModel`."""
        inner = [self._states[state] for state in states]
        if self._base is None:
            scores, bases = np.zeros(len(words), np.float32), np.zeros(len(words), np.int32)
        else:
            scores, bases = self._base.score([base for base, _ in inner], words)
        boosts = np.zeros(len(words), np.float32)
        after = np.zeros(len(words), np.int32)
        for i, ((_, at), word, base) in enumerate(zip(inner, words, bases.tolist(), strict=True)):
            reached = self._move(at, word)
            node = self._nodes[reached]
            boosts[i] = node.advance + node.complete - self._nodes[at].advance
            after[i] = self._intern((base, reached))
        return scores + boosts, after

    def _intern(self, state: tuple[int, int]) -> int:
        if state not in self._ids:
            self._ids[state] = self._next_id
            self._states[self._next_id] = state
            self._next_id += 1
        return self._ids[state]

    def prepaid(self, state: int) -> float:
        """Return what was paid for a phrase that an utterance ending at ``state`` breaks off."""
        return self._nodes[self._states[state][1]].advance

    def alike(self, states: NDArray[np.int32]) -> NDArray[np.int64]:
        """See :class:`~stt_service.decoder.api.LanguageModel`."""
        bases, nodes = np.array([self._states[state] for state in states.tolist()]).T
        if self._base:
            bases = self._base.alike(bases.astype(np.int32))
        return both_alike(bases, nodes)

    def knows(self, word: str) -> bool:
        """See :class:`~stt_service.decoder.api.LanguageModel`."""
        return self._base is None or self._base.knows(word)

    def release(self, keep: Collection[int] = ()) -> None:
        """See :class:`~stt_service.decoder.api.LanguageModel`."""
        self._states = {0: self._start} | {state: self._states[state] for state in keep}
        self._ids = {pair: state for state, pair in self._states.items()}
        if self._base:
            self._base.release({base for base, _ in self._states.values()})
