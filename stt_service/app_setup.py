"""The composition root's part for the first run: microphones heard side by side, models timed.

candidates ──ears──► one thread each ──hear──► quiet and spoken audio of each microphone
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stt_service.app import model_store, open_engine
from stt_service.app_audio import capture_devices, open_named_source, voice_detector
from stt_service.app_doctor import try_engine
from stt_service.app_listener import microphone_wishes, stream_options
from stt_service.audio.resample import Samples, mono_blocks
from stt_service.closing import Closing
from stt_service.errors import AudioError, SttError
from stt_service.fitting import Fit, Loudness, Speed, fit_room, has_spoken, loudness
from stt_service.segmenter import SegmenterSettings
from stt_service.settings import Settings
from stt_service.tuning import examine

if TYPE_CHECKING:
    from stt_service.audio.api import AudioSource
    from stt_service.audio.devices import Device
    from stt_service.vad.api import Vad

RATE = 16_000
"""Hertz at which everything is compared."""
SKIP_SECONDS = 0.5
"""Of each microphone's beginning: cards click when they are opened."""
QUIET_SECONDS = 3.0
"""Of the room: a fan and a clock are in it."""
SPEAK_SECONDS = 20.0
"""Granted to say a sentence, beginning to read included."""
MAX_SECONDS = 60.0
"""Kept of each microphone."""
LATE_SECONDS = 10.0
"""By which a microphone may be behind before it is given up."""
LOOK_SECONDS = 0.25
"""Between two looks at what has been heard."""
MAX_EARS = 12
"""Opened at once: a desktop lists as many names for three microphones."""
RECORDERS = ("parec", "arecord")
"""Commands to fall back on where there is no PyAudio, the better one first."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A microphone that may be the one."""

    source: str
    """As ``source.name`` has it."""
    title: str


class Ear(Closing):
    """Records one microphone. Its thread owns the source; any other may look at :meth:`heard`."""

    def __init__(self, candidate: Candidate, source: AudioSource, channel: int | None) -> None:
        self.candidate = candidate
        self.failure = ""
        self._source = source
        self._parts: list[Samples] = []
        self._count = 0
        self._thread = threading.Thread(target=self._run, args=(channel,), daemon=True)
        self._thread.start()

    def _run(self, channel: int | None) -> None:
        try:
            for block in mono_blocks(self._source, RATE, channel=channel):
                self._parts.append(block)  # one writer, and lists are whole at any moment
                self._count += len(block)
                if self._count > MAX_SECONDS * RATE:
                    return
        except AudioError as error:
            self.failure = error.message

    def __len__(self) -> int:
        return self._count

    @property
    def ended(self) -> bool:
        """Nothing more will come."""
        return not self._thread.is_alive()

    def heard(self, start: int = 0) -> Samples:
        """Return what has been heard from a sample on."""
        return np.concatenate([np.zeros(0, np.int16), *self._parts[:]])[start:]

    def close(self) -> None:
        self._source.close()
        self._thread.join(LATE_SECONDS)


@dataclass(frozen=True, slots=True)
class Take:
    """What a microphone has heard of a room, and then of somebody."""

    candidate: Candidate
    quiet: Samples
    spoken: Samples
    loudness: Loudness


def candidates() -> list[Candidate]:
    """Return all microphones, the system's default first.

    Where there is no PyAudio, those are the recorder commands that are installed. Raises
    :exc:`AudioError` when there is neither.
    """
    try:
        devices = capture_devices()
    except AudioError:
        found = [name for name in RECORDERS if shutil.which(name)]
        if not found:
            raise
        return [Candidate(f"cmd:{name}", f"the default microphone, by {name}") for name in found]
    devices.sort(key=lambda device: not device.default)
    return [_named(device, devices) for device in devices]


def _named(device: Device, devices: Sequence[Device]) -> Candidate:
    """Name a microphone by what stays: not by its index, and by its USB id where that is clear."""
    if device.default:
        return Candidate("microphone", f"{device.name} (the system's default)")
    if device.usb and [other.usb for other in devices].count(device.usb) == 1:
        return Candidate(f"microphone:{device.usb}", device.name)
    _, name = device.identity
    return Candidate(f"microphone:{name.strip(' :-') or device.index}", device.name)


def open_ears(
    settings: Settings, found: Sequence[Candidate], refused: Callable[[Candidate, str], None]
) -> list[Ear]:
    """Open all microphones that can be; ``refused`` is told of the others and why."""
    ears = []
    channel = None if settings.source.channel == "mix" else settings.source.channel
    for candidate in found[:MAX_EARS]:
        try:
            source = open_named_source(
                settings, RATE, lambda _: None, name=candidate.source, supervised=False
            )
        except SttError as error:
            refused(candidate, error.message)
        else:
            ears.append(Ear(candidate, source, channel))
    return ears


def _nothing_heard(ears: Sequence[Ear], needed: float) -> AudioError:
    for ear in ears:
        if ear.ended and not ear.failure and len(ear):
            return AudioError(
                f"{ear.candidate.title} ended after {len(ear) / RATE:.1f} s",
                f"A recording needs {needed:.1f} s of the quiet room, and then the sentence",
            )
    why = next((ear.failure for ear in ears if ear.failure), "it delivers nothing")
    return AudioError(f"no microphone can be heard: {why}", "stt-service doctor says more")


def hear(ears: Sequence[Ear], speak: Callable[[], None]) -> list[Take]:
    """Listen to the room, call ``speak``, and listen until a sentence has been said.

    Returns what each microphone heard that still delivers. Raises :exc:`AudioError` when none
    does.
    """
    first, last = round(SKIP_SECONDS * RATE), round((SKIP_SECONDS + QUIET_SECONDS) * RATE)
    _wait(ears, lambda ear: len(ear) >= last, LATE_SECONDS)
    able = [ear for ear in ears if len(ear) >= last]
    if not able:
        raise _nothing_heard(ears, last / RATE)
    speak()

    def take(ear: Ear) -> Take:
        # Parted by the count of samples: what comes late, or early, is parted alike.
        quiet, spoken = np.split(ear.heard(first), [last - first])
        return Take(ear.candidate, quiet, spoken, loudness(quiet, spoken, RATE))

    limit = last + round(SPEAK_SECONDS * RATE)

    def over(ear: Ear) -> bool:
        return len(ear) >= limit or has_spoken(take(ear).loudness)

    _wait(able, over, SPEAK_SECONDS + LATE_SECONDS, enough=any)
    # Some deliver later than others, and are to have heard as much.
    heard = max((len(ear) for ear in able if over(ear)), default=0)
    _wait(able, lambda ear: len(ear) >= heard, LATE_SECONDS)
    return [take(ear) for ear in able]


def _wait(
    ears: Sequence[Ear],
    done: Callable[[Ear], bool],
    seconds: float,
    enough: Callable[[Iterator[bool]], bool] = all,
) -> None:
    """Wait until that is so of all ears, or of any, or nothing more can come."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not all(ear.ended for ear in ears):
        if enough(done(ear) or ear.ended for ear in ears):
            return
        time.sleep(LOOK_SECONDS)


def room_fit(settings: Settings, take: Take) -> Fit:
    """Return the settings of detector and segmenter for this room and voice."""
    now = SegmenterSettings(**settings.segmenter.model_dump())
    return fit_room(
        take.quiet,
        take.spoken,
        take.loudness,
        lambda aggressiveness: _detector(settings, aggressiveness),
        (settings.vad.aggressiveness, now),
    )


def _detector(settings: Settings, aggressiveness: int) -> Vad:
    vad = settings.vad.model_copy(update={"aggressiveness": aggressiveness})
    return voice_detector(settings.model_copy(update={"vad": vad}), RATE)


def recognise(settings: Settings, take: Take, fit: Fit) -> str:
    """Return what the chosen model makes of the sentence, cut as the daemon would."""
    examined = examine([take.spoken], _detector(settings, fit.aggressiveness), fit.segmenter)
    texts = []
    with open_engine(settings) as engine:
        options = stream_options(settings, engine.model, microphone_wishes(settings))
        for cut in examined.cuts:
            with engine.stream(options) as stream:
                stream.feed(take.spoken[round(cut.start * RATE) : round(cut.end * RATE)])
                texts.append(stream.finish().text)
    return " ".join(text for text in texts if text)


def measure_models(
    settings: Settings,
    announce: Callable[[str], None],
    failed: Callable[[str, str], None],
    timed: Callable[[Speed], None],
) -> list[Speed]:
    """Time all installed models.

    ``announce`` is told a model's name before; then ``timed`` its speed, or ``failed`` its name
    and why it does not open.
    """
    store = model_store(settings)
    speeds = []
    for line in store.listing():
        if not line.installed:
            continue
        announce(line.name)
        model = settings.model.model_copy(update={"name": line.name})
        try:
            trial = try_engine(settings.model_copy(update={"model": model}))
        except SttError as error:
            failed(line.name, error.message)
        else:
            size = store.resolve(line.name).model.stat().st_size
            speeds.append(Speed(line.name, trial.factor, size))
            timed(speeds[-1])
    return speeds


def use_model(settings: Settings, name: str) -> None:
    """Make a model the chosen one. Raises :exc:`ModelError`."""
    model_store(settings).use(name)


def chosen_model(settings: Settings) -> str | None:
    """Return the model in force; a path where the settings name one."""
    name = settings.model.name
    return model_store(settings).chosen() if name == "auto" else name
