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
