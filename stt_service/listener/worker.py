"""The thread that owns the engine: it recognises the microphone first, then clients in turn.

    orders ──► ┌────────┐
    Backlog ─► │ Worker │ ──► events
    lines ───► └────────┘

One piece of work at a time, each a block of the microphone or a slice of a client: the microphone
never waits for more than one slice. The worker outlives its engine: a model that is missing, or a
recogniser that fails, is a fault, and it is opened again and again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from stt_service.audio.backlog import Backlog
from stt_service.engine.api import ModelInfo, Samples, StreamOptions
from stt_service.errors import EngineError, SttError
from stt_service.events import LiveEvent, MuteChanged, UtteranceFinal, UtteranceRejected
from stt_service.listener.api import Wishes
from stt_service.listener.counts import Counts
from stt_service.listener.ear import Ear
from stt_service.listener.faults import Faults
from stt_service.listener.line import Line
from stt_service.listener.lines import Lines
from stt_service.listener.mute import MuteSwitch
from stt_service.listener.plan import Plan
from stt_service.listener.recogniser import Recogniser
from stt_service.listener.tape import Tape

logger = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
"""After which the worker looks around though nothing has happened."""


class Worker:
    """Runs in the thread that calls :meth:`run`; methods below a line say whose they are."""

    def __init__(
        self,
        plan: Plan,
        rate: int,
        *,
        backlog: Backlog,
        changed: threading.Condition,
        lines: Lines,
        mute: MuteSwitch,
        faults: Faults,
        publish: Callable[[LiveEvent], None],
        readiness: Callable[[], LiveEvent] | None = None,
        beat: Callable[[], None] = lambda: None,
        on_open: Callable[[], None] = lambda: None,
        on_end: Callable[[], None] = lambda: None,
        tape: Tape | None = None,
    ) -> None:
        """``changed`` is the condition of backlog and lines; ``rate`` in hertz that of all audio.

        ``readiness`` says whether what is said now would be recognised, which is published
        when it changes. ``beat`` is called as long as audio flows, or somebody knows why it does
        not; ``on_open`` when it was first tried to open a model; ``on_end`` when the source has
        ended and all of it has been recognised. ``tape`` keeps the sound of utterances.
        """
        self.counts = Counts()
        self.ear = Ear(rate, plan.cutter(), plan.gate())
        self.recogniser = Recogniser(
            plan, rate, ear=self.ear, lines=lines, faults=faults, tape=tape
        )
        self._tape = tape
        self._rate = rate
        self._backlog = backlog
        self._changed = changed
        self._mute = mute
        self._faults = faults
        self._publish = publish
        self._beat = beat
        self._on_open = on_open
        self._on_end = on_end
        self._orders: deque[Callable[[], None]] = deque()
        self._lines = lines
        self._pending: Plan | None = None
        self._told = MuteChanged(muted=False, reasons=())
        self._readiness = readiness
        self._ready: LiveEvent | None = None
        self._ended = False
        self._deadline: float | None = None

    # -- for any thread

    def order(self, what: Callable[[], None]) -> None:
        """Have something done by the worker's thread, before anything else."""
        with self._changed:
            self._orders.append(what)
            self._changed.notify_all()

    def listen(self) -> None:
        """Open the microphone's gate."""
        self.order(self.ear.listen)

    def wish(self, wishes: Wishes, model: ModelInfo, options: StreamOptions) -> None:
        """Listen for something else from the next utterance on.

        ``options`` are what the wishes come to with that model.
        """
        self.order(lambda: self.recogniser.wish(wishes, model, options))

    def reload(self, plan: Plan) -> None:
        """Go on with another plan once nobody speaks; audio waits meanwhile, none is lost."""

        def take() -> None:
            self._pending = plan

        self.order(take)

    def stop(self, drain: float) -> None:
        """End, the utterance under way first, which gets at most ``drain`` seconds."""
        deadline = time.monotonic() + drain

        def take() -> None:
            self._deadline = deadline

        self.order(take)

    # -- for the worker's own thread

    def run(self) -> None:
        """Work until :meth:`stop`."""
        try:
            self.recogniser.open()
            self._on_open()
            while not self._may_stop():
                self._step()
            self._tell(self.ear.cut())
        finally:
            self._lines.fail(SttError("the daemon is stopping", "Connect again in a moment"))
            self.recogniser.close()

    def _may_stop(self) -> bool:
        if self._deadline is None:
            return False
        return self._ended or not self.ear.speaking or time.monotonic() >= self._deadline

    def _step(self) -> None:
        """Do the one thing that is due first."""
        if self._orders:
            self._orders.popleft()()
        elif self._told != (now := self._mute.now()):
            self._mute_changed(now)
        elif self._readiness is not None and self._ready != (ready := self._readiness()):
            self._ready = ready
            self._publish(ready)
        elif self._pending is not None and not self.ear.speaking:
            plan, self._pending = self._pending, None
            self.recogniser.renew(plan)
        elif self.recogniser.deaf and not self.recogniser.engines.wait():
            self.recogniser.open()
        elif (samples := self._backlog.get(0)) is not None:
            self._hear(samples)
            self._beat()
        elif self._backlog.ended and not self._ended:
            self._ended = True
            self._tell(self.ear.cut())
            self._on_end()
        elif (line := self._lines.turn()) is not None:
            self._serve(line)
        else:
            self._rest()

    def _rest(self) -> None:
        seconds = IDLE_SECONDS
        if self.recogniser.deaf:
            seconds = min(seconds, self.recogniser.engines.wait())
        if self._deadline is not None:
            seconds = min(seconds, max(0.0, self._deadline - time.monotonic()))
        with self._changed:
            woken = self._changed.wait_for(self._something, seconds)
        if not woken and (self._ended or self._faults.source_is_down):
            self._beat()

    def _something(self) -> bool:
        return (
            bool(self._orders)
            or self._backlog.waiting > 0
            or (self._backlog.ended and not self._ended)
            or self._lines.ready
        )

    # -- the microphone

    def _hear(self, samples: Samples) -> None:
        begin, late, end = time.monotonic(), self._backlog.waiting, self._backlog.clock
        counts = self.counts
        muted = self._mute.muted
        self._mute.advance(len(samples))
        if muted:
            self._tell(self.ear.drop("muted"))
            self.ear.skip(end)
            counts.skipped_seconds += len(samples) / self._rate
            return
        over = self._tell(self.ear.take(samples, end))
        counts.audio_seconds += len(samples) / self._rate
        counts.busy_seconds += (took := time.monotonic() - begin)
        for _ in range(over):
            counts.result(late + took)
            self.recogniser.engines.worked()

    def _tell(self, events: Iterable[LiveEvent]) -> int:
        """Publish what the ear says, as it says it; return how many utterances are over."""
        over = 0
        try:
            for event in events:
                self.counts.finals += isinstance(event, UtteranceFinal)
                self.counts.rejected += isinstance(event, UtteranceRejected)
                self._publish(event)
                if self._tape is not None and isinstance(event, UtteranceFinal):
                    self._tape.deliver(event)
                over += isinstance(event, UtteranceFinal | UtteranceRejected)
        except EngineError as error:
            for event in self.ear.drop("fault"):
                self._publish(event)
                self.counts.rejected += isinstance(event, UtteranceRejected)
            self.recogniser.failed(error)
        if self._tape is not None:
            self._tape.forget_ended()
        return over

    def _mute_changed(self, now: MuteChanged) -> None:
        if now.muted:
            self._tell(self.ear.drop("muted"))
        self._told = now
        self._publish(now)
        try:
            self._mute.save()
        except SttError as error:
            self._faults.begin("state", error)
        else:
            self._faults.over("state", "the state folder can be written again")

    # -- clients

    def _serve(self, line: Line) -> None:
        begin = time.monotonic()
        self.counts.caller_audio_seconds += line.serve()
        self.counts.caller_busy_seconds += time.monotonic() - begin
        if line.over:
            self._lines.remove(line)
            self.recogniser.close_unused()
