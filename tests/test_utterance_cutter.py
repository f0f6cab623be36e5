"""Detector, segmenter and aligner together: what they are fed in does not matter."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stt_service.segmenter import SpeechAudio, SpeechEnded
from stt_service.utterance_cutter import UtteranceCutter
from stt_service.vad.api import Vad
from tests.test_segmenter import FRAME, RATE, SETTINGS


class LoudIsSpeech(Vad):
    """A detector for tests: positive samples are speech."""

    rate = RATE
    frame = FRAME

    def is_speech(self, frame):
        return bool(frame[0] > 0)

    def reset(self):
        """Nothing to forget."""


def test_a_finished_cutter_begins_anew():
    """The second recording's clock starts at 0 again."""
    cutter = UtteranceCutter(LoudIsSpeech(), SETTINGS)
    loud = np.ones(200, np.int16)
    first = cutter.feed(loud) + cutter.finish()
    assert [type(event) for event in first] == [
        type(event) for event in cutter.feed(loud) + cutter.finish()
    ]
    assert isinstance(first[-1], SpeechEnded)
    assert first[-1].end == 200


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 120)), max_size=20),
    st.lists(st.integers(1, 77), min_size=1, max_size=8),
)
def test_the_cut_of_the_chunks_does_not_matter(runs, sizes):
    """A cutter finds the same utterances whatever chunks it is fed."""
    audio = np.concatenate(
        [np.zeros(0, np.int16)] + [np.full(n, 1 if flag else -1, np.int16) for flag, n in runs]
    )

    def cut(chunks):
        cutter = UtteranceCutter(LoudIsSpeech(), SETTINGS)
        events = [event for chunk in chunks for event in cutter.feed(chunk)] + cutter.finish()
        return [
            (type(event), event.samples.tolist() if isinstance(event, SpeechAudio) else event)
            for event in events
        ]

    chunks, at = [], 0
    while at < len(audio):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(audio[at : at + size])
        at += size
    assert cut(chunks) == cut([audio])


def test_a_cut_in_one_recording_is_forgotten_in_the_next():
    """Where the first was cut for its length, the second's sound begins on a frame all the same."""
    cutter = UtteranceCutter(LoudIsSpeech(), SETTINGS)
    loud = np.full(600, 9000, np.int16)
    cut = cutter.feed(np.concatenate((loud, np.zeros(20, np.int16)))) + cutter.finish()
    assert cut[-1] == SpeechEnded(0, 600, "length")
    quiet = np.concatenate((np.zeros(630, np.int16), loud[:100], np.zeros(200, np.int16)))
    (ended,) = [one for one in cutter.feed(quiet) if isinstance(one, SpeechEnded)]
    assert ended.start == 610
