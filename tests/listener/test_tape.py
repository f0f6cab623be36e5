"""The sound of utterances goes to who may have it, and stays nowhere else."""

from __future__ import annotations

import gc
from collections.abc import Mapping

import numpy as np
import pytest

from stt_service.events import UtteranceFinal, UtteranceRejected
from stt_service.hearing import Judge
from stt_service.listener.api import Recording, Tap
from stt_service.listener.gate import WakePhrase
from tests.fakes import audio
from tests.listener.conftest import RATE, SENTENCE, Stage, eventually


class Pockets(Tap):
    """Takes what it gets; permits as it is told."""

    def __init__(self, permit: str | None) -> None:
        self.answer = permit
        self.taken: list[Recording] = []

    def permit(self) -> str | None:
        return self.answer

    def take(self, recording: Recording) -> None:
        self.taken.append(recording)

    def counts(self) -> Mapping[str, float]:
        return {"saving": 1.0}


def test_a_final_comes_with_its_sound(stage: Stage) -> None:
    """From its start to its end, under the permit of its beginning."""
    tap = Pockets("yes")
    listener = stage.start(tap=tap)
    stage.source.put(SENTENCE)
    stage.source.put(audio(RATE))
    final = stage.heap.wait(UtteranceFinal)
    assert isinstance(final, UtteranceFinal)
    eventually(lambda: tap.taken)
    taken = tap.taken[0]
    assert taken.transcript == final.transcript
    assert (taken.rate, taken.permit, taken.overflows) == (RATE, "yes", 0)
    begin, end = (round(second * RATE) for second in (final.transcript.start, final.transcript.end))
    assert np.array_equal(taken.samples, np.concatenate((SENTENCE, audio(RATE)))[begin:end])
    assert listener.state().counts["saving"] == 1.0


def test_nothing_is_kept_without_a_permit(stage: Stage) -> None:
    """Not a sample of it is held by anybody when the utterance is over."""
    tap = Pockets(None)
    listener = stage.start(tap=tap)
    stage.source.put(SENTENCE)
    stage.source.put(audio(RATE))
    stage.heap.wait(UtteranceFinal)
    tape = listener._worker._tape
    assert tape is not None
    gc.collect()
    assert (tap.taken, tape._pieces, tape._ended) == ([], [], None)


def test_what_does_not_count_is_forgotten(stage: Stage) -> None:
    """Rejected utterances are nobody's training material."""
    tap = Pockets("yes")
    listener = stage.start(tap=tap, judge=Judge(min_confidence=1.1))
    stage.source.put(SENTENCE)
    stage.source.put(audio(RATE))
    stage.heap.wait(UtteranceRejected)
    tape = listener._worker._tape
    assert tape is not None
    eventually(lambda: not tape._pieces)
    assert (tap.taken, tape._ended) == ([], None)


@pytest.mark.parametrize("said", [1, 2])
def test_what_the_gate_keeps_back_is_not_handed_on(stage: Stage, said: int) -> None:
    """Without the wake phrase nothing that was said goes anywhere."""
    tap = Pockets("yes")
    listener = stage.start(tap=tap, gate=lambda: WakePhrase(("no such phrase",), 5.0, 5.0))
    for _ in range(said):
        stage.source.put(SENTENCE)
        stage.source.put(audio(RATE))
    eventually(lambda: listener.state().counts["audio_seconds_total"] >= said * 2.5)
    tape = listener._worker._tape
    assert tape is not None
    assert (tap.taken, tape._ended) == ([], None)
