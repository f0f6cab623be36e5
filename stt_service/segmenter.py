"""Frames with a verdict each in, utterances out: where speech starts, its audio, where it ends.

No clock and no device: time is the number of samples pushed so far. What a segmenter hands on is,
for each utterance, one :class:`SpeechStarted`, the audio in order and without a gap in
:class:`SpeechAudio`, and one :class:`SpeechEnded`.

    events = segmenter.push(frame, vad.is_speech(frame))
    ...
    events = segmenter.finish()

Voice detectors are late at the first word and hasty at the last one, so an utterance takes along
some audio before its first speech (pre-roll) and after its last (tail).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stt_service.errors import ConfigError

MAX_SECONDS = 3600.0
"""Of any setting: whoever decodes an utterance may hold it whole."""

Samples = NDArray[np.int16]
Reason = Literal["silence", "length", "audio"]


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """An utterance has begun; its audio follows."""

    start: int
    """Sample; the first of the utterance, pre-roll included."""


@dataclass(frozen=True, slots=True)
class SpeechAudio:
    """The next audio of the utterance that has started."""

    samples: Samples
    """Mono, shape (n,)."""


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The utterance that started is over."""

    start: int
    """Sample; as in :class:`SpeechStarted`."""
    end: int
    """Sample; the one after the utterance's last."""
    reason: Reason
    """``silence`` followed, the ``length`` reached its limit, or the ``audio`` ended."""


Event: TypeAlias = SpeechStarted | SpeechAudio | SpeechEnded


@dataclass(frozen=True, slots=True)
class SegmenterSettings:
    """When an utterance starts and ends. Raises :exc:`ConfigError` for impossible values."""

    start_window: float = 0.24
    """Seconds looked back over to find a start."""
    start_ratio: float = 0.6
    """0..1: share of speech in the start window that starts an utterance."""
    end_window: float = 0.6
    """Seconds looked back over to find an end: the hang-over."""
    end_ratio: float = 0.9
    """0..1: share of silence in the end window that ends an utterance."""
    pre_roll: float = 0.3
    """Seconds taken along before the first speech."""
    tail: float = 0.3
    """Seconds taken along after the last speech; at most the end window has an effect."""
    min_speech: float = 0.15
    """Seconds of speech below which it was a click, and no utterance."""
    max_length: float = 20.0
    """Seconds after which an utterance is cut; the next one goes on where it ends."""
    soft_length: float = 12.0
    """Seconds after which the utterance ends at the first short pause, not to be cut in a word."""
    soft_pause: float = 0.12
    """Seconds of silence that make such a pause."""

    def __post_init__(self) -> None:
        for name in ("start_ratio", "end_ratio"):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigError(f"{name} must be above 0 and at most 1")
        for name in ("start_window", "end_window", "max_length", "soft_length", "soft_pause"):
            if not 0 < getattr(self, name) <= MAX_SECONDS:
                raise ConfigError(f"{name} must be above 0 and at most {MAX_SECONDS:g} seconds")
        for name in ("pre_roll", "tail", "min_speech"):
            if not 0 <= getattr(self, name) <= MAX_SECONDS:
                raise ConfigError(f"{name} must be 0 to {MAX_SECONDS:g} seconds")
        if self.max_length < self.min_speech + self.pre_roll + self.start_window:
            raise ConfigError(
                "max_length is too short", "It must hold pre_roll, start_window and min_speech"
            )


class Segmenter:
    """Cuts one recording or one microphone into utterances; owned by one thread."""

    def __init__(self, rate: int, frame: int, settings: SegmenterSettings | None = None) -> None:
        """``rate`` in hertz; ``frame`` samples in each frame that will be pushed."""
        settings = settings or SegmenterSettings()
        self._frame = frame

        def frames(seconds: float) -> int:
            return math.ceil(round(seconds * rate / frame, 6))

        self._tail = frames(settings.tail)
        self._min_speech = max(1, frames(settings.min_speech))
        # Rounded down, so that no utterance exceeds the limit.
        self._max_length = max(1, int(settings.max_length * rate / frame))
        self._soft_length = frames(settings.soft_length)
        self._soft_pause = frames(settings.soft_pause)
        start, end = frames(settings.start_window), frames(settings.end_window)
        self._start_need = math.ceil(round(settings.start_ratio * start, 6))
        self._end_need = math.ceil(round(settings.end_ratio * end, 6))
        self._pre_roll = frames(settings.pre_roll)
        self._history: deque[Samples] = deque(maxlen=self._pre_roll + start)
        self._starting: deque[bool] = deque(maxlen=start)
        self._ending: deque[bool] = deque(maxlen=end)
        self._reset()

    def _reset(self) -> None:
        self._clock = 0  # frames pushed
        self._history.clear()
        self._idle()

    def _idle(self) -> None:
        self._active = False
        self._announced = False  # SpeechStarted has been handed out
        self._continues = False  # the utterance before was cut for its length
        self._held: list[Samples] = []  # frames that may prove to be silence after the utterance
        self._starting.clear()
        self._ending.clear()
        self._speech = 0  # frames of speech in the utterance
        self._silence = 0  # frames since the last speech

    def push(self, frame: Samples, *, is_speech: bool) -> list[Event]:
        """Take the next frame and the detector's verdict on it."""
        if len(frame) != self._frame:
            raise ValueError(f"a frame has {self._frame} samples, not {len(frame)}")
        self._clock += 1
        if not self._active:
            return self._wait(frame, is_speech=is_speech)
        self._held.append(frame)
        self._ending.append(is_speech)
        self._speech += is_speech
        self._silence = 0 if is_speech else self._silence + 1
        # Once announced, the tail is handed out at once; nothing is announced for silence.
        sure = self._silence <= (self._tail if self._announced else 0)
        events = self._release() if sure else []
        if len(self._ending) - sum(self._ending) >= self._end_need:
            return events + self._stop("silence")
        long = self._announced and self._end - self._start >= self._soft_length
        if long and self._silence >= self._soft_pause:
            events.append(self._cut())
        return events

    def finish(self, rest: Samples | None = None) -> list[Event]:
        """End the recording, and be ready for another.

        ``rest`` is what did not fill a frame; it belongs to an utterance that has not ended.
        """
        events: list[Event] = []
        extra = 0
        goes_on = self._announced or (self._continues and self._silence == 0)
        if rest is not None and len(rest) and goes_on and not self._held:
            events = [*self._announce(), SpeechAudio(rest)]
            extra = len(rest)
        events += self._stop("audio", extra)
        self._reset()
        return events

    def _wait(self, frame: Samples, *, is_speech: bool) -> list[Event]:
        self._history.append(frame)
        self._starting.append(is_speech)
        if sum(self._starting) < self._start_need:
            return []
        flags = list(self._starting)
        reach = min(len(flags) - flags.index(True) + self._pre_roll, len(self._history))
        self._idle()
        self._held = list(self._history)[-reach:]
        self._history.clear()
        self._active = True
        self._start = self._end = self._clock - reach
        self._speech = sum(flags)
        return self._release()  # this frame tipped the balance, so it is speech

    def _announce(self) -> list[Event]:
        if self._announced:
            return []
        self._announced, self._continues = True, False
        return [SpeechStarted(self._start * self._frame)]

    def _release(self) -> list[Event]:
        """Hand out the frames held back, unless the utterance may yet prove to be a click."""
        events: list[Event] = []
        if not self._announced and not self._continues and self._speech < self._min_speech:
            return events
        while self._held:
            room = self._max_length - (self._end - self._start)
            taken, self._held = self._held[:room], self._held[room:]
            events += [*self._announce(), SpeechAudio(np.concatenate(taken))]
            self._end += len(taken)
            if self._end - self._start == self._max_length:
                events.append(self._cut())
        return events

    def _cut(self) -> SpeechEnded:
        """End the utterance for its length; the next one goes on where it ends."""
        ended = self._ended("length")
        self._start = self._end
        self._announced, self._continues = False, True
        return ended

    def _ended(self, reason: Reason, extra: int = 0) -> SpeechEnded:
        return SpeechEnded(self._start * self._frame, self._end * self._frame + extra, reason)

    def _stop(self, reason: Reason, extra: int = 0) -> list[Event]:
        events: list[Event] = [self._ended(reason, extra)] if self._announced else []
        # What was held back is the next utterance's pre-roll.
        self._history.extend(self._held)
        self._idle()
        return events
