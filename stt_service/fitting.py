"""What fits: the microphone that hears best, the detector for a room, the model for a board.

    quiet, spoken ──loudness──► Loudness of each microphone ──best──► the one to take
    quiet, spoken ──fit_room──► Fit: settings of detector and segmenter
    Speed, Speed, ... ──fit_model──► the largest one that keeps up

Nothing is recorded or run here; audio and figures come in, choices go out.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stt_service.audio.level import decibels
from stt_service.doctor.recognition import TIGHT
from stt_service.segmenter import SegmenterSettings
from stt_service.tuning import examine
from stt_service.vad.api import Vad

Samples = NDArray[np.int16]

FRAME_SECONDS = 0.03
"""Over which a level is taken: a vowel has several, the pause within a word one."""
RISE_DB = 10.0
"""Above the room's noise, from which a frame counts as loud: less is the noise itself."""
SPOKEN_SECONDS = 0.3
"""Of loud frames from which on somebody has spoken: shorter is a click."""
PAUSE_SECONDS = 1.2
"""Without a loud frame after which a sentence is over; longer than anybody pauses within."""
ALIKE_DB = 3.0
"""Two microphones nearer to each other are alike; the system's default is taken of them."""
QUIET_DB = -45.0
"""Level of speech below which the microphone should be turned up."""
MUCH_CLIPPED = 1e-3
"""Share of the loud samples at full scale beyond which it should be turned down."""
MISSED = 0.05
"""Share of loud frames that may lie outside of every utterance."""


@dataclass(frozen=True, slots=True)
class Loudness:
    """How a microphone heard a room and then somebody in it."""

    noise_db: float
    """Decibels below full scale: the median frame while nobody spoke."""
    speech_db: float
    """The mean of the loud frames while somebody did."""
    clipped: float
    """Share of the samples of loud frames at full scale."""
    loud: NDArray[np.bool_]
    """Of each frame while somebody spoke: whether it was loud."""

    @property
    def rise(self) -> float:
        """Decibels by which speech lies above the noise; 0 where nobody was heard."""
        return max(0.0, self.speech_db - self.noise_db) if self.loud.any() else 0.0


def loudness(quiet: Samples, spoken: Samples, rate: int) -> Loudness:
    """Compare a microphone's noise with what it heard of somebody; ``rate`` in hertz."""
    noise = _levels(quiet, rate)
    floor = float(np.median(noise)) if len(noise) else decibels(0)
    levels = _levels(spoken, rate)
    loud = levels > floor + RISE_DB
    frame = round(rate * FRAME_SECONDS)
    heard = spoken[: len(levels) * frame].reshape(-1, frame)[loud]
    energy = float(np.mean(np.square(heard, dtype=np.float64))) if heard.size else 0.0
    full = np.count_nonzero((heard == 32767) | (heard == -32768))
    return Loudness(floor, decibels(energy**0.5), full / max(1, heard.size), loud)


def has_spoken(heard: Loudness) -> bool:
    """Return whether a sentence has been said, and is over."""
    enough = np.count_nonzero(heard.loud) * FRAME_SECONDS >= SPOKEN_SECONDS
    pause = round(PAUSE_SECONDS / FRAME_SECONDS)
    return bool(enough and len(heard.loud) >= pause and not heard.loud[-pause:].any())


def best(heard: Sequence[Loudness]) -> int | None:
    """Return which microphone heard somebody best, the first one of those that are alike.

    None when none has heard anybody.
    """
    rises = [one.rise for one in heard]
    top = max(rises, default=0.0)
    if top < RISE_DB:
        return None
    return next(i for i, rise in enumerate(rises) if rise >= top - ALIKE_DB)


def advice(heard: Loudness) -> str:
    """Return what to change about a microphone; empty when nothing."""
    if heard.clipped > MUCH_CLIPPED:
        return "it clips: turn it down (`alsamixer`, F4), or speak from further away"
    if heard.rise < 1.5 * RISE_DB:
        return "the room is nearly as loud as you: move it nearer, or away from the noise"
    if heard.speech_db < QUIET_DB:
        return "it is quiet: turn it up (`alsamixer`, F4)"
    return ""


@dataclass(frozen=True, slots=True)
class Fit:
    """Settings that cut a room's sound where they should."""

    aggressiveness: int
    segmenter: SegmenterSettings
    false: int
    """Utterances found while nobody spoke."""
    pieces: int
    """Utterances made of the sentence."""
    missed: float
    """Share of its loud frames in none of them."""

    @property
    def good(self) -> bool:
        """The sentence is one utterance, whole, and nothing else is."""
        return self._cost == 0

    @property
    def _cost(self) -> float:
        # A false utterance is rejected later, a sentence in two is not understood.
        return self.false + 2 * abs(self.pieces - 1) + (self.missed if self.missed > MISSED else 0)


def fit_room(
    quiet: Samples,
    spoken: Samples,
    heard: Loudness,
    detector: Callable[[int], Vad],
    now: tuple[int, SegmenterSettings],
) -> Fit:
    """Return the settings nearest to those of ``now`` with which the sentence comes out whole.

    ``detector`` makes one of an aggressiveness; ``now`` is the aggressiveness and the segmenter's
    settings in force.
    """
    found: Fit | None = None
    for aggressiveness, segmenter in _candidates(*now):
        fit = _try(quiet, spoken, heard, detector(aggressiveness), aggressiveness, segmenter)
        if fit.good:
            return fit
        if found is None or fit._cost < found._cost:  # noqa: SLF001 -- its own class
            found = fit
    assert found is not None, "there is always the one in force"
    return found


def _candidates(
    aggressiveness: int, segmenter: SegmenterSettings
) -> Iterator[tuple[int, SegmenterSettings]]:
    """Yield what to try, the settings in force first, then what changes least."""
    ends = dict.fromkeys((segmenter.end_window, 0.8, 1.0))
    starts = dict.fromkeys((segmenter.start_ratio, 0.75, 0.9))
    levels = dict.fromkeys((aggressiveness, 3, 2, 1, 0))
    for level, start, end in itertools.product(levels, starts, ends):
        yield level, replace(segmenter, start_ratio=start, end_window=end)


def _try(
    quiet: Samples,
    spoken: Samples,
    heard: Loudness,
    vad: Vad,
    aggressiveness: int,
    segmenter: SegmenterSettings,
) -> Fit:
    false = len(examine([quiet], vad, segmenter).cuts)
    cuts = examine([spoken], vad, segmenter).cuts
    at = np.flatnonzero(heard.loud) * FRAME_SECONDS
    inside = np.zeros(len(at), bool)
    for cut in cuts:
        inside |= (at >= cut.start - FRAME_SECONDS) & (at < cut.end)
    missed = float(np.mean(~inside)) if len(at) else 0.0
    return Fit(aggressiveness, segmenter, false, len(cuts), missed)


@dataclass(frozen=True, slots=True)
class Speed:
    """How quickly a model runs here."""

    name: str
    factor: float
    """Seconds of work for each second of audio."""
    size: int
    """Bytes of the network: of two that keep up, the larger one hears more."""

    @property
    def real_time(self) -> bool:
        """It keeps up, beside everything else that the board does."""
        return self.factor <= TIGHT


def fit_model(speeds: Sequence[Speed]) -> Speed | None:
    """Return the largest model that keeps up; the fastest where none does, None without any."""
    able = [speed for speed in speeds if speed.real_time]
    if able:
        return max(able, key=lambda speed: speed.size)
    return min(speeds, key=lambda speed: speed.factor, default=None)


def _levels(samples: Samples, rate: int) -> NDArray[np.float64]:
    """Return each frame's level in decibels below full scale."""
    frame = round(rate * FRAME_SECONDS)
    whole = samples[: len(samples) - len(samples) % frame].reshape(-1, frame)
    energy = np.mean(np.square(whole, dtype=np.float64), axis=1)
    return np.array([decibels(one) for one in np.sqrt(energy)])
