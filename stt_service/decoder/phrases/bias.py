"""Phrases as a language model: the sentences mixed with an open model, word by word.

    p(word) = (1 - weight) * p_open(word | history) + weight * p_phrases(word | place)

``p_phrases`` shares its mass between the words that continue the sentence begun, the words that
begin a sentence, and all words of the phrases; within each share the words are equally likely.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from stt_service.decoder.alphabet import Alphabet
from stt_service.decoder.api import UNKNOWN_WORD, LanguageModel, both_alike
from stt_service.decoder.phrases.walk import Walker

DEFAULT_WEIGHT = 0.5
"""Share of the phrases. At a half, a word that the phrases never heard of costs ln 2, the same
for every hypothesis of free speech, while a phrase gains its full probability."""
CONTINUE, BEGIN, ANY = 0.7, 0.2, 0.1
"""Shares within the phrases: go on with the sentence begun; begin one; any of their words."""
OTHER_WORD = 1e-5
"""Probability of a word outside of the phrases where no open model says otherwise."""

_OUTSIDE = -1
"""Place of a word that continues no sentence."""


class PhraseMixture:
    """The :class:`LanguageModel` of a grammar in bias mode.

    A state is a pair: the open model's state, and the place in the phrases. One thread owns it.
    """

    def __init__(
        self,
        name: str,
        alphabet: Alphabet,
        walker: Walker,
        words: frozenset[str],
        language: LanguageModel | None,
        weight: float = DEFAULT_WEIGHT,
    ) -> None:
        self._id = f"{name}+{language.id}" if language else name
        self._alphabet = alphabet
        self._walker = walker
        self._words = words
        self._language = language
        self._weight = weight if language else 1.0
        self._steps: dict[tuple[int, str], tuple[float, int]] = {}
        self._pairs: dict[int, tuple[int, int]] = {}
        self._numbers: dict[tuple[int, int], int] = {}
        self._next = 0
        self._start = self._number(language.start() if language else 0, walker.start)

    @property
    def id(self) -> str:
        """The phrases' name, joined to the open model's."""
        return self._id

    @property
    def order(self) -> int:
        """The open model's; the phrases alone look back as far as their sentence begins."""
        return self._language.order if self._language else 2

    def start(self) -> int:
        """The state at the beginning of an utterance."""
        return self._start

    def alike(self, states: NDArray[np.int32]) -> NDArray[np.int64]:
        """Same numbers where the open model's are and the place is, too."""
        opens, places = np.array([self._pairs[state] for state in states.tolist()]).T
        if self._language:
            opens = self._language.alike(opens.astype(np.int32))
        return both_alike(opens, places)

    def knows(self, word: str) -> bool:
        """Whether the phrases or the open model have the word."""
        return word in self._words or (self._language is not None and self._language.knows(word))

    def release(self, keep: Collection[int] = ()) -> None:
        """Forget all states but the start and those in ``keep``."""
        kept = {self._start, *keep}
        self._pairs = {number: self._pairs[number] for number in kept}
        self._numbers = {pair: number for number, pair in self._pairs.items()}
        if self._language:
            self._language.release({state for state, _ in self._pairs.values()})

    def score(
        self, states: Sequence[int], words: Sequence[str]
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Natural-log probabilities and next states, as :class:`LanguageModel` says."""
        pairs = [self._pairs[state] for state in states]
        steps = [self._step(place, word) for (_, place), word in zip(pairs, words, strict=True)]
        phrases = np.array([share for share, _ in steps], np.float64)
        if self._language:
            logs, nexts = self._language.score([state for state, _ in pairs], words)
            known = logs > UNKNOWN_WORD
            mixed = (1 - self._weight) * np.exp(np.where(known, logs, -np.inf), dtype=np.float64)
            onward = nexts.tolist()
        else:
            mixed = np.where(phrases > 0, 0.0, OTHER_WORD)
            onward = [0] * len(words)
        mixed = mixed + self._weight * phrases
        scores = np.full(len(words), UNKNOWN_WORD, np.float32)
        np.log(mixed, out=scores, where=mixed > 0, casting="same_kind")
        numbers = [
            self._number(state, place) for state, (_, place) in zip(onward, steps, strict=True)
        ]
        return scores, np.array(numbers, np.int32)

    def _number(self, state: int, place: int) -> int:
        pair = (state, place)
        number = self._numbers.get(pair)
        if number is None:
            number = self._numbers[pair] = self._next
            self._pairs[number] = pair
            self._next += 1
        return number

    def _step(self, place: int, word: str) -> tuple[float, int]:
        """Probability of a word among the phrases, and the place after it."""
        if word not in self._words:
            return 0.0, _OUTSIDE
        known = self._steps.get((place, word))
        if known is None:
            known = self._steps[place, word] = self._fresh_step(place, word)
        return known

    def _fresh_step(self, place: int, word: str) -> tuple[float, int]:
        codes = self._alphabet.encode(word)
        assert codes is not None, "words of the phrases are spelled in the alphabet"
        begin, walker = self._walker.start, self._walker
        begun = walker.step(begin, codes)
        continued = None if place in (_OUTSIDE, begin) else walker.step(place, codes)
        begun_ends = begun is not None and self._ends(begun)
        continued_ends = continued is not None and self._ends(continued)
        inside = place not in (_OUTSIDE, begin)
        # What cannot be continued leaves its share to what can be begun.
        begin_share = BEGIN if inside else BEGIN + CONTINUE
        share = ANY / len(self._words)
        if begun_ends:
            share += begin_share / walker.word_count(begin)
        if continued is not None and continued_ends:
            return share + CONTINUE / walker.word_count(place), self._after(continued)
        return share, self._after(begun) if begun is not None and begun_ends else _OUTSIDE

    def _ends(self, state: int) -> bool:
        return self._walker.accepts(state) or self._after(state) != _OUTSIDE

    def _after(self, state: int) -> int:
        """The place after the space that ends a word; outside when the sentence is complete."""
        after = self._walker.step(state, [self._walker.space])
        return _OUTSIDE if after is None else after
