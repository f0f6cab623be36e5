"""The same sound begins on the same place of a frame, whenever it comes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stt_service.onset import ENERGY, GATE, OnsetAligner, onset
from stt_service.segmenter import Event, Reason, SpeechAudio, SpeechEnded, SpeechStarted

RATE = 16_000
STEP = 320
"""Samples in 20 ms."""
Samples = NDArray[np.int16]


def sentence(seconds: float = 0.5, loudness: float = 3000.0) -> Samples:
    """Return something like a voice: it swells, and has a pitch."""
    time = np.arange(int(seconds * RATE)) / RATE
    swell = np.minimum(time / 0.1, 1.0) * loudness
    return np.rint(swell * np.sin(2 * np.pi * 140 * time) ** 3).astype(np.int16)


def noise(length: int, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).integers(-GATE, GATE + 1, length).astype(np.int16)


def utterance(start: int, samples: Samples, *, reason: Reason = "silence") -> list[Event]:
    """Return what a segmenter hands on of an utterance, its audio in two parts."""
    half = len(samples) // 2
    return [
        SpeechStarted(start),
        SpeechAudio(samples[:half]),
        SpeechAudio(samples[half:]),
        SpeechEnded(start, start + len(samples), reason),
    ]


def heard(events: list[Event]) -> tuple[int, Samples, int]:
    """Return start, samples and end of the one utterance."""
    first, *audio, last = events
    assert isinstance(first, SpeechStarted)
    assert isinstance(last, SpeechEnded)
    assert last.start == first.start
    parts = [event.samples for event in audio if isinstance(event, SpeechAudio)]
    assert len(parts) == len(audio)
    samples = np.concatenate(parts)
    assert first.start + len(samples) == last.end
    return first.start, samples, last.end


@given(st.integers(0, 5000), st.integers(0, 2**31))
def test_whatever_comes_before_the_sound_lies_on_the_same_place_of_a_frame(
    before: int, seed: int
) -> None:
    """Silence of any length and any noise of a quiet room before it make no difference."""
    sound = sentence()
    at = onset(sound)
    assert at is not None
    start, samples, end = heard(
        OnsetAligner(RATE).align(utterance(7000, np.concatenate((noise(before, seed), sound))))
    )
    assert (before + at - (start - 7000)) % STEP == 0
    assert 0 <= start - 7000 < STEP
    assert end == 7000 + before + len(sound)
    np.testing.assert_array_equal(samples[-len(sound) + at :], sound[at:])


@given(st.integers(0, 400))
def test_nothing_loud_is_left_out(before: int) -> None:
    """What is cut off lies before the onset, also where the sound comes at once."""
    sound = np.concatenate((noise(before), sentence()))
    at = onset(sound)
    assert at is not None
    _, samples, _ = heard(OnsetAligner(RATE).align(utterance(0, sound)))
    assert len(sound) - len(samples) <= at
    assert len(samples) == len(sound) - at % STEP


@pytest.mark.parametrize("samples", [np.zeros(9600, np.int16), noise(9600), sentence(0.5, 150.0)])
def test_where_nothing_is_loud_nothing_changes(samples: Samples) -> None:
    """A whisper begins where the detector has it begin."""
    assert onset(samples) is None
    events = utterance(123, samples)
    assert heard(OnsetAligner(RATE).align(events))[0] == 123


def test_one_click_is_no_onset() -> None:
    """It takes the energy of a voice: a sample or two at full scale are less than that of one."""
    sound = sentence()
    click = np.zeros(1000, np.int16)
    click[500] = int(GATE + ENERGY**0.5) - 1
    assert onset(click) is None
    first, later = onset(sound), onset(np.concatenate((click, sound)))
    assert first is not None
    assert later is not None
    assert 1000 < later < 1000 + first


def test_an_utterance_that_was_cut_goes_on_with_the_very_next_sample() -> None:
    """Its second part is no beginning."""
    sound = np.concatenate((noise(100), sentence()))
    aligner = OnsetAligner(RATE)
    _, first, end = heard(aligner.align(utterance(0, sound, reason="length")))
    start, second, _ = heard(aligner.align(utterance(end, sound)))
    assert start == end
    assert len(second) == len(sound)
    begun, third, _ = heard(aligner.align(utterance(99_999, sound)))
    assert begun > 99_999
    assert len(third) == len(first)


def test_events_may_come_one_by_one() -> None:
    """As they do from a microphone."""
    events = utterance(50, np.concatenate((noise(77), sentence())))
    aligner = OnsetAligner(RATE)
    one_by_one = [out for event in events for out in aligner.align([event])]
    at_once = OnsetAligner(RATE).align(events)
    np.testing.assert_array_equal(heard(one_by_one)[1], heard(at_once)[1])
    assert heard(one_by_one)[0] == heard(at_once)[0]
