"""Audio in, utterances out: what is speech, where it starts and ends, and where its frames lie.

samples ──Vad──► verdicts ──Segmenter──► utterances ──OnsetAligner──► the same, on their frames
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stt_service.onset import OnsetAligner
from stt_service.segmenter import Event, Segmenter, SegmenterSettings
from stt_service.vad.api import Vad

Samples = NDArray[np.int16]


class UtteranceCutter:
    """A detector, a segmenter and an aligner, fed in chunks of any size; owned by one thread."""

    def __init__(self, vad: Vad, settings: SegmenterSettings | None = None) -> None:
        self._vad = vad
        self._segmenter = Segmenter(vad.rate, vad.frame, settings)
        self._aligner = OnsetAligner(vad.rate)
        self._rest: Samples = np.zeros(0, np.int16)
        self.judged = 0
        """Frames that the detector has judged since the beginning."""
        self.voiced = 0
        """Those in which it heard speech."""

    def feed(self, samples: Samples) -> list[Event]:
        """Take mono samples at the detector's rate, any number of them."""
        size = self._vad.frame
        samples = np.concatenate((self._rest, samples))
        whole = len(samples) - len(samples) % size
        self._rest = samples[whole:]
        events: list[Event] = []
        for at in range(0, whole, size):
            frame = samples[at : at + size]
            is_speech = self._vad.is_speech(frame)
            self.judged += 1
            self.voiced += is_speech
            events += self._segmenter.push(frame, is_speech=is_speech)
        return self._aligner.align(events)

    def finish(self) -> list[Event]:
        """End the recording, and be ready for another."""
        events = self._aligner.align(self._segmenter.finish(self._rest))
        self._rest = np.zeros(0, np.int16)
        self._aligner = OnsetAligner(self._vad.rate)  # the next recording's clock starts at 0
        self._vad.reset()
        return events
