"""One stream of audio on one engine: a cutter's events in, utterances out.

    blocks ──► cutter ──► Hearing ──► started, partials, final or rejected
                             └─ one engine stream for each utterance

What a recording, the microphone and a client's audio go through alike. Knows contracts only.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from stt_service.closing import Closing
from stt_service.engine.api import Engine, Samples, Stream, StreamOptions
from stt_service.events import (
    Heard,
    Partial,
    Transcript,
    UtteranceFinal,
    UtterancePartial,
    UtteranceRejected,
    UtteranceStarted,
)
from stt_service.segmenter import Event, SpeechAudio, SpeechStarted

PARTIAL_SECONDS = 0.1
"""Audio between two looks at what has been heard so far; a reader follows no faster."""
AFTER_SECONDS = 0.25
"""Of near silence that the engine hears after audio that stops with its last sound. A network names
a letter some frames after it was heard: of digits cut tight, two of three errors were such ends."""
AFTER_LEVEL = 3.0
"""Spread of those samples: quieter than any room, but not the zeros that no room has."""


def near_silence(rate: int) -> Samples:
    """Return what an engine is fed after the end of audio, always the same; ``rate`` in hertz."""
    noise = np.random.default_rng(0).normal(0.0, AFTER_LEVEL, int(AFTER_SECONDS * rate))
    return np.rint(noise).astype(np.int16)


class Cutter(Protocol):
    """What parts audio into utterances."""

    def feed(self, samples: Samples) -> list[Event]:
        """Take mono samples, any number of them."""

    def finish(self) -> list[Event]:
        """End the recording."""


class Listening(Protocol):
    """Who listens in on the sound of utterances, in the engine's thread."""

    def begin(self) -> None:
        """An utterance begins."""

    def feed(self, samples: Samples) -> None:
        """Take its next samples."""

    def end(self, utterance: str, transcript: Transcript) -> None:
        """It is over, and counts."""

    def drop(self) -> None:
        """It is over, and does not count."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Which results count; the recogniser's own rejection always does."""

    min_confidence: float = 0.0
    """0..1."""
    min_words_length: float = 0.0
    """Seconds from the first word's start to the last one's end."""

    def reason(self, transcript: Transcript) -> str | None:
        """Return why a transcript does not count, None when it does."""
        if transcript.rejected:
            return "rejected"
        if transcript.confidence < self.min_confidence:
            return "confidence"
        words = transcript.words
        if words and words[-1].end - words[0].start < self.min_words_length:
            return "length"
        return None


def utterance_ids() -> Iterator[str]:
    """Yield names for utterances that no other run of the program gives."""
    session = secrets.token_hex(4)
    return (f"{session}-{number}" for number in itertools.count(1))


class Hearing(Closing):
    """The utterances of one stream of audio, one after another; owned by the engine's thread."""

    def __init__(
        self,
        engine: Engine,
        options: StreamOptions,
        *,
        ids: Iterator[str],
        judge: Judge | None = None,
        partials: Callable[[], bool] = lambda: True,
        tape: Listening | None = None,
    ) -> None:
        """``options`` may be replaced between utterances; ``partials`` says whether anybody looks.

        ``ids`` names the utterances; ``tape`` gets their sound.
        """
        self.engine = engine
        self.options = options
        self.judge = judge or Judge()
        self.origin = 0
        """Samples by which the source's clock is ahead of the cutter's."""
        self._ids = ids
        self._partials = partials
        self._tape = tape
        self._rate = engine.model.sample_rate
        self._after = near_silence(self._rate)
        self._piece = max(1, int(PARTIAL_SECONDS * self._rate))
        self._stream: Stream | None = None
        self._id = ""
        self._start = 0  # sample, on the source's clock
        self._fed = 0  # samples of this utterance
        self._shown: Partial | None = None

    @property
    def speaking(self) -> bool:
        """Whether an utterance is under way."""
        return self._stream is not None

    def take(self, events: Iterable[Event]) -> Iterator[Heard]:
        """Recognise what a cutter hands on. Raises :exc:`EngineError`; then :meth:`drop`."""
        for event in events:
            if isinstance(event, SpeechStarted):
                self._id = next(self._ids)
                self._start, self._fed, self._shown = event.start + self.origin, 0, None
                self._stream = self.engine.stream(self.options)
                if self._tape is not None:
                    self._tape.begin()
                yield UtteranceStarted(self._id, self._start / self._rate)
            elif isinstance(event, SpeechAudio):
                yield from self._feed(event.samples)
            else:
                yield self._end(stopped=event.reason == "audio")

    def _feed(self, samples: Samples) -> Iterator[Heard]:
        assert self._stream is not None, "audio comes after its start"
        if self._tape is not None:
            self._tape.feed(samples)
        if not self._partials():
            self._stream.feed(samples)
            self._fed += len(samples)
            return
        while len(samples):
            taken = self._piece - self._fed % self._piece
            piece, samples = samples[:taken], samples[taken:]
            self._stream.feed(piece)
            self._fed += len(piece)
            if self._fed % self._piece:
                continue
            partial = self._stream.partial()
            if partial.text and partial != self._shown:
                self._shown = partial
                start, end = self._start, self._start + self._fed
                yield UtterancePartial(self._id, partial, end / self._rate, start / self._rate)

    def _end(self, *, stopped: bool) -> Heard:
        assert self._stream is not None, "an end comes after its start"
        if stopped:
            self._stream.feed(self._after)
        heard = _until(self._stream.finish(), self._fed / self._rate)
        transcript = _shift(heard, self._start / self._rate)
        self._stream = None
        reason = self.judge.reason(transcript)
        if self._tape is not None:
            if reason is None:
                self._tape.end(self._id, transcript)
            else:
                self._tape.drop()
        if reason is None:
            return UtteranceFinal(self._id, transcript)
        return UtteranceRejected(self._id, replace(transcript, rejected=True), reason)

    def drop(self, reason: str) -> list[Heard]:
        """End the utterance under way without a result; an event where there was one."""
        if self._stream is None:
            return []
        self.close()
        end = (self._start + self._fed) / self._rate
        return [self._nothing(self._start / self._rate, end, reason)]

    def silence(self, start: float, end: float) -> list[Heard]:
        """Return the events of an utterance in which nobody spoke; times in seconds."""
        self._id = next(self._ids)
        return [UtteranceStarted(self._id, start), self._nothing(start, end, "silence")]

    def _nothing(self, start: float, end: float, reason: str) -> UtteranceRejected:
        grammar = self.options.grammar
        nothing = Transcript(
            text="",
            confidence=0.0,
            words=(),
            alternatives=(),
            rejected=True,
            start=start,
            end=end,
            model=self.engine.model.id,
            scorer=grammar.id if grammar else self.engine.scorer_id,
            engine=self.engine.name,
        )
        return UtteranceRejected(self._id, nothing, reason)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
            if self._tape is not None:
                self._tape.drop()


def _until(transcript: Transcript, end: float) -> Transcript:
    """Let nothing end later than the audio, which has ``end`` seconds."""
    words = tuple(
        replace(word, start=min(word.start, end), end=min(word.end, end))
        for word in transcript.words
    )
    return replace(transcript, words=words, end=min(transcript.end, end))


def _shift(transcript: Transcript, seconds: float) -> Transcript:
    """Move an utterance's own times to the source's."""
    words = tuple(
        replace(word, start=word.start + seconds, end=word.end + seconds)
        for word in transcript.words
    )
    return replace(
        transcript, words=words, start=transcript.start + seconds, end=transcript.end + seconds
    )
