"""Which microphone, which settings, which model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from stt_service.fitting import (
    Fit,
    Loudness,
    Speed,
    advice,
    best,
    fit_model,
    fit_room,
    has_spoken,
    loudness,
)
from stt_service.segmenter import SegmenterSettings
from stt_service.vad.webrtc import WebRtcVad

RATE = 16_000
MODELS = Path(__file__).parents[1] / "models"
SENTENCE = soundfile.read(MODELS / "demo-1-turn-on-the-kitchen-light.flac", dtype="int16")[0]
USUAL = (3, SegmenterSettings())


def noise(seconds: float, level: float, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(0, level, round(seconds * RATE))
    return values.clip(-32768, 32767).astype(np.int16)


def said(level: float = 1.0, room: float = 30.0, after: float = 2.0) -> np.ndarray:
    """A sentence within a room's noise."""
    padded = np.pad(SENTENCE * level, (RATE, round(after * RATE)))
    return (padded + noise(len(padded) / RATE, room, 1)).clip(-32768, 32767).astype(np.int16)


def detector(aggressiveness: int) -> WebRtcVad:
    return WebRtcVad(RATE, frame_ms=30, aggressiveness=aggressiveness)


def heard(level: float = 1.0, room: float = 30.0) -> Loudness:
    return loudness(noise(3, room), said(level, room), RATE)


def test_levels_are_those_of_noise_and_speech() -> None:
    """Noise of 30 steps is -61 dB; speech lies well above."""
    found = heard()
    assert found.noise_db == pytest.approx(20 * np.log10(30 / 32768), abs=0.5)
    assert 25 < found.rise < 50
    assert found.clipped == 0


def test_nobody_is_heard_in_noise_alone() -> None:
    """Nor in nothing at all."""
    for spoken in (noise(3, 30, 5), np.zeros(0, np.int16)):
        found = loudness(noise(3, 30), spoken, RATE)
        assert found.rise == 0
        assert not has_spoken(found)


def test_a_sentence_is_over_after_a_pause() -> None:
    """And not before."""
    assert has_spoken(loudness(noise(3, 30), said(after=2.0), RATE))
    assert not has_spoken(loudness(noise(3, 30), said(after=0.0)[: -RATE // 2], RATE))


def test_a_click_is_no_sentence() -> None:
    """A door, a key."""
    room = noise(4, 30)
    room[RATE : RATE + 800] = 20_000
    assert not has_spoken(loudness(noise(3, 30), room, RATE))


def test_the_best_microphone_is_the_one_with_the_largest_rise() -> None:
    """Not the loudest: one that hums is loud all the time."""
    humming = heard(room=1000.0)
    assert best([humming, heard()]) == 1
    assert best([heard(0.01), heard()]) == 1


def test_of_microphones_alike_the_first_is_taken() -> None:
    """The default one stands there, and the sound card behind it is the same."""
    assert best([heard(0.9), heard()]) == 0


def test_without_anybody_there_is_no_best() -> None:
    """Nor without microphones."""
    silent = loudness(noise(3, 30), noise(3, 30, 7), RATE)
    assert best([silent, silent]) is None
    assert best([]) is None


@pytest.mark.parametrize(
    ("level", "room", "word"),
    [(1.0, 30.0, ""), (20.0, 30.0, "clips"), (0.03, 1.0, "quiet"), (0.15, 250.0, "nearly as loud")],
)
def test_advice(level: float, room: float, word: str) -> None:
    """Down, up, nearer; or nothing."""
    assert word in advice(heard(level, room))
    assert bool(word) == bool(advice(heard(level, room)))


def fitted(quiet: np.ndarray, spoken: np.ndarray) -> Fit:
    return fit_room(quiet, spoken, loudness(quiet, spoken, RATE), detector, USUAL)


def test_a_quiet_room_keeps_the_settings() -> None:
    """What works is not changed."""
    fit = fitted(noise(3, 30), said())
    assert fit.good
    assert (fit.aggressiveness, fit.segmenter) == USUAL


def test_somebody_who_pauses_is_given_time() -> None:
    """The sentence comes out in one piece."""
    half = len(SENTENCE) // 2
    pause = np.zeros(round(0.55 * RATE), np.int16)
    slowly = np.concatenate([SENTENCE[:half], pause, SENTENCE[half:]])
    spoken = np.pad(slowly, (RATE, 2 * RATE)) + noise(len(slowly) / RATE + 3, 30, 3)
    usual = SegmenterSettings(end_window=0.3)
    quiet = noise(3, 30)
    found = loudness(quiet, spoken, RATE)
    fit = fit_room(quiet, spoken, found, detector, (3, usual))
    assert fit.good
    assert fit.segmenter.end_window > usual.end_window


def test_what_cannot_be_helped_is_the_least_bad() -> None:
    """And says so."""
    babble = said()[: 3 * RATE]
    fit = fitted(babble, noise(3, 30))
    assert not fit.good


@pytest.mark.parametrize(
    ("factors", "chosen"),
    [
        ({"small": (0.1, 1), "large": (0.5, 47)}, "large"),
        ({"small": (0.1, 1), "large": (0.9, 47)}, "small"),
        ({"small": (1.5, 1), "large": (9.0, 47)}, "small"),
        ({}, None),
    ],
)
def test_the_largest_model_that_keeps_up_is_chosen(
    factors: dict[str, tuple[float, int]], chosen: str | None
) -> None:
    """The fastest where none does."""
    speeds = [Speed(name, factor, size) for name, (factor, size) in factors.items()]
    found = fit_model(speeds)
    assert (found.name if found else None) == chosen
