"""A listener that does what a test says, and a running server around it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from stt_service.engine.api import Samples
from stt_service.errors import PhrasesError, SttError
from stt_service.events import (
    Heard,
    MuteChanged,
    Partial,
    Transcript,
    UtteranceFinal,
    UtterancePartial,
    UtteranceStarted,
    Word,
)
from stt_service.hub import Hub
from stt_service.listener.api import BusyError, Caller, Control, State, Wishes
from stt_service.server.app import make_app
from stt_service.server.kept import Keeper
from stt_service.server.security import make_door
from stt_service.server.serve import Address, Server

TOKEN = "t0ken-to-control"
WATCH = "t0ken-to-watch-only"


def final(
    text: str = "turn on the light", utterance: str = "1", confidence: float = 0.9
) -> UtteranceFinal:
    words = tuple(
        Word(word, 0.5 * at, 0.5 * at + 0.4, confidence) for at, word in enumerate(text.split())
    )
    transcript = Transcript(
        text=text,
        confidence=confidence,
        words=words,
        alternatives=(),
        rejected=False,
        start=0.0,
        end=0.5 * len(words),
        model="fake",
        scorer=None,
        engine="litert",
    )
    return UtteranceFinal(utterance, transcript)


class FakeCaller(Caller):
    """Hears one word, ``loud``, once the audio has ended; its confidence is the loudest sample."""

    def __init__(
        self,
        control: FakeControl,
        wishes: Wishes,
        hear: Callable[[Heard], None],
        done: Callable[[SttError | None], None],
    ) -> None:
        self.rate = 16_000
        self.wishes = wishes
        self._fed: list[Samples] = []
        self.stuck = 0.0
        self.closed = threading.Event()
        self._control = control
        self._hear = hear
        self._done = done

    def feed(self, samples: Samples) -> None:
        if not self._fed:
            self._hear(UtteranceStarted("c1", 0.0))
            self._hear(UtterancePartial("c1", Partial("loud", ""), len(samples) / self.rate))
        self._fed.append(samples)

    @property
    def samples(self) -> Samples:
        return np.concatenate(self._fed) if self._fed else np.zeros(0, np.int16)

    def waiting(self) -> float:
        return self.stuck

    def finish(self) -> None:
        said = final("loud", "c1", float(np.abs(self.samples).max(initial=0)) / 32768)
        end = len(self.samples) / self.rate
        self._hear(replace(said, transcript=replace(said.transcript, end=end)))
        self._done(None)

    def close(self) -> None:
        self.closed.set()


@dataclass
class FakeControl(Control):
    """Notes what it is told. Any thread may call."""

    hub: Hub
    now: State = field(
        default_factory=lambda: State(
            ready=True,
            source="fake microphone",
            muted=False,
            mute_reasons=(),
            speaking=False,
            faults=(),
            model=None,
            scorer=None,
            engine="litert",
            callers=0,
            counts={
                "audio_seconds_total": 100.0,
                "busy_seconds_total": 4.0,
                "vad_frames_total": 10.0,
                "vad_speech_frames_total": 4.0,
                "final_latency_seconds_bucket_0.06": 1.0,
                "final_latency_seconds_bucket_inf": 2.0,
                "final_latency_seconds_sum": 0.2,
                "backlog_seconds": 0.5,
            },
        )
    )
    told: list[tuple[object, ...]] = field(default_factory=list)
    callers: list[FakeCaller] = field(default_factory=list)
    limit: int = 2

    def state(self) -> State:
        return self.now

    def mute(self, reason: str) -> None:
        self._mute((*self.now.mute_reasons, reason))

    def unmute(self, reason: str | None = None) -> None:
        left = () if reason is None else tuple(r for r in self.now.mute_reasons if r != reason)
        self._mute(left)

    def _mute(self, reasons: tuple[str, ...]) -> None:
        self.now = replace(self.now, muted=bool(reasons), mute_reasons=reasons)
        self.hub.publish(MuteChanged(bool(reasons), reasons))

    def pause(self, reason: str, seconds: float | None = None) -> None:
        self.told.append(("pause", reason, seconds))

    def resume(self, reason: str) -> None:
        self.told.append(("resume", reason))

    def listen(self) -> None:
        self.told.append(("listen",))

    def wish(self, wishes: Wishes) -> None:
        if wishes.phrases == "wrong":
            raise PhrasesError("there are no phrases wrong", "Choose others")
        self.now = replace(self.now, wishes=wishes)

    def open_caller(
        self,
        wishes: Wishes,
        hear: Callable[[Heard], None],
        done: Callable[[SttError | None], None],
    ) -> Caller:
        if sum(not caller.closed.is_set() for caller in self.callers) >= self.limit:
            raise BusyError(f"{self.limit} clients are being recognised already", "Try again later")
        caller = FakeCaller(self, wishes, hear, done)
        self.callers.append(caller)
        return caller


@dataclass
class Stage:
    """A running server and what is behind it."""

    hub: Hub
    control: FakeControl
    server: Server

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.server.port}"


@contextmanager
def running(
    *,
    port: int = 0,
    clients: int = 256,
    token: str | None = None,
    watch: str | None = None,
    path: Path | None = None,
    hosts: tuple[str, ...] = (),
    origins: tuple[str, ...] = (),
    keeper: Keeper | None = None,
) -> Iterator[Stage]:
    hub = Hub()
    control = FakeControl(hub)
    with Server(Address("127.0.0.1", port, path)) as server:
        door = make_door(
            "127.0.0.1", server.port, token=token, watch_token=watch, hosts=hosts, origins=origins
        )
        server.start(make_app(hub, control, door, clients=clients, keeper=keeper), clients=clients)
        yield Stage(hub, control, server)
