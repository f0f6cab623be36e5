"""The source behind each name."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stt_service.audio.names import parse_source
from stt_service.audio.opening import Opening, open_source
from stt_service.audio.outage import Event
from stt_service.audio.pipe import RawFormat
from stt_service.errors import AudioError
from stt_service.events import Fault

RATE = 16_000

pytestmark = pytest.mark.timeout(60)


def opened(name: str, events: list[Event] | None = None, **options: object):
    told = [] if events is None else events
    return open_source(parse_source(name), Opening(RATE, **options), told.append)


def test_a_recording_plays_at_any_speed(tmp_path: Path) -> None:
    """In real time or as fast as it is read; the same samples."""
    file = tmp_path / "a.wav"
    soundfile.write(file, np.arange(1600, dtype=np.int16), RATE)
    for real_time in (True, False):
        with opened(f"wav:{file}", real_time=real_time) as source:
            assert not source.live
            assert np.concatenate(list(source.blocks()))[:, 0].tolist() == list(range(1600))


def test_a_missing_recording_is_told_at_once() -> None:
    """There is nothing to wait for."""
    with pytest.raises(AudioError, match="there is no file"):
        opened("wav:/no/such.wav")


def test_a_command_is_started_again() -> None:
    """Its first end is a fault, not the end of the source."""
    events: list[Event] = []
    source = opened("cmd:head -c 32000 /dev/zero", events, raw=RawFormat(RATE))
    assert (source.format.rate, source.format.channels, source.live) == (RATE, 1, True)
    heard = 0
    for block in source.blocks():
        heard += len(block)
        if heard > RATE:  # more than one run of the command delivers
            source.close()
    assert isinstance(events[0], Fault)
    assert "head -c 32000 /dev/zero` has ended" in events[0].message


def test_a_command_that_is_not_supervised_ends() -> None:
    """For a single pass."""
    command = "cmd:head -c 32000 /dev/zero"
    with opened(command, raw=RawFormat(RATE), supervised=False) as source:
        assert sum(map(len, source.blocks())) == RATE


def test_a_missing_microphone_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PyAudio, too: the fault says how to get it."""
    monkeypatch.setitem(sys.modules, "pyaudio", None)
    events: list[Event] = []
    source = opened("microphone:usb", events)
    assert source.format.name == "the microphone usb"
    thread = threading.Thread(target=lambda: list(source.blocks()), daemon=True)
    thread.start()
    while not events:
        thread.join(0.01)
    source.close()
    thread.join(10)
    assert not thread.is_alive()
    (fault,) = events
    assert isinstance(fault, Fault)
    assert "pip install 'stt-service[mic]'" in fault.remedy


def test_standard_input_can_be_closed_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that is stuck in it would bring the interpreter down at its end."""
    out, into = os.pipe()
    with os.fdopen(out, "rb") as pipe:
        monkeypatch.setattr(sys, "stdin", pipe)
        os.write(into, bytes(4000))
        source = opened("stdin", raw=RawFormat(RATE))
        heard: list[int] = []
        thread = threading.Thread(
            target=lambda: heard.extend(map(len, source.blocks())), daemon=True
        )
        thread.start()
        while sum(heard) < 2000:
            thread.join(0.01)
        source.close()
        thread.join(10)
        assert not thread.is_alive()
    os.close(into)
