"""What the rest of the daemon sees of listening: orders in, events out.

    order ──► Control ──► worker thread (sole owner of the engine) ──► events ──► hub
    audio of a client ──► Caller ──► the same thread ──► events to that client alone

Every method here may be called by any thread and returns at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stt_service.engine.api import ModelInfo, Samples
from stt_service.errors import SttError
from stt_service.events import Fault, Heard, Transcript


class BusyError(SttError):
    """There are as many callers as the daemon serves, or a caller is too far ahead."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a client wants of recognition; scoped to that client, or to the microphone."""

    phrases: str | tuple[Path, ...] | None = None
    """A phrase file's content, or names of the library parted by commas. Paths come from the
    settings only: no client reads files."""
    phrases_mode: str = "strict"
    """``strict`` or ``bias``."""
    hot_words: Mapping[str, float] = field(default_factory=dict)
    """Word or phrase to boost, natural-log units."""
    alternatives: int = 1
    """Length of the n-best list."""
    endpoints: bool = True
    """Cut the audio into utterances where nobody speaks; else all of it is one utterance."""


@dataclass(frozen=True, slots=True)
class State:
    """A snapshot, for late joiners and for health."""

    ready: bool
    """The model is open and the source delivers."""
    source: str
    """Name of the microphone, file or command."""
    muted: bool
    mute_reasons: tuple[str, ...]
    speaking: bool
    """An utterance is under way."""
    faults: tuple[Fault, ...]
    """Those that have not recovered."""
    model: ModelInfo | None
    scorer: str | None
    engine: str | None
    callers: int
    """Clients whose audio is being recognised."""
    counts: Mapping[str, float]
    """Counters and gauges by name, for metrics: frames, overflows, drops, seconds of speech..."""
    wishes: Wishes = field(default_factory=Wishes)
    """What the microphone is listened to for now: who changes one of them keeps the others."""


class Caller(ABC):
    """Audio that a client sends. Closing it forgets it."""

    rate: int
    """Hertz that :meth:`feed` expects: the model's."""

    @abstractmethod
    def feed(self, samples: Samples) -> None:
        """Queue mono samples. Raises :exc:`BusyError` when too much audio is waiting."""

    @abstractmethod
    def waiting(self) -> float:
        """Return the seconds of audio that wait to be recognised: clients slow down by it."""

    @abstractmethod
    def finish(self) -> None:
        """End the audio; the last final comes, then ``done`` is called with None."""

    @abstractmethod
    def close(self) -> None:
        """Forget the audio and its results. Harmless when already closed."""


@dataclass(frozen=True, slots=True)
class Recording:
    """An utterance of the microphone that has become final, with its sound."""

    transcript: Transcript
    """All that was recognised of the sound: a wake phrase at its head is still there."""
    samples: Samples
    """Mono, from the transcript's start to its end."""
    rate: int
    """Hertz."""
    overflows: int
    """Times that the source lost audio meanwhile."""
    permit: str
    """What :meth:`Tap.permit` returned when it began."""


class Tap(ABC):
    """Somebody who may want the sound of utterances too; what nobody wants is not kept."""

    @abstractmethod
    def permit(self) -> str | None:
        """Return under which permit the sound of an utterance that begins now is to be kept.

        None: not at all. Called by the worker thread for each utterance; returns at once.
        """

    @abstractmethod
    def take(self, recording: Recording) -> None:
        """Take an utterance that became final. Called by the worker thread; must not block."""

    @abstractmethod
    def counts(self) -> Mapping[str, float]:
        """Return counters and gauges for :attr:`State.counts`. Called by any thread."""


class Control(ABC):
    """The listener as the server, the bridges and the command line see it."""

    @abstractmethod
    def state(self) -> State:
        """Return what is the case now."""

    @abstractmethod
    def mute(self, reason: str) -> None:
        """Stop listening until every reason is gone. Survives a restart."""

    @abstractmethod
    def unmute(self, reason: str | None = None) -> None:
        """Take one reason away, or all of them."""

    @abstractmethod
    def pause(self, reason: str, seconds: float | None = None) -> None:
        """Like mute, for as long as something speaks: ends by itself, forgotten at a restart."""

    @abstractmethod
    def resume(self, reason: str) -> None:
        """End a pause."""

    @abstractmethod
    def listen(self) -> None:
        """Open the gate now: the next utterance counts, and half a second before it is taken along.

        Where nobody begins to speak in time, an utterance is rejected for ``silence``. Without
        effect in the mode that listens anyway.
        """

    @abstractmethod
    def wish(self, wishes: Wishes) -> None:
        """Set phrases and hot words of the microphone. Raises :exc:`SttError` for wrong ones."""

    @abstractmethod
    def open_caller(
        self,
        wishes: Wishes,
        hear: Callable[[Heard], None],
        done: Callable[[SttError | None], None],
    ) -> Caller:
        """Recognise a client's audio beside the microphone.

        ``hear`` and ``done`` are called by the worker thread and must not block. Raises
        :exc:`BusyError` when too many are served, :exc:`SttError` for wrong wishes.
        """
