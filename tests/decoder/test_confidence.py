"""Confidence from its signs."""

import math
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_service.decoder.confidence import Calibration, Evidence, Judge, Signs, Weights
from stt_service.errors import ModelError

SIGNS = st.builds(Signs, st.floats(0, 1), st.floats(-50, 0), st.floats(-50, 0))


@given(signs=SIGNS, weights=st.builds(Weights, *[st.floats(-1e3, 1e3)] * 4))
def test_confidence_is_a_probability(signs, weights):
    """Whatever the weights and signs, it lies between 0 and 1."""
    assert 0 <= weights.confidence(signs) <= 1


@given(signs=SIGNS, less=st.floats(0.01, 5))
def test_worse_signs_lower_the_default_confidence(signs, less):
    """Less probable letters never make a word surer."""
    for weights in (Calibration().word, Calibration().utterance):
        worse = Signs(signs.posterior, signs.emission - less, signs.margin)
        further = Signs(signs.posterior, signs.emission, signs.margin - less)
        assert weights.confidence(worse) <= weights.confidence(signs)
        assert weights.confidence(further) <= weights.confidence(signs)


def test_clear_speech_is_sure_and_guesses_are_not():
    """The defaults spread what they are given."""
    word = Calibration().word
    assert word.confidence(Signs(1.0, -0.05, 0.0)) > 0.95
    assert word.confidence(Signs(0.2, -2.5, -1.5)) < 0.2


def test_a_card_may_give_some_of_the_numbers():
    """What is left out keeps its default."""
    read = Calibration.from_mapping({"word": {"bias": 2}, "strict": {"accept_from": 0.3}})
    assert read.word == Weights(2.0, *[getattr(Calibration().word, n) for n in NAMES])
    assert read.strict == replace(Calibration().strict, accept_from=0.3)
    assert read.utterance == Calibration().utterance
    assert Calibration.from_mapping({}) == Calibration()


NAMES = ("posterior", "emission", "margin")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"words": {}}, "no key 'words'"),
        ({"word": {"bas": 1}}, "calibration.word has no key 'bas'"),
        ({"word": {"bias": "1"}}, "word.bias is not a number: '1'"),
        ({"word": 3}, "calibration.word is not a table"),
        ({"strict": {"accept_from": float("nan")}}, "strict.accept_from is not a number"),
        ({"open": {"slack": True}}, "open.slack is not a number"),
    ],
)
def test_a_card_that_is_wrong_is_refused_by_name(values, said):
    """The message names the key."""
    with pytest.raises(ModelError, match=said):
        Calibration.from_mapping(values)


NEAR = Evidence(0.1, 0.99, -0.1, 0.95, 12, 0.9)
FAR = Evidence(2.5, 0.3, -3.5, 0.2, 12, 4.0)


@pytest.mark.parametrize("judge", [Calibration().strict, Calibration().open])
def test_the_default_judges_tell_clear_commands_from_what_was_forced(judge):
    """For models without numbers of their own."""
    assert judge.probability(NEAR) > judge.accept_from > judge.probability(FAR)


def test_a_judge_weighs_what_the_evidence_says():
    """Each weight goes with its own feature, whatever the sizes."""
    names = [one.name for one in fields(Judge)][1:-1]
    for i, name in enumerate(names):
        alone = Judge(**{one.name: 0.0 for one in fields(Judge)} | {name: 1.0})
        expected = 1 / (1 + math.exp(-NEAR.features()[i]))
        assert alone.probability(NEAR) == pytest.approx(expected)


def test_extreme_evidence_is_bounded():
    """Infinities and nothing at all give probabilities, not faults."""
    worst = Evidence(math.inf, 0.0, -math.inf, 0.0, 0, 0.0)
    assert 0 <= Calibration().strict.probability(worst) < 0.01
