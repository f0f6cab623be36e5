"""What one recording goes through, with a fake engine and real cutters."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from stt_service.engine.api import StreamOptions
from stt_service.errors import AudioError, EngineError
from stt_service.events import Partial
from stt_service.hearing import near_silence
from stt_service.length_cutter import LengthCutter
from stt_service.transcriber import Transcriber
from tests.fakes import HUSH, FakeEngine

LOUD, QUIET = np.full(100, 90, np.int16), np.zeros(100, np.int16)
"""A second each."""


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def transcriber(engine: FakeEngine) -> Transcriber:
    return Transcriber(engine, StreamOptions())


def test_one_utterance_is_the_result(transcriber: Transcriber) -> None:
    """Nothing is made up where there is nothing to join."""
    found = transcriber.run("a", [LOUD, QUIET], LengthCutter(100))
    assert found.segments == (found.transcript,)
    assert (found.file, found.duration) == ("a", 2.0)
    assert found.transcript.alternatives[1].text == "other"


def test_what_follows_a_recording_is_silent_and_none_of_it(transcriber: Transcriber) -> None:
    """The engine hears a little more than there is; nobody is told."""
    found = transcriber.run("a", [LOUD], LengthCutter(100))
    assert [(w.start, w.end) for w in found.transcript.words] == [(0.0, 1.0)]
    assert (found.transcript.end, found.duration) == (1.0, 1.0)
    fed = near_silence(16_000)
    assert len(fed) == 4_000
    assert 0 < np.abs(fed).max() <= HUSH


def test_words_count_from_the_recordings_first_sample(transcriber: Transcriber) -> None:
    """However often the recording is cut; confidence is weighed by words."""
    blocks = [QUIET, LOUD, QUIET, QUIET, LOUD, QUIET]
    found = transcriber.run("a", blocks, LengthCutter(100, longest=4.0))
    assert len(found.segments) == 2
    assert [(w.start, w.end) for w in found.transcript.words] == [(1.0, 2.0), (4.0, 5.0)]
    assert found.transcript.text == "loud loud"
    assert found.transcript.confidence == 0.25
    assert found.segments[0].start == 0.0
    assert found.segments[0].end == found.segments[1].start
    assert found.segments[1].end == found.transcript.end == 6.0


def test_no_utterance_is_an_empty_rejected_result(transcriber: Transcriber) -> None:
    """As when a detector finds no speech."""
    found = transcriber.run("a", [], LengthCutter(100))
    assert (found.segments, found.transcript.text, found.transcript.rejected) == ((), "", True)
    assert found.transcript.confidence == 0


def test_partials_come_while_audio_is_fed(transcriber: Transcriber) -> None:
    """A new one each time something changed, none while nothing was heard."""
    seen: list[Partial] = []
    blocks = [QUIET, LOUD, QUIET, LOUD]
    transcriber.run("a", blocks, LengthCutter(100), on_partial=seen.append)
    assert seen == [Partial("loud", ""), Partial("loud loud", "loud")]


def test_progress_is_seconds_taken(transcriber: Transcriber) -> None:
    """Block by block."""
    seen: list[float] = []
    transcriber.run("a", [QUIET, LOUD], LengthCutter(100), on_progress=seen.append)
    assert seen == [1.0, 2.0]


def test_streams_are_closed_whatever_happens(engine: FakeEngine, transcriber: Transcriber) -> None:
    """A fault of engine or audio leaves nothing open, and the next recording works."""
    bad = np.full(10, FakeEngine.poison, np.int16)
    with pytest.raises(EngineError):
        transcriber.run("a", [LOUD, bad], LengthCutter(100))

    def broken() -> Iterator[np.ndarray]:
        yield LOUD
        raise AudioError("damaged")

    with pytest.raises(AudioError):
        transcriber.run("a", broken(), LengthCutter(100))
    assert transcriber.run("a", [LOUD], LengthCutter(100)).transcript.text == "loud"
    assert [stream.closed for stream in engine.streams] == [True] * 3
