"""Where the first sound of an utterance lies, so that the same sound gives the same words.

A network looks at one frame every 20 ms. The same sentence, a few milliseconds later, falls on its
frames otherwise, and where it is in doubt it answers otherwise. When an utterance begins is
chance: the detector judges by a clock of its own. So each one is made to begin, by less than a
step later, where its first loud sound falls on the edge of a frame. The same samples then give the
same frames at whatever moment they come; a converter on the way leaves little to chance.

    by chance   .....|.....|..SOUND     aligned   ...|.....|.....|SOUND
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from stt_service.segmenter import Event, SpeechAudio, SpeechEnded, SpeechStarted

STEP_SECONDS = 0.02
"""From one frame to the next, in every DeepSpeech model; half of it does as well."""
GATE = 200
"""Samples up to this are the room's noise, which tells nothing: 44 dB below full scale."""
ENERGY = 2e6
"""Of what is beyond the gate, as a sum of squares: some milliseconds of a voice, not one click. A
sum passes it at the same sample through another converter, as a single loud sample may not."""

Samples = NDArray[np.int16]


def onset(samples: Samples) -> int | None:
    """Return the sample by which the first sound has been heard; None where nothing is loud."""
    beyond = np.maximum(np.abs(samples.astype(np.float64)) - GATE, 0.0)
    heard = int(np.searchsorted(np.cumsum(beyond * beyond), ENERGY))
    return heard if heard < len(samples) else None


class OnsetAligner:
    """Changes where utterances begin, on their way from a segmenter; owned by one thread."""

    def __init__(self, rate: int) -> None:
        """``rate`` in hertz."""
        self._step = round(STEP_SECONDS * rate)
        self._begins = False  # the next audio is an utterance's first
        self._start = 0
        self._cut_at = -1  # where an utterance was cut whose audio goes on in the next one

    def align(self, events: Iterable[Event]) -> list[Event]:
        """Return the same utterances, with up to a step less of what comes before their sound."""
        aligned: list[Event] = []
        for event in events:
            if isinstance(event, SpeechStarted):
                self._start, self._begins = event.start, True
            elif isinstance(event, SpeechAudio):
                aligned += self._begun(event.samples) if self._begins else [event]
            else:
                self._cut_at = event.end if event.reason == "length" else -1
                aligned.append(SpeechEnded(self._start, event.end, event.reason))
        return aligned

    def _begun(self, samples: Samples) -> list[Event]:
        """Take an utterance's first audio, all of its pre-roll and what made it one."""
        self._begins = False
        first = None if self._start == self._cut_at else onset(samples)
        lead = 0 if first is None else first % self._step
        self._start += lead
        return [SpeechStarted(self._start), SpeechAudio(samples[lead:])]
