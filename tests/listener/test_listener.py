"""The listener with its threads: what it says, what it survives, how it ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stt_service.engine.api import StreamOptions
from stt_service.errors import AudioError, ModelError, SttError
from stt_service.events import (
    Fault,
    MuteChanged,
    ReadyChanged,
    Recovered,
    UtteranceFinal,
    UtteranceRejected,
    UtteranceStarted,
)
from stt_service.listener import worker
from stt_service.listener.api import Wishes
from stt_service.listener.gate import PushToTalk
from tests.fakes import FakeEngine
from tests.listener.conftest import RATE, SENTENCE, Heap, Stage, eventually, seconds


def test_what_is_said_is_published(stage: Stage) -> None:
    """With times on the source's clock."""
    listener = stage.start()
    stage.source.put(SENTENCE)
    final = stage.heap.wait(UtteranceFinal)
    assert isinstance(final, UtteranceFinal)
    assert [(w.word, w.start, w.end) for w in final.transcript.words] == [("loud", 0.5, 1.0)]
    state = listener.state()
    assert (state.ready, state.source, state.engine, state.faults) == (True, "fake", "litert", ())
    assert state.counts["finals_total"] == 1
    eventually(lambda: listener.state().counts["audio_seconds_total"] == 1.5)


def test_readiness_is_told_when_it_changes(stage: Stage) -> None:
    """With a model and a source; a fault of the source ends it."""
    told: list[tuple[bool, str | None]] = []
    publish = stage.publish

    def note(event: object) -> None:
        if isinstance(event, ReadyChanged):
            told.append((event.ready, event.model))
        publish(event)

    stage.publish = note
    listener = stage.start()
    eventually(lambda: told == [(True, "fake")])
    listener.report(Fault("microphone-lost", "gone"))
    eventually(lambda: told == [(True, "fake"), (False, "fake")])
    listener.report(Recovered("microphone-lost", "back"))
    eventually(lambda: told[2:] == [(True, "fake")])


def test_the_end_of_the_source_is_told_when_all_is_recognised(stage: Stage) -> None:
    """Its last utterance ends with it."""
    stage.start()
    stage.source.put(seconds(0.5, 0.5))
    stage.source.end()
    stage.heap.wait(UtteranceStarted)
    stage.heap.wait(UtteranceFinal)
    stage.heap.wait(str)


def test_a_missing_model_is_waited_for(stage: Stage) -> None:
    """Meanwhile the daemon lives, and says what is missing."""
    stage.refusals = [ModelError("no model", "Install one")]
    listener = stage.start()
    assert stage.heap.wait(Fault) == Fault("model", "no model", "Install one")
    assert not listener.state().ready
    with pytest.raises(SttError, match="no model is open"):
        listener.open_caller(Wishes(), lambda heard: None, lambda error: None)
    stage.heap.wait(Recovered)
    stage.source.put(SENTENCE)
    stage.heap.wait(UtteranceFinal)


def test_a_model_of_another_rate_is_a_fault(stage: Stage) -> None:
    """Its audio would have to be captured anew."""
    stage.start(open_engine=lambda: FakeEngine(8000))
    fault = stage.heap.wait(Fault)
    assert isinstance(fault, Fault)
    assert (fault.code, fault.remedy) == ("model", "Restart the daemon")


def test_a_failing_engine_is_opened_again(stage: Stage) -> None:
    """The utterance is over, and the next one is heard."""
    stage.start()
    bad = seconds(0.5, 0.5)
    bad[-1] = FakeEngine.poison
    stage.source.put(bad)
    rejected = stage.heap.wait(UtteranceRejected)
    assert isinstance(rejected, UtteranceRejected)
    assert rejected.reason == "fault"
    stage.heap.wait_for(lambda event: isinstance(event, Fault) and event.code == "engine")
    stage.heap.wait(Recovered)
    stage.source.put(SENTENCE)
    stage.heap.wait(UtteranceFinal)
    assert len(stage.engines) == 2


def test_wrong_phrases_are_a_fault_and_not_the_end(stage: Stage) -> None:
    """They are tried again: somebody mends the file."""
    stage.refusals = []
    wrong = [SttError("wrong phrases")]

    def options(model: object, wishes: Wishes) -> object:
        if wrong:
            raise wrong.pop()
        return stage.plan.options(model, wishes)  # type: ignore[arg-type]

    stage.start(options=options)
    assert stage.heap.wait(Fault) == Fault("settings", "wrong phrases", "")
    stage.heap.wait(Recovered)


def test_a_source_that_breaks_off_is_a_fault(stage: Stage) -> None:
    """Clients are served all the same."""
    listener = stage.start()
    stage.source.fail(AudioError("it broke"))
    assert stage.heap.wait(Fault) == Fault("source", "it broke", "")
    stage.heap.wait(str)
    heap = Heap()
    eventually(lambda: listener.state().model)
    caller = listener.open_caller(Wishes(), heap.put, heap.put)
    caller.feed(SENTENCE)
    caller.finish()
    heap.wait(UtteranceFinal)


def test_mute_ends_the_utterance_and_survives_a_restart(stage: Stage) -> None:
    """What is said while muted is heard by nobody, not later either."""
    listener = stage.start()
    stage.source.put(seconds(0.5, 0.5))
    stage.heap.wait(UtteranceStarted)
    listener.mute("button")
    rejected = stage.heap.wait(UtteranceRejected)
    assert isinstance(rejected, UtteranceRejected)
    assert rejected.reason == "muted"
    stage.heap.wait_for(lambda event: event == MuteChanged(muted=True, reasons=("button",)))
    stage.source.put(SENTENCE)
    eventually(lambda: listener.state().counts["skipped_seconds_total"] == 1.5)
    stage.stop()

    listener = stage.start()
    stage.heap.wait_for(lambda event: event == MuteChanged(muted=True, reasons=("button",)))
    listener.unmute("button")
    stage.heap.wait_for(lambda event: event == MuteChanged(muted=False, reasons=()))
    assert not [event for event in stage.heap.events if isinstance(event, UtteranceFinal)]


def test_a_pause_ends_by_the_sources_clock(stage: Stage) -> None:
    """And what comes after it is heard."""
    listener = stage.start()
    listener.pause("speaking", 1.0)
    stage.heap.wait_for(lambda event: isinstance(event, MuteChanged) and event.muted)
    stage.source.put(SENTENCE[: RATE // 2])
    stage.source.put(SENTENCE[RATE // 2 : RATE])
    stage.source.put(seconds(0.5))
    stage.heap.wait_for(
        lambda event: isinstance(event, MuteChanged) and not event.muted and not event.reasons
    )
    stage.source.put(SENTENCE)
    final = stage.heap.wait(UtteranceFinal)
    assert isinstance(final, UtteranceFinal)
    assert final.transcript.words[0].start == 2.0


def test_push_to_talk_waits_for_the_order(stage: Stage) -> None:
    """One utterance for each."""
    listener = stage.start(gate=lambda: PushToTalk(5.0))
    stage.source.put(SENTENCE)
    eventually(lambda: listener.state().counts["audio_seconds_total"] == 1.5)
    listener.listen()
    stage.source.put(SENTENCE)
    final = stage.heap.wait(UtteranceFinal)
    assert isinstance(final, UtteranceFinal)
    assert final.transcript.words[0].start == 2.0


def test_a_reload_takes_another_engine_and_loses_nothing(stage: Stage) -> None:
    """The old one ends the utterance that it began."""
    listener = stage.start()
    stage.source.put(seconds(0.5, 0.5))
    stage.heap.wait(UtteranceStarted)
    listener.reload(replace(stage.plan, engine_key=2))
    stage.source.put(seconds(0.5))
    stage.heap.wait(UtteranceFinal)
    stage.source.put(SENTENCE)
    final = stage.heap.wait(UtteranceFinal)
    assert isinstance(final, UtteranceFinal)
    assert final.transcript.words[0].start == 2.0
    assert len(stage.engines) == 2


def test_a_reload_keeps_what_a_client_has_wished_for(stage: Stage) -> None:
    """Unless the plan itself wishes for something else than before."""
    listener = stage.start()
    eventually(lambda: listener.state().ready)
    asked = Wishes(hot_words={"marvin": 2.0})
    listener.wish(asked)
    eventually(lambda: listener.state().wishes == asked)
    listener.reload(replace(stage.plan, engine_key=2))
    eventually(lambda: len(stage.engines) == 2)
    stage.source.put(SENTENCE)
    stage.heap.wait(UtteranceFinal)
    assert listener.state().wishes == asked
    planned = Wishes(hot_words={"lights": 1.0})
    listener.reload(replace(stage.plan, engine_key=2, wishes=planned))
    eventually(lambda: listener.state().wishes == planned)


def test_a_reload_that_cannot_be_done_leaves_everything_as_it_was(stage: Stage) -> None:
    """And says so."""
    listener = stage.start()
    eventually(lambda: listener.state().ready)
    stage.refusals = [ModelError("no such model")]
    listener.reload(replace(stage.plan, engine_key=2))
    assert stage.heap.wait(Fault) == Fault("model", "no such model", "")
    stage.source.put(SENTENCE)
    stage.heap.wait(UtteranceFinal)


def test_a_reload_with_wrong_phrases_goes_on_with_the_old_ones(stage: Stage) -> None:
    """On the new engine all the same."""
    wrong = Wishes(hot_words={"wrong": 1.0})

    def options(model: object, wishes: Wishes) -> StreamOptions:
        if wishes == wrong:
            raise SttError("wrong phrases")
        return StreamOptions(hot_words=wishes.hot_words)

    listener = stage.start(options=options)
    eventually(lambda: listener.state().ready)
    listener.reload(replace(stage.plan, engine_key=2, options=options, wishes=wrong))
    assert stage.heap.wait(Fault) == Fault("settings", "wrong phrases", "")
    stage.source.put(SENTENCE)
    stage.heap.wait(UtteranceFinal)
    assert len(stage.engines) == 2
    state = listener.state()
    assert (state.wishes, [fault.code for fault in state.faults]) == (Wishes(), ["settings"])


def test_wishes_of_the_microphone_count_from_the_next_utterance(stage: Stage) -> None:
    """One that is under way keeps those it began with."""
    listener = stage.start()
    stage.source.put(seconds(0.5, 0.5))
    stage.heap.wait(UtteranceStarted)
    listener.wish(Wishes(hot_words={"loud": 1.0}))
    stage.source.put(seconds(0.5))
    stage.heap.wait(UtteranceFinal)
    stage.source.put(SENTENCE)
    stage.heap.wait(UtteranceFinal)
    heard = [stream for stream in stage.engines[0].streams if stream._words()]
    assert [dict(stream.options.hot_words) for stream in heard] == [{}, {"loud": 1.0}]


def test_stopping_ends_the_utterance_first(stage: Stage) -> None:
    """With what was heard of it when its time is over."""
    listener = stage.start()
    stage.source.put(seconds(0.5, 0.5))
    stage.heap.wait(UtteranceStarted)
    assert listener.stop(0.2)
    stage.listener = None
    stage.heap.wait(UtteranceFinal)
    assert stage.source.closed


def test_the_watchdog_is_fed_by_audio_alone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence of a source that says nothing is no sign of life; one that has said why is."""
    monkeypatch.setattr(worker, "IDLE_SECONDS", 0.01)
    listener = stage.start()
    eventually(lambda: listener.state().ready)
    before = stage.beats
    assert stage.beats == before
    stage.source.put(SENTENCE)
    eventually(lambda: stage.beats > before)
    beats = stage.beats
    listener.report(Fault("microphone-lost", "gone"))
    eventually(lambda: stage.beats > beats + 3)


def test_a_mistake_in_the_program_is_not_survived_in_silence(stage: Stage) -> None:
    """Somebody restarts it."""
    stage.start(gate=lambda: None)
    stage.source.put(SENTENCE)
    assert stage.heap.wait(str) == "crash"
    stage.listener = None
