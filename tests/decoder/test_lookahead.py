"""A narrow beam's two helps: looking ahead within words, and dropping what is outdone."""

from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stt_service.decoder.kernels import OUTDONE
from tests.decoder.kit import LETTERS, looking_ahead, noise, speak, task_for, word_lexicon
from tests.decoder.test_kernels import KERNELS, build, equal


@KERNELS
@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_looking_ahead_changes_no_score(kernel, seed):
    """What is counted before a word is known is taken back at its end."""
    found = []
    for setup in ("scorer", "ahead"):
        search = kernel(build(setup, 5000, seed))
        search.advance(noise(7, seed=seed))
        found.append(search.hypotheses(20, final=True))
    equal(*found)


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
