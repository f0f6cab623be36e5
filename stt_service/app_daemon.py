"""The composition root's part for the daemon: it starts in order, and stops in reverse.

    locks ──► hub ──► listener ──► signals, until one of them ends it

The main thread does nothing but wait: for signals, for the source's end, for faults to tell
systemd about. Listening, recognising and serving have threads of their own.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType

from stt_service.app_audio import open_named_source
from stt_service.app_listener import make_listener, make_plan, model_rate
from stt_service.app_server import start_server
from stt_service.app_store import learned_stamp, make_recorder
from stt_service.app_upload import make_sending
from stt_service.errors import SttError
from stt_service.events import Fault, LiveEvent, MuteChanged, Recovered, UtteranceFinal
from stt_service.hub import Hub
from stt_service.listener.listener import Listener
from stt_service.locks import Lock
from stt_service.notify import Notifier
from stt_service.settings import Settings

logger = logging.getLogger(__name__)

LOOK_SECONDS = 3.0
"""Between two looks at what was learned: a withdrawal reaches the recogniser within them."""
PRINT_LIMIT = 10_000
"""Events that may wait for standard output: a reader that pauses for minutes loses nothing."""
FIXED = ("source", "microphone", "server", "store", "upload", "paths")
"""Sections that a reload does not change."""
FIXED_KEYS = ("pause_limit", "callers", "caller_backlog")
"""Likewise, of the section ``listener``."""
UNHEARD = frozenset({"model", "engine"})
"""Faults because of which nothing was recognised of a source that has ended."""
UNFIT = UNHEARD | {"settings"}
"""Faults because of which nothing is recognised, when they are there from the start."""


@dataclass(frozen=True, slots=True)
class Happened:
    """What the main thread is woken for."""

    what: str
    """``signal``, ``events``, ``opened``, ``ended`` or ``crashed``."""
    number: int = 0
    """Of a signal."""


class Daemon:
    """One run of the program. Owned by the main thread."""

    def __init__(
        self,
        load: Callable[[], Settings],
        *,
        once: bool = False,
        real_time: bool = True,
        show: Callable[[UtteranceFinal], None] | None = None,
    ) -> None:
        """``load`` reads the settings, again for each reload; raises :exc:`ConfigError`.

        ``once`` ends with the source; not ``real_time`` reads recordings as fast as they are
        recognised; ``show`` is called by the main thread with each final.
        """
        self._load = load
        self._once = once
        self._real_time = real_time
        self._show = show
        self._woken: queue.SimpleQueue[Happened] = queue.SimpleQueue()
        self._hub = Hub()
        self._settings = load()
        self._learned = learned_stamp(self._settings)
        self._rate = model_rate(self._settings)

    def run(self) -> int:
        """Listen until told to stop; return the exit status.

        Raises :exc:`SttError` for settings that cannot be used and for what another instance
        holds. Everything else is a fault that is told and retried.
        """
        settings = self._settings
        with ExitStack() as stack:
            notifier = stack.enter_context(Notifier(os.environ))
            for thing in _exclusive(settings):
                stack.enter_context(Lock(settings.paths.runtime_dir, thing))
            recorder = make_recorder(settings)
            listener = make_listener(
                settings,
                self._rate,
                publish=self._hub.publish,
                beat=notifier.beat,
                on_open=self._waker("opened"),
                on_end=self._waker("ended"),
                on_crash=self._waker("crashed"),
                tap=recorder,
            )
            kinds = (Fault, Recovered, MuteChanged, UtteranceFinal)
            events = stack.enter_context(
                self._hub.subscribe(self._waker("events"), PRINT_LIMIT, kinds=kinds)
            )
            stack.enter_context(_signals(self._woken.put))
            recorder.start(listener.report)
            stack.enter_context(recorder)  # after the listener: what it heard last is saved too
            if (sending := make_sending(settings, listener.report)) is not None:
                stack.enter_context(sending)
            channel = settings.source.channel
            # A recorder is opened again for ever, so that it would never end.
            supervised = not (self._once and settings.source.name.startswith("cmd:"))
            listener.start(
                settings.source.name,
                lambda: open_named_source(
                    settings,
                    self._rate,
                    listener.report,
                    real_time=self._real_time,
                    supervised=supervised,
                ),
                channel=None if channel == "mix" else channel,
            )
            try:
                if settings.server.enabled:  # its libraries take the longest; audio waits for none
                    stack.enter_context(start_server(settings, self._hub, listener))
                status = self._wait(listener, notifier, lambda: self._tell(events.take()))
            finally:
                notifier.stopping()
                if not listener.stop(self._settings.listener.drain):
                    logger.warning("the recogniser did not end in time")
                self._tell(events.take())
            return status

    def _waker(self, what: str) -> Callable[[], None]:
        return lambda: self._woken.put(Happened(what))

    def _wait(self, listener: Listener, notifier: Notifier, tell: Callable[[], None]) -> int:
        while True:
            happened = self._next(listener, notifier)
            if happened.what == "signal":
                if happened.number != signal.SIGHUP:
                    return 130 if happened.number == signal.SIGINT else 0
                self._reload(listener, notifier, self._load)
            elif happened.what == "events":
                tell()
                notifier.status(_status(listener))
            elif happened.what == "opened":
                notifier.status(_status(listener))
                notifier.ready()
                logger.info("%s", _status(listener))
                if self._once and _codes(listener) & UNFIT:
                    return 1  # a script has nobody who would mend it meanwhile
            elif happened.what == "crashed":
                return 1
            elif self._once:
                return 1 if not listener.state().ready or _codes(listener) & UNHEARD else 0
            elif not listener.deaf:
                name = listener.state().source
                listener.report(Fault("source", f"{name} has ended", "Restart to hear it again"))

    def _next(self, listener: Listener, notifier: Notifier) -> Happened:
        """Wait for what happens; take over meanwhile what was learned or forgotten elsewhere."""
        while True:
            try:
                return self._woken.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                if (found := learned_stamp(self._settings)) != self._learned:
                    self._learned = found
                    self._reload(listener, notifier, lambda: self._settings)

    def _tell(self, events: list[LiveEvent]) -> None:
        for event in events:
            if isinstance(event, UtteranceFinal):
                logger.debug("%s: %s", event.utterance, event.transcript.text)
                if self._show is not None:
                    self._show(event)

    def _reload(self, listener: Listener, notifier: Notifier, load: Callable[[], Settings]) -> None:
        notifier.reloading()
        try:
            settings = load()
            listener.reload(make_plan(settings, self._rate))
        except SttError as error:
            logger.warning("nothing was reloaded: %s", error)
            listener.report(Fault("settings", error.message, error.remedy))
        else:
            fixed = unchangeable(self._settings, settings)
            self._settings = settings
            logger.info("reloaded the settings")
            if fixed:
                logger.warning("a restart is needed for %s", ", ".join(fixed))
        notifier.ready()


def unchangeable(before: Settings, after: Settings) -> list[str]:
    """Return the keys that differ and need a restart."""
    found = []
    for section, old in before:
        new = getattr(after, section)
        keys = (key for key, value in old if value != getattr(new, key))
        found += [
            f"{section}.{key}"
            for key in keys
            if section in FIXED or (section == "listener" and key in FIXED_KEYS)
        ]
    return found


def _exclusive(settings: Settings) -> Iterator[str]:
    """Yield what only one instance may use."""
    if settings.server.enabled and settings.server.port and settings.server.socket == "none":
        yield f"port {settings.server.port}"
    if settings.source.name.startswith("microphone"):
        yield settings.source.name.replace(":", " ", 1)


def _codes(listener: Listener) -> set[str]:
    """Return the codes of the faults that there are now."""
    return {fault.code for fault in listener.state().faults}


def _status(listener: Listener) -> str:
    """Say in one line how it goes."""
    state = listener.state()
    text = f"{'listening to' if state.ready else 'waiting for'} {state.source}"
    if state.muted:
        text += f", muted by {', '.join(state.mute_reasons)}"
    if state.counts.get("saving"):
        text += ", saving what is said"
    return text + "".join(f"; {fault.message}" for fault in state.faults)


@contextmanager
def _signals(put: Callable[[Happened], None]) -> Iterator[None]:
    """Turn signals into wake-ups; a second one to stop does so at once."""

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 -- as Python calls it
        if number != signal.SIGHUP:
            signal.signal(number, signal.SIG_DFL)
        put(Happened("signal", number))

    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
