"""A whole listener with fakes: real threads, a fake source, a fake engine, both at 16 kHz."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stt_service.engine.api import Samples, StreamOptions
from stt_service.errors import SttError
from stt_service.events import Level, LiveEvent, ReadyChanged
from stt_service.hearing import Judge
from stt_service.length_cutter import LengthCutter
from stt_service.listener.api import Wishes
from stt_service.listener.gate import Open
from stt_service.listener.listener import Listener
from stt_service.listener.mute import MuteSwitch
from stt_service.listener.plan import Plan
from tests.fakes import FakeEngine, FakeSource, audio, fake_cutter

RATE = 16_000
PATIENCE = 20.0
"""Seconds until a test gives up waiting; the machine may be busy."""


def seconds(*lengths: float) -> Samples:
    """Silence, sound, silence, sound..."""
    return audio(*(round(length * RATE) for length in lengths))


SENTENCE = seconds(0.5, 0.5, 0.5)
"""Sound from 0.5 s to 1.0 s."""


class Heap:
    """Collects events from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.events: list[object] = []

    def put(self, event: object) -> None:
        with self._changed:
            if not isinstance(event, Level | ReadyChanged):
                self.events.append(event)
                self._changed.notify_all()

    def wait(self, *kinds: type) -> object:
        """Return and take out the first event of one of the kinds, waiting for it."""
        return self.wait_for(lambda event: isinstance(event, kinds))

    def wait_for(self, wanted: Callable[[object], bool]) -> object:
        def found() -> object:
            return next((event for event in self.events if wanted(event)), None)

        with self._changed:
            assert self._changed.wait_for(found, PATIENCE), f"only {self.events}"
            event = found()
            self.events.remove(event)
            return event


def eventually(true: Callable[[], object]) -> None:
    """Wait until something is the case."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it never was"
        time.sleep(0.005)


class Stage:
    """A listener, what it listens to and what it says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = FakeSource()
        self.heap = Heap()
        self.engines: list[FakeEngine] = []
        self.refusals: list[SttError] = []
        """Raised, one each time, instead of opening an engine."""
        self.beats = 0
        self.plan = Plan(
            engine_key=1,
            open_engine=self._open,
            options=lambda model, wishes: StreamOptions(hot_words=wishes.hot_words),
            wishes=Wishes(),
            ear_key=1,
            cutter=lambda: fake_cutter(RATE),
            gate=Open,
            caller_cutter=lambda ends: fake_cutter(RATE) if ends else LengthCutter(RATE),
            judge=Judge(),
        )
        self.listener: Listener | None = None

    def _open(self) -> FakeEngine:
        if self.refusals:
            raise self.refusals.pop(0)
        self.engines.append(FakeEngine(RATE))
        return self.engines[-1]

    def _beat(self) -> None:
        self.beats += 1

    def publish(self, event: LiveEvent) -> None:
        self.heap.put(event)

    def start(self, **changes: object) -> Listener:
        mute = MuteSwitch(self.folder, RATE, pause_limit=10.0)
        options: dict[str, object] = {
            "callers": 2,
            "caller_backlog": 5.0,
            "beat": self._beat,
            "on_end": lambda: self.heap.put("end"),
            "on_crash": lambda: self.heap.put("crash"),
        }
        plan = replace(self.plan, **{k: v for k, v in changes.items() if hasattr(self.plan, k)})
        options |= {k: v for k, v in changes.items() if not hasattr(self.plan, k)}
        self.listener = Listener(plan, RATE, mute=mute, publish=self.publish, **options)
        self.listener.start("fake", lambda: self.source)
        return self.listener

    def stop(self) -> None:
        if self.listener is not None:
            assert self.listener.stop(1.0)
            self.listener = None


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A listener that is stopped in the end."""
    stage = Stage(tmp_path)
    yield stage
    stage.stop()
