"""Whose turn it is: the microphone's always, then each client's. One step at a time, no threads."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from stt_service.audio.backlog import Backlog
from stt_service.engine.api import StreamOptions
from stt_service.events import Heard, LiveEvent, UtteranceFinal, UtteranceRejected, UtteranceStarted
from stt_service.hearing import Hearing, Judge
from stt_service.listener.api import BusyError, Wishes
from stt_service.listener.faults import Faults
from stt_service.listener.gate import Open
from stt_service.listener.line import SLICE_SECONDS, Line
from stt_service.listener.lines import Lines
from stt_service.listener.mute import MuteSwitch
from stt_service.listener.plan import Plan
from stt_service.listener.worker import Worker
from tests.fakes import FakeEngine, audio, fake_cutter

RATE = 100
LIMIT = 3
"""Clients at once."""
ROOM = 2.0
"""Seconds of a client's audio that may wait."""


@dataclass
class Client:
    """A client, what it was told, and how many turns others had while it waited."""

    line: Line | None = None
    heard: list[Heard] = field(default_factory=list)
    done: list[object] = field(default_factory=list)
    fed: int = 0
    passed_over: int = 0
    finished: bool = False


class Scheduling(RuleBasedStateMachine):
    """A worker that is stepped by hand."""

    @initialize()
    def begin(self) -> None:
        changed = threading.Condition()
        self.events: list[LiveEvent] = []
        self.backlog = Backlog(RATE, seconds=1000, changed=changed)
        self.lines = Lines(LIMIT, changed)
        self.mute = MuteSwitch(Path(tempfile.mkdtemp()), RATE, pause_limit=10)
        self.changed = changed
        self.clients: list[Client] = []
        self.said = 0
        plan = Plan(
            engine_key=1,
            open_engine=FakeEngine,
            options=lambda model, wishes: StreamOptions(),
            wishes=Wishes(),
            ear_key=1,
            cutter=fake_cutter,
            gate=Open,
            caller_cutter=lambda ends: fake_cutter(),
            judge=Judge(),
        )
        self.worker = Worker(
            plan,
            RATE,
            backlog=self.backlog,
            changed=changed,
            lines=self.lines,
            mute=self.mute,
            faults=Faults(self.events.append),
            publish=self.events.append,
        )
        self.worker.recogniser.open()

    @rule(silence=st.integers(0, 40), sound=st.integers(0, 40))
    def somebody_speaks(self, silence: int, sound: int) -> None:
        if silence + sound:
            self.backlog.put(audio(silence, sound))
            self.said += silence + sound

    @rule()
    def a_client_comes(self) -> None:
        client = Client()

        def open_hearing() -> Hearing:
            return self.worker.recogniser.hearing_for(Wishes(), FakeEngine().model, StreamOptions())

        client.line = Line(
            RATE,
            limit=ROOM,
            changed=self.changed,
            cutter=fake_cutter(),
            open_hearing=open_hearing,
            hear=client.heard.append,
            done=client.done.append,
        )
        try:
            self.lines.add(client.line)
        except BusyError:
            assert len(self.lines) == LIMIT
        else:
            self.clients.append(client)

    @rule(data=st.data(), silence=st.integers(0, 60), sound=st.integers(0, 60))
    def a_client_sends(self, data: st.DataObject, silence: int, sound: int) -> None:
        open_ones = [client for client in self.clients if not client.finished]
        if open_ones and silence + sound:
            client = data.draw(st.sampled_from(open_ones))
            samples = audio(silence, sound)
            too_much = client.line.waiting() + len(samples) / RATE > ROOM
            try:
                client.line.feed(samples)
            except BusyError:
                assert too_much
            else:
                assert not too_much
                client.fed += len(samples)

    @rule(data=st.data(), politely=st.booleans())
    def a_client_goes(self, data: st.DataObject, politely: bool) -> None:
        open_ones = [client for client in self.clients if not client.finished]
        if open_ones:
            client = data.draw(st.sampled_from(open_ones))
            client.finished = True
            client.line.finish() if politely else client.line.close()

    @rule(reason=st.sampled_from("ab"), on=st.booleans())
    def the_button_is_pressed(self, reason: str, on: bool) -> None:
        self.mute.mute(reason) if on else self.mute.unmute(reason)

    @rule(times=st.integers(1, 10))
    def the_worker_works(self, times: int) -> None:
        for _ in range(times):
            if self.worker._something() or self.worker._told != self.mute.now():
                self.step()

    def step(self) -> None:
        """Do one thing, and see whether it was the right one."""
        ready = [client for client in self.clients if client.line.ready]
        waiting = {id(client): client.line.waiting() for client in ready}
        microphone = self.backlog.waiting
        mute_changed = self.worker._told != self.mute.now()
        self.worker._step()
        served = [
            client
            for client in ready
            if client.line.over or client.line.waiting() != waiting[id(client)]
        ]
        if mute_changed or microphone:
            assert served == []
            if not mute_changed:
                assert self.backlog.waiting < microphone
            return
        assert len(served) <= 1
        for client in ready:
            client.passed_over = 0 if client in served else client.passed_over + bool(served)
            assert client.passed_over < LIMIT
        for client in served:
            taken = waiting[id(client)] - client.line.waiting()
            assert taken <= SLICE_SECONDS + 1e-9 or client.line.over

    @invariant()
    def nobody_is_forgotten(self) -> None:
        if not hasattr(self, "worker"):
            return
        assert len(self.lines) == sum(not client.line.over for client in self.clients)
        for client in self.clients:
            assert len(client.done) <= 1

    def teardown(self) -> None:
        """Let it finish: every start has its end, and all audio was taken."""
        if not hasattr(self, "worker"):
            return
        for client in self.clients:
            client.line.finish()
        for _ in range(100_000):
            if not (self.worker._something() or self.worker._told != self.mute.now()):
                break
            self.step()
        list(self.worker.ear.drop("muted"))
        assert self.backlog.clock == self.said
        for events in (self.events, *(c.heard for c in self.clients if c.done)):
            begun = [one.utterance for one in events if isinstance(one, UtteranceStarted)]
            over = [
                one.utterance
                for one in events
                if isinstance(one, UtteranceFinal | UtteranceRejected)
            ]
            assert begun[: len(over)] == over
            assert len(begun) - len(over) <= (events is self.events)


TestScheduling = Scheduling.TestCase


def test_a_slice_is_all_that_the_microphone_waits_for() -> None:
    """However much a client sends at once."""
    changed = threading.Condition()
    line = Line(
        RATE,
        limit=100,
        changed=changed,
        cutter=fake_cutter(),
        open_hearing=lambda: Hearing(FakeEngine(), StreamOptions(), ids=iter("abc")),
        hear=lambda heard: None,
        done=lambda error: None,
    )
    line.feed(np.zeros(5000, np.int16))
    assert line.serve() == SLICE_SECONDS
    assert line.waiting() == 50 - SLICE_SECONDS
