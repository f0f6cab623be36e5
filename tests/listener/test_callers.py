"""Clients whose audio is recognised beside the microphone's, with real threads."""

from __future__ import annotations

import numpy as np
import pytest

from stt_service.errors import EngineError, SttError
from stt_service.events import UtteranceFinal
from stt_service.listener.api import BusyError, Wishes
from tests.fakes import FakeEngine
from tests.listener.conftest import RATE, SENTENCE, Heap, Stage, eventually, seconds


def test_clients_get_their_own_events(stage: Stage) -> None:
    """On their own clock; the microphone's subscribers hear nothing of them."""
    listener = stage.start()
    eventually(lambda: listener.state().ready)
    heap = Heap()
    caller = listener.open_caller(Wishes(), heap.put, lambda error: heap.put(("done", error)))
    caller.feed(SENTENCE)
    final = heap.wait(UtteranceFinal)
    assert isinstance(final, UtteranceFinal)
    assert final.transcript.words[0].start == 0.5
    caller.finish()
    assert heap.wait(tuple) == ("done", None)
    assert not [event for event in stage.heap.events if isinstance(event, UtteranceFinal)]
    eventually(lambda: listener.state().callers == 0)


def test_a_client_may_want_all_of_it_as_one(stage: Stage) -> None:
    """As `transcribe` does without --vad."""
    listener = stage.start()
    eventually(lambda: listener.state().ready)
    heap = Heap()
    caller = listener.open_caller(Wishes(endpoints=False), heap.put, lambda error: None)
    caller.feed(np.concatenate((SENTENCE, SENTENCE)))
    caller.finish()
    final = heap.wait(UtteranceFinal)
    assert isinstance(final, UtteranceFinal)
    assert final.transcript.text == "loud loud"


def test_too_many_clients_and_too_much_audio_are_refused(stage: Stage) -> None:
    """Two clients with five seconds each, on this stage."""
    listener = stage.start()
    eventually(lambda: listener.state().ready)
    callers = [listener.open_caller(Wishes(), lambda h: None, lambda e: None) for _ in range(2)]
    with pytest.raises(BusyError, match="2 clients"):
        listener.open_caller(Wishes(), lambda h: None, lambda e: None)
    with pytest.raises(BusyError, match="more than 5 seconds"):
        callers[0].feed(np.zeros(6 * RATE, np.int16))
    callers[0].close()
    eventually(lambda: listener.state().callers == 1)
    listener.open_caller(Wishes(), lambda h: None, lambda e: None)
    assert listener.state().counts["callers_refused_total"] == 1


def test_a_client_whose_loop_is_closed_is_forgotten(stage: Stage) -> None:
    """Nobody else notices."""

    def gone(_: object) -> None:
        raise RuntimeError("Event loop is closed")

    listener = stage.start()
    eventually(lambda: listener.state().ready)
    caller = listener.open_caller(Wishes(), gone, gone)
    caller.feed(SENTENCE)
    eventually(lambda: listener.state().callers == 0)
    stage.source.put(SENTENCE)
    stage.heap.wait(UtteranceFinal)


def test_clients_are_told_when_the_daemon_stops(stage: Stage) -> None:
    """And when its engine fails."""
    listener = stage.start()
    eventually(lambda: listener.state().ready)
    heap = Heap()
    bad = seconds(0.5, 0.5)
    bad[-1] = FakeEngine.poison
    caller = listener.open_caller(Wishes(), heap.put, heap.put)
    caller.feed(bad)
    heap.wait(EngineError)
    listener.open_caller(Wishes(), heap.put, heap.put)
    stage.stop()
    heap.wait_for(lambda event: isinstance(event, SttError) and "stopping" in str(event))
