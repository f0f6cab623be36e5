"""Which model hears the microphone and clients, with which wishes; and what is done when it fails.

Plan ──► Engines ──► Hearing ──► Ear (the microphone)
                └──► Hearing ──► Line (a client)
"""

from __future__ import annotations

from dataclasses import replace

from stt_service.engine.api import Engine, ModelInfo, StreamOptions
from stt_service.errors import EngineError, SttError
from stt_service.hearing import Hearing, utterance_ids
from stt_service.listener.api import Wishes
from stt_service.listener.ear import Ear
from stt_service.listener.engines import Engines
from stt_service.listener.faults import Faults
from stt_service.listener.lines import Lines
from stt_service.listener.plan import Plan
from stt_service.listener.tape import Tape


class Recogniser:
    """The engine and whoever uses it. Owned by the worker's thread."""

    def __init__(
        self,
        plan: Plan,
        rate: int,
        *,
        ear: Ear,
        lines: Lines,
        faults: Faults,
        tape: Tape | None = None,
    ) -> None:
        """Nothing is opened yet. ``rate`` in hertz is that of all audio.

        The microphone's sound goes to ``tape``; that of clients to none.
        """
        self.engines = Engines(rate)
        self.plan = plan
        """Any thread may look."""
        self.wishes = plan.wishes
        """Of the microphone; any thread may look."""
        self.deaf = True
        """The microphone's audio goes to no model; any thread may look."""
        self._ids = utterance_ids()
        self._ear = ear
        self._lines = lines
        self._faults = faults
        self._tape = tape

    def open(self) -> None:
        """Open a model where there is none, and let the ear use it; what hinders is a fault."""
        self.engines.put_off()
        if self.engines.current is None:
            try:
                self.engines.open(self.plan.open_engine)
            except SttError as error:
                self._faults.begin("model", error)
                return
        for code in ("model", "engine"):
            self._faults.over(code, "the model is open")
        self._use(self.wishes)

    def wish(self, wishes: Wishes, model: ModelInfo, options: StreamOptions) -> None:
        """Listen for something else from the next utterance on.

        ``options`` are what the wishes come to with that model.
        """
        engine = self.engines.current
        if engine is None or engine.model != model:
            self.wishes = wishes  # they are looked at again with the model that comes
        elif self._can(engine, options):
            self.wishes = wishes
            self._ear.ask(options)

    def renew(self, plan: Plan) -> None:
        """Go on with another plan; what of it cannot be done stays as it was and is a fault."""
        before = self.plan
        if plan.engine_key != before.engine_key:
            try:
                self.engines.open(plan.open_engine)
            except SttError as error:
                self._faults.begin("model", error)
                plan = replace(plan, engine_key=before.engine_key, open_engine=before.open_engine)
            else:
                self._faults.over("model", "the model is open")
        self.plan = plan
        # What a client has wished for meanwhile stays, unless the plan wishes for something new.
        wishes = self.wishes if plan.wishes == before.wishes else plan.wishes
        if plan.ear_key != before.ear_key:
            self._ear.change(plan.cutter(), plan.gate())
        if self.engines.current is None:
            self.wishes = wishes
        elif not self._use(wishes):
            self._use(self.wishes, again=True)
        self.close_unused()

    def failed(self, error: EngineError) -> None:
        """Let go of an engine that has failed. The ear's utterance has been dropped."""
        self._ear.use(None)
        self.deaf = True
        self._faults.begin("engine", error)
        self._lines.fail(error)
        self.engines.retire()
        self.close_unused()
        self.engines.put_off()

    def hearing_for(self, wishes: Wishes, model: ModelInfo, options: StreamOptions) -> Hearing:
        """Return what recognises a client's audio.

        ``options`` are what the wishes come to with that model. Raises :exc:`SttError`.
        """
        engine = self.engines.current
        if engine is None:
            raise EngineError("no model is open", "See the faults in the daemon's state")
        if engine.model != model:  # another one was opened in between
            options = self.plan.options(engine.model, wishes)
        # What a client sends was meant for us: it judges by the confidence itself.
        return Hearing(engine, options, ids=self._ids)

    def close_unused(self) -> None:
        """Close engines that nobody uses any more."""
        self.engines.close_unused(self._lines.engines())

    def close(self) -> None:
        """Let go of everything."""
        self._ear.close()
        self.engines.close()

    def _use(self, wishes: Wishes, *, again: bool = False) -> bool:
        """Let the ear use the current engine; say whether it can.

        ``again``: with wishes that have worked, so that the fault of others stays.
        """
        engine = self.engines.current
        assert engine is not None, "called with an open engine"
        try:
            options = self.plan.options(engine.model, wishes)
        except SttError as error:
            self._faults.begin("settings", error)
            return False
        if not self._can(engine, options, again=again):
            return False
        self.wishes = wishes
        judge = self.plan.judge
        self._ear.use(Hearing(engine, options, ids=self._ids, judge=judge, tape=self._tape))
        self.deaf = False
        return True

    def _can(self, engine: Engine, options: StreamOptions, *, again: bool = False) -> bool:
        """Find out what the engine cannot do now, and not when somebody speaks."""
        try:
            engine.stream(options).close()
        except SttError as error:
            self._faults.begin("settings", error)
            return False
        if not again:
            self._faults.over("settings", "the settings can be used")
        return True
