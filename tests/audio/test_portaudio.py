"""What PortAudio's errors mean, and what happens without it."""

from __future__ import annotations

import sys

import pytest

from stt_service.audio.devices import Device
from stt_service.audio.portaudio import DEVICE_UNAVAILABLE, PortAudio, _failure, _refused
from stt_service.errors import AudioError, DeviceBusyError, DeviceLostError

MIKE = Device(1, "USB Audio: - (hw:7,0)", 1, 44_100.0, default=False)


def test_without_the_library_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both steps, and what does without."""
    monkeypatch.setitem(sys.modules, "pyaudio", None)
    with pytest.raises(AudioError, match=r"portaudio19-dev.*stt-service\[mic\].*cmd:arecord"):
        PortAudio()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (DEVICE_UNAVAILABLE, []),
        (-9999, ["ALSA lib pcm_dsnoop.c:601:(open) unable to open: Device or resource busy"]),
    ],
)
def test_busy_is_told_apart(code: int, said: list[str]) -> None:
    """By PortAudio's own number, or by what ALSA says."""
    error = _failure(MIKE, code, "reason", said)
    assert isinstance(error, DeviceBusyError)
    assert "USB Audio: - (hw:7,0) is in use by" in str(error)


def test_anything_else_is_lost_with_alsas_last_word() -> None:
    """PortAudio's "Unanticipated host error" says nothing."""
    said = [
        "ALSA lib pcm.c:1:(open) first",
        "ALSA lib pulse.c:242:(pulse_connect) PulseAudio: Unable to connect: Connection refused",
        "jack server is not running or cannot be started",
    ]
    error = _failure(MIKE, -9999, "Unanticipated host error", said)
    assert isinstance(error, DeviceLostError)
    assert error.message == (
        "USB Audio: - (hw:7,0) cannot be opened: Unanticipated host error [-9999]; "
        "PulseAudio: Unable to connect: Connection refused"
    )
    assert "no device [-9996]" in str(_failure(MIKE, -9996, "no device", []))


def test_refused_rates_are_named() -> None:
    """With the number that people search for."""
    assert "1 channel(s) at 16000 Hz [-9997]" in str(_refused(MIKE, (16_000,), 1))
