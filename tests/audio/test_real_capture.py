"""What is said into a real sound server is what comes out of the microphone, sample for sample."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stt_service.audio.api import AudioSource
from stt_service.audio.devices import Wanted
from stt_service.audio.microphone import Microphone
from stt_service.audio.names import parse_source
from stt_service.audio.opening import Opening, capture_devices, open_source
from stt_service.audio.outage import Event
from stt_service.audio.pipe import RawFormat
from stt_service.audio.recorder import Recorder
from stt_service.audio.resample import mono_blocks
from stt_service.errors import DeviceLostError
from stt_service.events import Fault, Recovered
from tests.sound_server import SoundServer

pytestmark = [pytest.mark.sound, pytest.mark.slow, pytest.mark.timeout(120)]

RATE = 16_000
BUNDLED = sorted((Path(__file__).parents[2] / "models").glob("*.flac"))
"""People speaking."""
PATIENCE = 30.0
"""Seconds for what takes one or two on an idle machine."""


def spoken() -> np.ndarray:
    """Two bundled recordings in a row, at 16 kHz."""
    parts = [soundfile.read(path, dtype="int16") for path in BUNDLED[:2]]
    assert {rate for _, rate in parts} == {RATE}
    return np.concatenate([samples for samples, _ in parts])


class Capture:
    """Iterates a source in a thread of its own and keeps what it gives."""

    def __init__(self, source: AudioSource, rate: int = RATE) -> None:
        self._source = source
        self.got: list[np.ndarray] = []
        self.failed: list[Exception] = []
        self._thread = threading.Thread(target=self._run, args=(rate,), daemon=True)
        self._thread.start()

    def _run(self, rate: int) -> None:
        try:
            for block in mono_blocks(self._source, rate):
                self.got.append(block)
        except DeviceLostError as error:
            self.failed.append(error)

    def __len__(self) -> int:
        return sum(map(len, self.got))

    def stop(self) -> np.ndarray:
        self._source.close()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        return np.concatenate([np.zeros(0, np.int16), *self.got])


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


FINER = 8
"""Steps between two samples at which likeness is looked for: resampling delays by fractions."""


def lag(heard: np.ndarray, said: np.ndarray) -> tuple[int, float]:
    """Return where ``said`` lies in ``heard`` and how alike they are, 1 for the same."""
    size = 1 << (len(heard) + len(said)).bit_length()
    a, b = heard.astype(np.float64), said.astype(np.float64)
    spectrum = np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size))
    products = np.fft.irfft(spectrum, size * FINER)[: len(a) * FINER] * FINER
    best = int(np.argmax(products))
    at = round(best / FINER)
    part = a[at : at + len(b)]
    return at, float(products[best] / np.sqrt((part @ part) * (b @ b)))


def record(sound: SoundServer, source: AudioSource, name: str = "mic_a") -> np.ndarray:
    """Play all that is spoken into the microphone and return what the source heard."""
    capture = Capture(source)
    until(lambda: len(capture))  # the first block is late, as a sleeping device is
    sound.play(name, spoken(), RATE)
    until(lambda: not np.concatenate(capture.got[-10:]).any())
    return capture.stop()


def test_samples_pass_unchanged(sound: SoundServer) -> None:
    """At one rate throughout nothing is lost, doubled or altered: not one sample."""
    sound.plug("mic_a", rate=RATE)
    heard = record(sound, Microphone(Wanted("mic_a"), rate=RATE))
    said = spoken()
    at, _ = lag(heard, said)
    assert np.array_equal(heard[at : at + len(said)], said)


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_speech_is_the_same_at_every_rate(sound: SoundServer, rate: int, channels: int) -> None:
    """Resampled by the server and by us, second after second at the same place."""
    sound.plug("mic_a", rate=rate, channels=channels)
    heard = record(sound, Microphone(Wanted("mic_a"), rate=rate))
    said = spoken()
    at, alike = lag(heard, said)
    assert alike > 0.99
    for start in range(0, len(said) - RATE, RATE):
        part = said[start : start + RATE]
        if np.abs(part).max() < 1000:
            continue  # a pause could lie anywhere
        near = heard[max(0, at + start - 800) : at + start + RATE + 800]
        found, _ = lag(near, part)
        assert abs(found - min(800, at + start)) <= 1


def test_a_microphone_that_vanishes_is_picked_up_again(sound: SoundServer) -> None:
    """One fault when it goes, one recovery when it is back, and it is heard again."""
    sound.plug("mic_b")
    sound.plug("mic_a", rate=RATE)
    sound.unplug("mic_b")  # so that there is nothing that the server could give instead
    events: list[Event] = []
    opening = Opening(RATE, microphone_rate=RATE)
    capture = Capture(open_source(parse_source("microphone:mic_a"), opening, events.append))
    until(lambda: len(capture))
    sound.unplug("mic_a")
    until(lambda: events)
    time.sleep(1.0)  # several attempts, about which nothing more is said
    before = len(capture)
    sound.plug("mic_a", rate=44_100)
    until(lambda: len(events) == 2)
    said = spoken()[: 3 * RATE]
    sound.play("mic_a", said, RATE)
    time.sleep(0.5)
    heard = capture.stop()[before:]
    assert [(type(event), event.code) for event in events] == [
        (Fault, "microphone-lost"),
        (Recovered, "microphone-lost"),
    ]
    assert lag(heard, said)[1] > 0.99


def test_a_sound_server_that_crashes_is_found_again(sound: SoundServer) -> None:
    """Its microphones come back with the next one."""
    sound.plug("mic_a", rate=RATE)
    events: list[Event] = []
    opening = Opening(RATE, microphone_rate=RATE)
    capture = Capture(open_source(parse_source("microphone:mic_a"), opening, events.append))
    until(lambda: len(capture))
    sound.kill()
    until(lambda: events)
    sound.start()
    sound.plug("mic_a", rate=RATE)
    until(lambda: len(events) == 2)
    capture.stop()
    assert [type(event) for event in events] == [Fault, Recovered]


def test_without_a_microphone_there_is_a_fault_and_no_end(sound: SoundServer) -> None:
    """A daemon starts before its microphone is there."""
    events: list[Event] = []
    capture = Capture(open_source(parse_source("microphone:mic_a"), Opening(RATE), events.append))
    until(lambda: events)
    sound.plug("mic_a")
    until(lambda: len(events) == 2)
    capture.stop()
    assert [type(event) for event in events] == [Fault, Recovered]
    assert isinstance(events[0], Fault)
    assert "mic_a cannot be opened" in events[0].message


def test_two_captures_hear_the_same(sound: SoundServer) -> None:
    """A sound server shares its microphones; ours and a recorder's."""
    sound.plug("mic_a", rate=RATE)
    first = Capture(Microphone(Wanted("mic_a"), rate=RATE))
    second = Capture(
        Recorder(["parec", "--device=mic_a.monitor", *PAREC], RawFormat(RATE), rate=RATE)
    )
    until(lambda: len(first) and len(second))
    said = spoken()[: 3 * RATE]
    sound.play("mic_a", said, RATE)
    time.sleep(0.5)
    for heard in (first.stop(), second.stop()):
        at, _ = lag(heard, said)
        assert np.array_equal(heard[at : at + len(said)], said)


PAREC = ("--raw", "--rate=16000", "--channels=1", "--latency-msec=30")


def test_known_recorders_need_no_arguments(sound: SoundServer) -> None:
    """`cmd:parec` and `cmd:arecord` know how to be called."""
    sound.plug("mic_a", rate=RATE)
    for command in ("parec", "arecord"):
        said = spoken()
        heard = record(sound, Recorder([command], rate=RATE))
        at, _ = lag(heard, said)
        assert np.array_equal(heard[at : at + len(said)], said), command


def test_devices_are_listed_without_chatter(
    sound: SoundServer, capfd: pytest.CaptureFixture[str]
) -> None:
    """With the default one marked and their rates; ALSA and JACK say nothing."""
    sound.plug("mic_a")
    found = {device.name: device for device in capture_devices()}
    assert found["default"].default
    assert not found["mic_a"].default
    assert {16_000, 44_100, 48_000} <= set(found["mic_a"].rates)
    assert capfd.readouterr().err == ""


def test_an_unknown_microphone_names_those_there_are(sound: SoundServer) -> None:
    """Who mistypes a name sees the right one."""
    with pytest.raises(DeviceLostError, match=r"no microphone nonsense.*mic_a"):
        Microphone(Wanted("nonsense"))


def test_the_meter_shows_how_loud_it_is(sound: SoundServer) -> None:
    """`devices --meter`, as it is called."""
    sound.plug("mic_a", rate=RATE)
    tone = (16384 * np.sin(np.arange(8 * RATE) * 2 * np.pi * 440 / RATE)).astype(np.int16)
    player = threading.Thread(target=sound.play, args=("mic_a", tone, RATE), daemon=True)
    player.start()
    done = subprocess.run(
        [sys.executable, "-m", "stt_service", "devices", "mic_a", "--meter", "--seconds", "4"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    player.join(PATIENCE)
    loud = [line for line in done.stdout.splitlines() if "-9.0 dB, peak   -6.0 dB" in line]
    assert len(loud) > 2
