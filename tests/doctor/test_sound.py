"""What two seconds of a microphone say."""

from __future__ import annotations

import numpy as np
import pytest

from stt_service.doctor.sound import Heard, judge_failure, judge_heard, measure
from stt_service.errors import AudioError, DeviceBusyError, DeviceLostError, DeviceSilentError

RATE = 16_000


def heard(samples: np.ndarray, overflows: int = 0) -> Heard:
    halves = np.array_split(samples.astype(np.int16), 2)
    return measure("mic", 48_000, halves, overflows)


def noise(level: float) -> np.ndarray:
    return np.random.default_rng(1).normal(0, level, 2 * RATE)


def tone(amplitude: float) -> np.ndarray:
    return amplitude * np.sin(np.arange(2 * RATE) * 2 * np.pi * 440 / RATE)


def test_levels_are_those_of_the_samples() -> None:
    """A sine at half of full scale: -6 dB at its peaks, 3 dB less in the mean."""
    found = heard(tone(16384))
    assert found.samples == 2 * RATE
    assert found.peak_db == pytest.approx(-6.0, abs=0.05)
    assert found.rms_db == pytest.approx(-9.0, abs=0.05)
    assert (found.clipped, found.silent) == (0, False)
    assert found.offset == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(
    ("samples", "overflows", "code"),
    [
        (noise(60), 0, "fine"),
        (np.zeros(2 * RATE), 0, "microphone-silent"),
        (np.zeros(0), 0, "microphone-silent"),
        (np.clip(tone(60_000), -32768, 32767), 0, "microphone-clipped"),
        (noise(60) + 2000, 0, "microphone-offset"),
        (noise(3000), 0, "microphone-loud"),
        (noise(60), 3, "microphone-overflow"),
    ],
)
def test_microphones(samples: np.ndarray, overflows: int, code: str) -> None:
    """What is wrong with each, and what to do."""
    finding = judge_heard(heard(samples, overflows))
    assert finding.code == code
    assert bool(finding.remedy) == (code != "fine")
    assert finding.status == ("ok" if code == "fine" else finding.status)


def test_a_click_or_two_is_no_clipping() -> None:
    """A door may slam."""
    samples = noise(60)
    samples[1000:1002] = 32767
    assert judge_heard(heard(samples)).code == "fine"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DeviceBusyError("held by arecord"), "microphone-busy"),
        (DeviceSilentError("zeros"), "microphone-silent"),
        (DeviceLostError("gone"), "microphone-lost"),
        (AudioError("no PyAudio"), "microphone-lost"),
    ],
)
def test_failures(error: AudioError, code: str) -> None:
    """The message names who holds it."""
    finding = judge_failure(error)
    assert (finding.status, finding.code, finding.message) == ("fail", code, error.message)
