"""The listener as a whole: two threads and everything that may be asked of them.

source ──► capture thread ──► Backlog ──► worker thread ──► publish(event)
                                 ▲              ▲
                               mute          orders, clients' audio
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from stt_service.audio.api import AudioSource
from stt_service.audio.backlog import DEFAULT_SECONDS, Backlog
from stt_service.audio.resample import mono_blocks
from stt_service.engine.api import ModelInfo
from stt_service.errors import AudioError, EngineError, SttError
from stt_service.events import Fault, Heard, LiveEvent, ReadyChanged, Recovered
from stt_service.listener.api import Caller, Control, State, Tap, Wishes
from stt_service.listener.faults import Faults
from stt_service.listener.line import Line
from stt_service.listener.lines import Lines
from stt_service.listener.mute import MuteSwitch
from stt_service.listener.plan import Plan
from stt_service.listener.tape import Tape
from stt_service.listener.worker import Worker

logger = logging.getLogger(__name__)

STOP_SECONDS = 2.0
"""For threads to end beyond the time given to an utterance; they are left behind after that."""


class Listener(Control):
    """Listens until it is stopped. Any thread may call anything."""

    def __init__(
        self,
        plan: Plan,
        rate: int,
        *,
        mute: MuteSwitch,
        publish: Callable[[LiveEvent], None],
        backlog_seconds: float = DEFAULT_SECONDS,
        callers: int = 8,
        caller_backlog: float = 30.0,
        beat: Callable[[], None] = lambda: None,
        on_open: Callable[[], None] = lambda: None,
        on_end: Callable[[], None] = lambda: None,
        on_crash: Callable[[], None] = lambda: None,
        tap: Tap | None = None,
    ) -> None:
        """Nothing runs yet. ``rate`` in hertz is that of the model and of all audio within.

        ``callers`` clients are served at once, of each of which ``caller_backlog`` seconds may
        wait. ``beat`` is called while audio flows; ``on_open`` when it was first
        tried to open a model, with whatever success; ``on_end`` when the source has ended and all
        of it is recognised; ``on_crash`` when a thread has died of a mistake in the program.
        ``tap`` may have the sound of the microphone's utterances.
        """
        self._rate = rate
        self._mute = mute
        self._tap = tap
        self._caller_backlog = caller_backlog
        self._on_crash = on_crash
        self._changed = threading.Condition()
        self._backlog = Backlog(rate, seconds=backlog_seconds, changed=self._changed)
        self._lines = Lines(callers, self._changed)
        self._faults = Faults(publish)
        self._worker = Worker(
            plan,
            rate,
            backlog=self._backlog,
            changed=self._changed,
            lines=self._lines,
            mute=mute,
            faults=self._faults,
            publish=publish,
            readiness=self._readiness,
            beat=beat,
            on_open=on_open,
            on_end=on_end,
            tape=None if tap is None else Tape(tap, rate, self._overflows),
        )
        self._name = ""
        self._open_source: Callable[[], AudioSource] | None = None
        self._source: AudioSource | None = None
        self._channel: int | None = None
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()

    def start(
        self, name: str, open_source: Callable[[], AudioSource], *, channel: int | None = None
    ) -> None:
        """Begin. ``name`` is the source's until it is open; ``channel`` None mixes all.

        ``open_source`` is called by the capture thread and may block; when it raises
        :exc:`AudioError`, that is a fault.
        """
        self._name = name
        self._open_source = open_source
        self._channel = channel
        if self._mute.complaint:
            self._faults.begin("state", SttError(self._mute.complaint, "Muted: unmute it"))
        for title, run in (("recognise", self._worker.run), ("capture", self._capture)):
            thread = threading.Thread(target=self._guard, args=(run,), name=title, daemon=True)
            self._threads.append(thread)
            thread.start()

    def report(self, event: Fault | Recovered) -> None:
        """Take what a source says of its device."""
        self._faults.report(event)
        self._look()

    def stop(self, drain: float) -> bool:
        """End; the utterance under way gets ``drain`` seconds.

        Returns whether the worker has ended. A source that hangs is left behind.
        """
        worker, capture = self._threads
        self._worker.stop(drain)
        worker.join(drain + STOP_SECONDS)
        self._stopping.set()
        source = self._source
        if source is not None and source.live:
            source.close()
        else:
            self._backlog.end()  # it may be waiting for its turn
        capture.join(STOP_SECONDS if source is not None else 0)
        return not worker.is_alive()

    @property
    def deaf(self) -> bool:
        """Somebody knows already why no audio comes."""
        return self._faults.source_is_down

    def reload(self, plan: Plan) -> None:
        """Go on with another plan, from the next utterance on."""
        self._worker.reload(plan)

    def _readiness(self) -> ReadyChanged:
        source, engine = self._source, self._worker.recogniser.engines.current
        return ReadyChanged(
            ready=not self._worker.recogniser.deaf and not self._faults.source_is_down,
            source=source.format.name if source is not None else self._name,
            model=engine.model.id if engine is not None else None,
        )

    def _overflows(self) -> int:
        source = self._source
        return source.overflows if source is not None else 0

    # -- Control

    def state(self) -> State:
        worker, mute = self._worker, self._mute.now()
        engine = worker.recogniser.engines.current
        faults = self._faults.now()
        judged, voiced = worker.ear.judged, worker.ear.voiced
        ready = self._readiness()
        return State(
            ready=ready.ready,
            source=ready.source,
            muted=mute.muted,
            mute_reasons=mute.reasons,
            speaking=worker.ear.speaking,
            faults=faults,
            model=engine.model if engine is not None else None,
            scorer=engine.scorer_id if engine is not None else None,
            engine=engine.name if engine is not None else None,
            callers=len(self._lines),
            counts={
                **worker.counts.as_mapping(),
                "overflows_total": self._overflows(),
                "dropped_seconds_total": self._backlog.dropped / self._rate,
                "callers_total": self._lines.total,
                "callers_refused_total": self._lines.refused,
                "backlog_seconds": self._backlog.waiting,
                "vad_frames_total": judged,
                "vad_speech_frames_total": voiced,
                "engines_opened_total": worker.recogniser.engines.opened,
                **(self._tap.counts() if self._tap is not None else {}),
            },
            wishes=worker.recogniser.wishes,
        )

    def mute(self, reason: str) -> None:
        self._mute.mute(reason)
        self._look()

    def unmute(self, reason: str | None = None) -> None:
        self._leave_muted(lambda: self._mute.unmute(reason))

    def pause(self, reason: str, seconds: float | None = None) -> None:
        self._mute.pause(reason, seconds)
        self._look()

    def resume(self, reason: str) -> None:
        self._leave_muted(lambda: self._mute.resume(reason))

    def _leave_muted(self, change: Callable[[], None]) -> None:
        if self._mute.muted:
            self._backlog.clear()  # what was said meanwhile is heard by nobody
        change()
        self._look()

    def _look(self) -> None:
        """Have the worker look at the mute switch and at faults before anything else."""
        self._worker.order(lambda: None)

    def listen(self) -> None:
        self._worker.listen()

    def wish(self, wishes: Wishes) -> None:
        model = self._model()
        self._worker.wish(wishes, model, self._worker.recogniser.plan.options(model, wishes))

    def open_caller(
        self,
        wishes: Wishes,
        hear: Callable[[Heard], None],
        done: Callable[[SttError | None], None],
    ) -> Caller:
        worker, model = self._worker, self._model()
        options = worker.recogniser.plan.options(model, wishes)
        line = Line(
            self._rate,
            limit=self._caller_backlog,
            changed=self._changed,
            cutter=worker.recogniser.plan.caller_cutter(wishes.endpoints),
            open_hearing=lambda: worker.recogniser.hearing_for(wishes, model, options),
            hear=hear,
            done=done,
        )
        self._lines.add(line)
        return line

    def _model(self) -> ModelInfo:
        engine = self._worker.recogniser.engines.current
        if engine is None:
            raise EngineError("no model is open", "See the faults in the daemon's state")
        return engine.model

    # -- the threads

    def _capture(self) -> None:
        assert self._open_source is not None, "started with a source"
        try:
            with self._open_source() as source:
                self._source = source
                put = self._backlog.put if source.live else self._backlog.put_in_turn
                for samples in mono_blocks(source, self._rate, channel=self._channel):
                    if self._stopping.is_set():
                        return
                    put(samples)
        except AudioError as error:
            self._faults.begin("source", error)
        finally:
            self._backlog.end()

    def _guard(self, run: Callable[[], None]) -> None:
        try:
            run()
        except Exception:  # the edge of a thread: the program must not go on without it
            logger.exception("the thread %s has died", threading.current_thread().name)
            self._on_crash()
