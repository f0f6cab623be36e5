"""Phrases mixed with an open language model."""

import math
from collections.abc import Collection, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from stt_service.decoder.alphabet import Alphabet
from stt_service.decoder.api import UNKNOWN_WORD
from stt_service.decoder.phrases import PhraseGrammar, build_grammar
from stt_service.decoder.phrases.bias import ANY, BEGIN, CONTINUE, OTHER_WORD
from stt_service.decoder.phrases.walk import Walker
from stt_service.errors import PhrasesError
from tests.decoder.kit import state_after

PHRASES = "turn on the light\nturn off the light\nplay jazz"
WORDS = 7


class UniformModel:
    """Knows "the" and "cat", each with probability 1/4; its states count the words."""

    id = "uniform"
    order = 3

    def __init__(self) -> None:
        self.kept: Collection[int] | None = None

    def start(self) -> int:
        return 0

    def score(
        self, states: Sequence[int], words: Sequence[str]
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        scores = [math.log(0.25) if self.knows(word) else UNKNOWN_WORD for word in words]
        return np.array(scores, np.float32), np.array(states, np.int32) + 1

    def alike(self, states: NDArray[np.int32]) -> NDArray[np.int64]:
        return states.astype(np.int64) % 2

    def knows(self, word: str) -> bool:
        return word in ("the", "cat")

    def release(self, keep: Collection[int] = ()) -> None:
        self.kept = keep


@pytest.fixture(scope="module")
def grammar(english: Alphabet) -> PhraseGrammar:
    return build_grammar(PHRASES, english, "bias", weight=0.4)


def test_words_are_spelled_with_their_space(grammar: PhraseGrammar, english: Alphabet) -> None:
    """As DeepSpeech's dictionary: a word ends in the space label, then the next may begin."""
    assert grammar.lexicon.restarts
    spelled = {english.decode(codes) for codes in Walker(grammar.lexicon, 0).sentences()}
    assert {"turn ", "on ", "off ", "the ", "light ", "play ", "jazz "} == spelled


def test_states_are_alike_where_open_model_and_place_are(grammar: PhraseGrammar) -> None:
    """Alone and mixed: what can be continued in the phrases is not the same as what cannot."""
    for base in (UniformModel(), None):
        model = grammar.mix(base)
        sentences = ("cat turn on", "the cat turn turn on", "turn on the", "the cat cat cat")
        ends = [state_after(model, sentence) for sentence in sentences]
        one, other, further, outside = model.alike(np.array(ends, np.int32)).tolist()
        assert one == other
        assert len({one, further, outside}) == 3


def test_a_sentence_goes_on_and_another_may_begin(grammar: PhraseGrammar) -> None:
    """Each share is spread evenly over its words."""
    model = grammar.mix(UniformModel())
    start = model.start()
    (score,), (after,) = model.score([start], ["turn"])
    assert math.exp(score) == pytest.approx(0.4 * ((BEGIN + CONTINUE) / 2 + ANY / WORDS))
    scores, _ = model.score([after] * 4, ["on", "play", "the", "cat"])
    assert np.exp(scores) == pytest.approx(
        [
            0.4 * (CONTINUE / 2 + ANY / WORDS),
            0.4 * (BEGIN / 2 + ANY / WORDS),
            0.6 / 4 + 0.4 * ANY / WORDS,
            0.6 / 4,
        ]
    )


def test_a_word_that_nobody_knows_is_unknown(grammar: PhraseGrammar) -> None:
    """Neither the phrases nor the open model."""
    model = grammar.mix(UniformModel())
    (score,), _ = model.score([model.start()], ["dog"])
    assert score == UNKNOWN_WORD
    assert [model.knows(word) for word in ("dog", "cat", "jazz")] == [False, True, True]


def test_phrases_alone_leave_a_little_for_other_words(grammar: PhraseGrammar) -> None:
    """Without an open model nothing says which words there are."""
    model = grammar.mix(None)
    scores, states = model.score([model.start()] * 2, ["play", "dog"])
    assert np.exp(scores) == pytest.approx([(BEGIN + CONTINUE) / 2 + ANY / WORDS, OTHER_WORD])
    (score,), _ = model.score([states[0]], ["jazz"])
    assert math.exp(score) == pytest.approx(CONTINUE + ANY / WORDS)


def test_released_states_are_forgotten_but_for_those_kept(grammar: PhraseGrammar) -> None:
    """The start stays; the open model is told of its own states."""
    language = UniformModel()
    model = grammar.mix(language)
    _, (first, second) = model.score([model.start()] * 2, ["turn", "cat"])
    model.release([int(first)])
    assert {0, 1} == language.kept
    model.score([model.start(), first], ["the", "on"])
    with pytest.raises(KeyError):
        model.score([int(second) + 100], ["the"])


def test_the_share_of_phrases_lies_between_none_and_all(english: Alphabet) -> None:
    """At the ends one side would be deaf."""
    for weight in (0.0, 1.0, -1.0, float("nan")):
        with pytest.raises(PhrasesError, match="between 0 and 1"):
            build_grammar(PHRASES, english, "bias", weight=weight)
