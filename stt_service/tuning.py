"""What a voice detector and a segmenter make of a recording: frame by frame, and in figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stt_service.onset import OnsetAligner
from stt_service.segmenter import Segmenter, SegmenterSettings, SpeechEnded
from stt_service.vad.api import Vad

FLOOR_DB = -100.0
"""Below the least that 16 bits can hold."""
FULL_SCALE = 32768.0


@dataclass(frozen=True, slots=True)
class Cut:
    """One utterance."""

    start: float
    """Seconds; pre-roll included."""
    end: float
    """Seconds; tail included."""
    reason: str
    """Why it ended: ``silence``, ``length`` or ``audio``."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What became of one recording."""

    frame_seconds: float
    """Seconds of each frame."""
    duration: float
    """Seconds of the recording."""
    levels: NDArray[np.float32]
    """Decibels below full scale of each frame, root mean square."""
    peaks: NDArray[np.float32]
    """0..1; the loudest sample of each frame."""
    speech: NDArray[np.bool_]
    """The detector's verdict on each frame."""
    inside: NDArray[np.bool_]
    """Whether the frame went into an utterance."""
    cuts: tuple[Cut, ...]
    """The utterances in order."""

    @property
    def speech_seconds(self) -> float:
        """Seconds that the detector calls speech."""
        return float(np.count_nonzero(self.speech)) * self.frame_seconds

    @property
    def missed_seconds(self) -> float:
        """Seconds of those that are in no utterance: clicks, or words that were lost."""
        return float(np.count_nonzero(self.speech & ~self.inside)) * self.frame_seconds

    @property
    def longest_pause(self) -> float:
        """Seconds of the longest silence within an utterance, its pre-roll and tail left out."""
        longest = 0
        for cut in self.cuts:
            first, last = (round(at / self.frame_seconds) for at in (cut.start, cut.end))
            places = np.flatnonzero(self.speech[first:last])
            if len(places) > 1:
                longest = max(longest, int(np.diff(places).max()) - 1)
        return longest * self.frame_seconds

    @property
    def speech_db(self) -> float | None:
        """Median level of speech; None where there is none."""
        return _median(self.levels[self.speech])

    @property
    def noise_db(self) -> float | None:
        """Median level of everything else; None where there is nothing else."""
        return _median(self.levels[~self.speech])


def _median(levels: NDArray[np.float32]) -> float | None:
    return float(np.median(levels)) if len(levels) else None


def examine(blocks: Iterable[NDArray[np.int16]], vad: Vad, settings: SegmenterSettings) -> Examined:
    """Run a recording through detector and segmenter.

    ``blocks`` are mono at the detector's rate. What does not fill a frame at the end is cut as
    the segmenter cuts it, and left out of the figures.
    """
    segmenter, aligner = Segmenter(vad.rate, vad.frame, settings), OnsetAligner(vad.rate)
    rest = np.zeros(0, np.int16)
    levels: list[float] = []
    peaks: list[float] = []
    speech: list[bool] = []
    ended: list[SpeechEnded] = []
    for block in blocks:
        samples = np.concatenate((rest, block))
        whole = len(samples) - len(samples) % vad.frame
        for frame in samples[:whole].reshape(-1, vad.frame):
            is_speech = vad.is_speech(frame)
            wide = frame.astype(np.float64) / FULL_SCALE
            energy = float(wide @ wide) / vad.frame
            levels.append(max(FLOOR_DB, 10 * np.log10(energy)) if energy else FLOOR_DB)
            peaks.append(float(np.abs(wide).max()))
            speech.append(is_speech)
            events = aligner.align(segmenter.push(frame, is_speech=is_speech))
            ended += [event for event in events if isinstance(event, SpeechEnded)]
        rest = samples[whole:]
    events = aligner.align(segmenter.finish(rest))
    ended += [event for event in events if isinstance(event, SpeechEnded)]
    vad.reset()
    inside = np.zeros(len(speech), bool)
    for event in ended:
        inside[event.start // vad.frame : event.end // vad.frame] = True
    return Examined(
        frame_seconds=vad.frame / vad.rate,
        duration=(len(speech) * vad.frame + len(rest)) / vad.rate,
        levels=np.array(levels, np.float32),
        peaks=np.array(peaks, np.float32),
        speech=np.array(speech, bool),
        inside=inside,
        cuts=tuple(
            Cut(event.start / vad.rate, event.end / vad.rate, event.reason) for event in ended
        ),
    )
