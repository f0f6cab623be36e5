"""Small stand-ins that fulfil the contracts by hand."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from stt_service.audio.api import AudioFormat, AudioSource, Block
from stt_service.engine.api import Engine, ModelInfo, Samples, Stream, StreamOptions
from stt_service.errors import AudioError, EngineError
from stt_service.events import Alternative, Partial, Transcript, Word
from stt_service.segmenter import SegmenterSettings
from stt_service.utterance_cutter import UtteranceCutter
from stt_service.vad.api import Vad

HUSH = 15
"""Samples up to this one are silence: what an engine is fed after a recording is."""


class FakeStream(Stream):
    """Hears the word "loud" for each stretch of samples beyond :data:`HUSH`."""

    def __init__(self, engine: FakeEngine, options: StreamOptions) -> None:
        self._engine = engine
        self.options = options
        self._samples = np.zeros(0, np.int16)
        self.closed = False

    def feed(self, samples: Samples) -> None:
        if (samples == self._engine.poison).any():
            raise EngineError("the library failed")
        self._samples = np.concatenate((self._samples, samples))

    def _words(self) -> tuple[Word, ...]:
        edges = np.flatnonzero(np.diff(np.abs(self._samples) > HUSH, prepend=False, append=False))
        seconds = (edges / self._engine.model.sample_rate).tolist()
        return tuple(
            Word("loud", start, end, 0.5)
            for start, end in zip(seconds[::2], seconds[1::2], strict=True)
        )

    def partial(self) -> Partial:
        text = " ".join(word.word for word in self._words())
        return Partial(text, text.rpartition(" ")[0])

    def finish(self) -> Transcript:
        self.closed = True
        words = self._words()
        text = " ".join(word.word for word in words)
        return Transcript(
            text=text,
            confidence=0.25 * len(words),
            words=words,
            alternatives=(Alternative(text, 0.25 * len(words)), Alternative("other", 0.1)),
            rejected=not words,
            start=0.0,
            end=len(self._samples) / self._engine.model.sample_rate,
            model=self._engine.model.id,
            scorer=None,
            engine=self._engine.name,
        )

    def close(self) -> None:
        self.closed = True


class FakeEngine(Engine):
    """Runs at 100 Hz, so that tests are quick and times are easy to read."""

    poison = 666
    """A sample on which the library fails."""

    def __init__(self, rate: int = 100) -> None:
        self.name = "litert"
        self.model = ModelInfo("fake", tuple("loud "), rate, 0.02, 10)
        self.scorer_id = None
        self.streams: list[FakeStream] = []

    def stream(self, options: StreamOptions | None = None) -> FakeStream:
        self.streams.append(FakeStream(self, options or StreamOptions()))
        return self.streams[-1]

    def check_hot_words(self, hot_words: Mapping[str, float]) -> tuple[str, ...]:
        return tuple(word for word in hot_words if word != "loud")

    def close(self) -> None:
        for stream in self.streams:
            stream.close()


class FakeVad(Vad):
    """Hears speech in frames of a twentieth of a second that begin with another sample than 0."""

    def __init__(self, rate: int = 100) -> None:
        self.rate = rate
        self.frame = rate // 20

    def is_speech(self, frame: NDArray[np.int16]) -> bool:
        return bool(frame[0])

    def reset(self) -> None:
        """Nothing to forget."""


CUTS = SegmenterSettings(
    start_window=0.1,
    start_ratio=1.0,
    end_window=0.2,
    end_ratio=1.0,
    pre_roll=0.05,
    tail=0.05,
    min_speech=0.05,
    max_length=10.0,
    soft_length=10.0,
)
"""An utterance starts with 0.1 s of sound, ends with 0.2 s of silence, and takes 0.05 s along."""


def fake_cutter(rate: int = 100) -> UtteranceCutter:
    """Return a real cutter that goes by the samples being 0 or not."""
    return UtteranceCutter(FakeVad(rate), CUTS)


def audio(*lengths: int) -> Samples:
    """Return silence, sound, silence, sound..., each of so many samples."""
    return np.concatenate([np.full(n, 90 * (i % 2), np.int16) for i, n in enumerate(lengths)])


class FakeSource(AudioSource):
    """A live source at 16 kHz that delivers what a test puts into it; any thread may close it."""

    live = True

    def __init__(self) -> None:
        self.format = AudioFormat(16_000, 1, "fake")
        self._blocks: queue.SimpleQueue[Samples | AudioError | None] = queue.SimpleQueue()
        self.closed = False

    def put(self, samples: Samples) -> None:
        """Deliver a block."""
        self._blocks.put(samples)

    def fail(self, error: AudioError) -> None:
        """Break off."""
        self._blocks.put(error)

    def end(self) -> None:
        """Deliver no more."""
        self._blocks.put(None)

    def blocks(self) -> Iterator[Block]:
        while (block := self._blocks.get()) is not None:
            if isinstance(block, AudioError):
                raise block
            yield block[:, np.newaxis]

    def close(self) -> None:
        self.closed = True
        self.end()
