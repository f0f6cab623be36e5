"""What detector and segmenter make of a recording, in figures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_service.segmenter import SpeechEnded
from stt_service.tuning import FLOOR_DB, Cut, examine
from stt_service.utterance_cutter import UtteranceCutter
from tests.test_segmenter import FRAME, RATE, SETTINGS
from tests.test_utterance_cutter import LoudIsSpeech


def recording(*runs: tuple[bool, int]) -> np.ndarray:
    """Frames of speech at half of full scale, or of zeros."""
    return np.concatenate(
        [np.zeros(0, np.int16)] + [np.full(n * FRAME, 16384 * loud, np.int16) for loud, n in runs]
    )


def test_figures_of_a_recording() -> None:
    """One word, a pause in it, and a click that is in no utterance."""
    samples = recording((False, 10), (True, 6), (False, 6), (True, 6), (False, 40), (True, 2))
    found = examine([samples, np.zeros(3, np.int16)], LoudIsSpeech(), SETTINGS)
    assert found.cuts == (Cut(0.08, 0.32, "silence"),)
    assert found.duration == pytest.approx(0.703)
    assert found.frame_seconds == pytest.approx(0.01)
    assert found.speech_seconds == pytest.approx(0.14)
    assert found.missed_seconds == pytest.approx(0.02)
    assert found.longest_pause == pytest.approx(0.06)
    assert found.speech_db == pytest.approx(-6.02, abs=0.01)
    assert found.noise_db == FLOOR_DB
    assert found.peaks.max() == 0.5
    assert np.flatnonzero(found.inside).tolist() == list(range(8, 32))


def test_an_empty_recording_has_figures_too() -> None:
    """None where there is nothing to measure."""
    found = examine([], LoudIsSpeech(), SETTINGS)
    assert (found.duration, found.cuts, found.speech_db, found.noise_db) == (0, (), None, None)
    assert (found.speech_seconds, found.missed_seconds, found.longest_pause) == (0, 0, 0)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 30)), max_size=20), st.integers(1, 57))
def test_it_cuts_as_the_real_thing_does(runs: list[tuple[bool, int]], size: int) -> None:
    """What is shown is what would happen, however the recording arrives."""
    samples = recording(*runs)
    blocks = [samples[at : at + size] for at in range(0, len(samples), size)]
    cutter = UtteranceCutter(LoudIsSpeech(), SETTINGS)
    events = cutter.feed(samples) + cutter.finish()
    assert examine(blocks, LoudIsSpeech(), SETTINGS).cuts == tuple(
        Cut(event.start / RATE, event.end / RATE, event.reason)
        for event in events
        if isinstance(event, SpeechEnded)
    )
