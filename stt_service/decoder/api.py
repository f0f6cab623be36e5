"""What the beam search works with: a lexicon, a language model, a grammar; and what it returns.

Everything a decoder needs to know of a language comes as one of three things:

* a :class:`Lexicon`, an automaton over *labels*: which spellings are allowed;
* a :class:`LanguageModel`, a scored automaton over *words*, asked once at the end of each word;
* a :class:`Grammar`, phrases compiled to one of each, plus the way back from words to intent.

They are plain arrays and integers, so that the same search runs in NumPy and in C, and so that a
lexicon of a million words can stay on disk (its arrays may be views of a memory map).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from stt_service.decoder.alphabet import Alphabet

NO_STATE = -1
"""The state of an automaton that has no way on."""


@dataclass(frozen=True)
class Lexicon:
    """A deterministic automaton over labels; every allowed spelling is a path from ``start``.

    The arrays may be strided views (an OpenFst ``const`` file is read in place). Arcs of one
    state lie together and are sorted by label.
    """

    start: int
    """State at the beginning of an utterance."""
    first_arc: NDArray[np.uint32]
    """Shape (states,): index of the state's first arc."""
    arc_count: NDArray[np.uint32]
    """Shape (states,): how many arcs leave the state."""
    arc_label: NDArray[np.int32]
    """Shape (arcs,): label of the arc, plus ``label_offset``."""
    arc_target: NDArray[np.int32]
    """Shape (arcs,): state the arc leads to."""
    accepting: NDArray[np.bool_]
    """Shape (states,): an utterance (strict grammar) or a word (open lexicon) may end here."""
    label_offset: int = 0
    """1 for OpenFst dictionaries, whose label 0 is epsilon."""
    ahead: NDArray[np.float32] | None = None
    """Look-ahead, shape (states,): the natural-log probability, out of context, of the likeliest
    word that is spelled through the state; 0 at ``start``, and never more than above it. The search
    counts it before it knows the word, lest beginnings of unlikely words fill the beam. None: 0."""
    restarts: bool = True
    """True: a path that reaches an accepting state goes on from ``start`` at once, as DeepSpeech's
    dictionary does, whose words end in the space label. False: the automaton spells whole
    utterances, spaces included, and ``accepting`` marks where one may end."""


class LanguageModel(Protocol):
    """An automaton over words. States are small integers handed out by the model itself.

    The search asks for each word end of each hypothesis once and remembers the answer, so an
    implementation need not cache. One thread calls; streams of one decoder share the model.
    """

    @property
    def id(self) -> str:
        """Name in results."""

    @property
    def order(self) -> int:
        """Length of the longest n-gram."""

    def start(self) -> int:
        """The state at the beginning of a sentence. Always the same and never released."""

    def score(
        self, states: Sequence[int], words: Sequence[str]
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Score ``words[i]`` after ``states[i]``, all of one frame's word ends at once.

        Returns natural-log probabilities (:data:`UNKNOWN_WORD` for unknown words), shape (n,),
        and the states after the words, shape (n,), each >= 0. Equal questions may repeat within
        one call.
        """

    def alike(self, states: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return a number for each state, the same for those after which all goes on alike.

        Of hypotheses that are alike the search keeps the best. A model that remembers much may
        give states the same number whose scores differ little, lest the beam fill with one
        sentence's variants.
        """

    def knows(self, word: str) -> bool:
        """Whether the vocabulary has the word."""

    def release(self, keep: Collection[int] = ()) -> None:
        """Forget all states handed out so far but the start and those in ``keep``.

        Called between utterances, and now and then in a long one with the states that its
        hypotheses still use: so the states of an hour's speech need not all be held.
        """


def both_alike(these: NDArray[np.int64], those: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a number for each pair; those of different pairs differ, in all likelihood."""
    spread = these.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return np.asarray((spread + those.astype(np.uint64)).view(np.int64))


UNKNOWN_WORD = -1000.0
"""DeepSpeech's natural-log score of a word outside of the vocabulary."""


@dataclass(frozen=True)
class Scorer:
    """A language model with its lexicon and weights: what ``--scorer FILE`` names."""

    id: str
    language: LanguageModel
    lexicon: Lexicon
    alpha: float
    """Weight of the language model's natural-log probability."""
    beta: float
    """Added for each word, natural-log units."""
    as_deepspeech: bool = False
    """Searched as DeepSpeech's decoder does, which its own scorers and their weights were made for,
    so that the texts are the same."""


@dataclass(frozen=True)
class Parse:
    """What a sentence means in a grammar."""

    intent: str
    slots: dict[str, str]


class Grammar(ABC):
    """Phrases built for one alphabet."""

    id: str
    """Name in results: the phrase file's name."""
    mode: Literal["strict", "bias"]
    """``strict``: the answer is one of the sentences or a rejection. ``bias``: the sentences are
    mixed with the open language model."""
    lexicon: Lexicon
    """strict: whole utterances (``restarts`` False). bias: the words of the sentences."""

    @abstractmethod
    def parse(self, text: str) -> Parse | None:
        """Return intent and slots of a sentence; None when it is none of the phrases."""

    @abstractmethod
    def mix(self, language: LanguageModel | None) -> LanguageModel:
        """For ``bias``: the language model that mixes these sentences with an open one."""


@dataclass(frozen=True)
class Hypothesis:
    """One path of the beam search, best first in every list of them."""

    labels: tuple[int, ...]
    """Label indices, spaces included."""
    frames: tuple[int, ...]
    """The frame at which each label was emitted, counted from the start of the stream."""
    score: float
    """Natural log: acoustic probability + alpha * language + beta * words + boosts."""
    acoustic: float
    """Natural log: the acoustic part of :attr:`score` alone."""
    emissions: tuple[float, ...] = ()
    """Natural log of each label's probability at the frame in :attr:`frames`."""
    state: int = 0
    """The language model's state after the last whole word."""
    whole: bool = True
    """False when the lexicon does not let the last word end here."""


__all__ = [
    "NO_STATE",
    "UNKNOWN_WORD",
    "Alphabet",
    "Grammar",
    "Hypothesis",
    "LanguageModel",
    "Lexicon",
    "Parse",
    "Scorer",
]
