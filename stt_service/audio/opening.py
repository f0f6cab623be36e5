"""A source's name in, the source out: the one place that knows which class is behind which name."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

from stt_service.audio.api import AudioSource
from stt_service.audio.descriptor import DescriptorReader
from stt_service.audio.devices import Device, Wanted, hardware
from stt_service.audio.files import FileSource
from stt_service.audio.microphone import Microphone
from stt_service.audio.names import (
    DEFAULT_MICROPHONE,
    CommandName,
    FileName,
    MicrophoneName,
    SourceName,
)
from stt_service.audio.outage import Event
from stt_service.audio.paced import PacedSource
from stt_service.audio.pipe import PipeSource, RawFormat
from stt_service.audio.portaudio import PortAudio
from stt_service.audio.recorder import LOST_SECONDS, Recorder
from stt_service.audio.supervised import SupervisedSource


@dataclass(frozen=True, slots=True)
class Opening:
    """How a source is opened; what does not concern its kind is ignored."""

    rate: int
    """Hertz that recognition wants; supervised sources deliver it, others their own."""
    raw: RawFormat | None = None
    """What standard input or a command delivers where it is no WAV."""
    channel: int | None = None
    """The one to pick, from 0; None takes the mean of all."""
    microphone_rate: int | None = None
    """Hertz; None takes the device's own."""
    lost_after: float = 2.0
    """Seconds without a sample after which a microphone or recorder has gone."""
    silent_after: float = 0.0
    """Seconds of nothing but zeros after which it counts as failed; 0 never."""
    real_time: bool = True
    """Recordings play at real speed; else as fast as they are read."""
    supervised: bool = True
    """Microphones and recorders are opened again for ever; else their first failure is raised."""


def open_source(name: SourceName, opening: Opening, report: Callable[[Event], None]) -> AudioSource:
    """Return the source; :mod:`stt_service.audio.names` says what names mean.

    A supervised one opens its device when it is iterated, says through ``report`` what fails,
    and delivers mono at ``opening.rate``, its channel picked. Raises :exc:`AudioError` for
    others that cannot be opened.
    """
    if isinstance(name, FileName):
        file = FileSource(name.path)
        return PacedSource(file) if opening.real_time else file
    if isinstance(name, MicrophoneName):
        wanted = Wanted(name.wanted)
        return _kept(_title(name), opening, report, lambda: _microphone(wanted, opening))
    if isinstance(name, CommandName):
        return _kept(name.command[0], opening, report, lambda: _recorder(name, opening))
    return StandardInput(opening.raw)


def _title(name: MicrophoneName) -> str:
    given = "" if name.wanted == DEFAULT_MICROPHONE else f" {name.wanted}"
    return f"the microphone{given}"


def _kept(
    title: str,
    opening: Opening,
    report: Callable[[Event], None],
    open_it: Callable[[], AudioSource],
) -> AudioSource:
    if not opening.supervised:
        return open_it()
    return SupervisedSource(
        title,
        open_it,
        opening.rate,
        report=report,
        channel=opening.channel,
        silent_after=opening.silent_after,
        plugged=hardware,
    )


def _microphone(wanted: Wanted, opening: Opening) -> Microphone:
    return Microphone(
        wanted,
        rate=opening.microphone_rate,
        channel=opening.channel,
        lost_after=opening.lost_after,
    )


def _recorder(name: CommandName, opening: Opening) -> Recorder:
    patience = max(opening.lost_after, LOST_SECONDS)
    return Recorder(name.command, opening.raw, rate=opening.rate, lost_after=patience)


class StandardInput(PipeSource):
    """Standard input, which another thread may close. Owned by the thread that iterates."""

    def __init__(self, raw: RawFormat | None = None) -> None:
        """Wait for the first bytes. Raises :exc:`AudioError` as :class:`PipeSource` does."""
        self._own = DescriptorReader(os.dup(sys.stdin.fileno()), name="standard input")
        super().__init__(self._own, raw)

    def close(self) -> None:
        super().close()
        self._own.close()


def capture_devices() -> list[Device]:
    """Return all capture devices. Raises :exc:`AudioError` where PortAudio is missing."""
    with PortAudio() as library:
        return library.devices(with_rates=True)
