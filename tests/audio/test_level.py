"""Levels, exact by sample count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_service.audio.level import FLOOR_DB, LevelMeter, decibels
from stt_service.events import Level


def test_full_scale_is_zero_decibels() -> None:
    """A full-scale square wave has 0 dB, all of it clipped."""
    wave = np.tile(np.array([32767, -32768], np.int16), 500)
    (level,) = LevelMeter(1000, every=1.0).feed(wave)
    assert level.rms_db == pytest.approx(0, abs=0.001)
    assert level.peak_db == 0.0
    assert level.clipped == 1000


def test_half_of_full_scale_is_six_decibels_less() -> None:
    """And nothing is clipped."""
    (level,) = LevelMeter(1000, every=1.0).feed(np.full(1000, 16384, np.int16))
    assert (level.rms_db, level.peak_db) == (pytest.approx(-6.0206), pytest.approx(-6.0206))
    assert level.clipped == 0


def test_silence_has_the_floor() -> None:
    """Not minus infinity, which JSON cannot say."""
    assert LevelMeter(4, every=1.0).feed(np.zeros(4, np.int16)) == [
        Level(FLOOR_DB, FLOOR_DB, 0, speech=False)
    ]
    assert decibels(0) == FLOOR_DB


def test_speech_in_any_part_counts() -> None:
    """A level says whether there was speech since the last one."""
    meter = LevelMeter(4, every=1.0)
    assert meter.feed(np.zeros(2, np.int16), speech=True) == []
    (first, second) = meter.feed(np.zeros(6, np.int16))
    assert (first.speech, second.speech) == (True, False)


@given(st.lists(st.integers(-32768, 32767), max_size=200), st.lists(st.integers(1, 40), min_size=1))
def test_how_it_is_cut_does_not_matter(values: list[int], sizes: list[int]) -> None:
    """The same levels whatever blocks the samples come in, one for each whole window."""
    samples = np.array(values, np.int16)
    whole = LevelMeter(10, every=1.0).feed(samples)
    meter, at, levels = LevelMeter(10, every=1.0), 0, []
    while at < len(samples):
        size = sizes[at % len(sizes)]
        levels += meter.feed(samples[at : at + size])
        at += size
    assert levels == whole
    assert len(whole) == len(samples) // 10
    assert all(FLOOR_DB <= level.rms_db <= level.peak_db + 1e-9 for level in whole)
