"""A narrow beam's helps: looking ahead within words, and dropping what is outdone or far below."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stt_service.decoder.kernels import FAR_BELOW, OUTDONE
from tests.decoder.kit import LETTERS, looking_ahead, noise, speak, task_for, word_lexicon
from tests.decoder.test_kernels import KERNELS, build


@KERNELS
@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_looking_ahead_changes_no_score(kernel, seed):
    """What is counted before a word is known is taken back at its end.

    Frames are so unsure here that nothing that matters is ever far below the best.
    """
    found = []
    for setup in ("scorer", "ahead"):
        search = kernel(build(setup, 5000, seed))
        search.advance(noise(5, seed=seed, sharpness=0.5))
        found.append({one.labels: one.score for one in search.hypotheses(5, final=True)})
    assert found[1] == pytest.approx(found[0], abs=1e-6)


@KERNELS
@given(seed=st.integers(0, 1000), beam_width=st.integers(2, 400))
@settings(max_examples=30, deadline=None)
def test_what_is_outdone_is_dropped(kernel, seed, beam_width):
    """Of hypotheses from which all goes on alike only those stay that are nearly the best one.

    DeepSpeech's search keeps them.
    """
    apart = {}
    for setup in ("scorer", "deepspeech"):
        search = kernel(build(setup, beam_width, seed))
        search.advance(noise(40, seed=seed))
        alike = defaultdict(list)
        for one in search.hypotheses(beam_width, final=False):
            word = LETTERS.decode(one.labels).rpartition(" ")[2]
            alike[one.state, word].append(one.score)
        apart[setup] = max(max(scores) - min(scores) for scores in alike.values())
    assert apart["scorer"] <= OUTDONE
    assert apart["deepspeech"] > OUTDONE or beam_width < 100


@KERNELS
@given(seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_what_the_model_calls_alike_is_outdone(kernel, seed):
    """Whatever the states are: they may remember more than is worth a place in the beam."""
    search = kernel(build("alike", 400, seed))
    search.advance(noise(40, seed=seed))
    alike = defaultdict(list)
    for one in search.hypotheses(400, final=False):
        word = LETTERS.decode(one.labels).rpartition(" ")[2]
        alike[one.state % 3, word, one.labels.count(LETTERS.space) > 0].append(one.score)
    assert max(max(scores) - min(scores) for scores in alike.values()) <= OUTDONE


@KERNELS
@pytest.mark.parametrize("setup", ["scorer", "ahead", "bias"])
def test_what_is_far_below_the_best_is_dropped(kernel, setup):
    """However much room the beam has. DeepSpeech's search keeps it."""
    most = dict.fromkeys((setup, "deepspeech"), 0.0)
    for seed in range(12):
        pause = speak(LETTERS, "", sure=0.999)
        frames = np.concatenate((noise(40, seed=seed, sharpness=8), pause))
        for each in most:
            search = kernel(build(each, 3000, seed))
            search.advance(frames)
            scores = [one.score for one in search.hypotheses(3000, final=False)]
            most[each] = max(most[each], max(scores) - min(scores))
    assert most[setup] <= FAR_BELOW + 1e-6
    assert most["deepspeech"] > FAR_BELOW


@KERNELS
def test_a_beam_that_looks_ahead_is_not_led_astray(kernel):
    """The beginning of an unlikely word that sounds a little better does not crowd out a likely."""
    scores = {"ab": -1.0, "cb": -9.0}
    frames = speak(LETTERS, "ab", sure=0.99)
    frames[2] = [0.01, 0.44, 0.01, 0.53, 0.01]
    heard = []
    for lexicon in (word_lexicon(LETTERS, scores), looking_ahead(LETTERS, scores)):
        search = kernel(
            task_for(
                beam_width=1,
                lexicons=(lexicon,),
                score=lambda states, words: (
                    np.array([scores[word] for word in words], np.float32),
                    np.array(states, np.int32),
                ),
                alpha=1.0,
            )
        )
        search.advance(frames)
        heard.append(LETTERS.decode(search.hypotheses(1, final=True)[0].labels))
    assert heard == ["cb", "ab"]
