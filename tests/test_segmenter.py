"""The segmenter as a specification: what starts an utterance, what ends it, what it holds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_service.errors import ConfigError
from stt_service.segmenter import (
    Segmenter,
    SegmenterSettings,
    SpeechAudio,
    SpeechEnded,
    SpeechStarted,
)

RATE = 1000
FRAME = 10
"""Samples: frames of 10 ms, so that seconds are easy to read as frames."""
SETTINGS = SegmenterSettings(
    start_window=0.05,
    start_ratio=0.6,
    end_window=0.1,
    end_ratio=0.9,
    pre_roll=0.03,
    tail=0.04,
    min_speech=0.03,
    max_length=0.6,
    soft_length=0.4,
    soft_pause=0.02,
)


def run(flags, settings=SETTINGS, rest=0):
    """Push one frame for each flag; every sample's absolute value is its place plus one."""
    segmenter = Segmenter(RATE, FRAME, settings)
    events = []
    for i, flag in enumerate(flags):
        frame = np.arange(i * FRAME + 1, (i + 1) * FRAME + 1, dtype=np.int16)
        events += segmenter.push(frame, is_speech=flag)
    start = len(flags) * FRAME + 1
    events += segmenter.finish(np.arange(start, start + rest, dtype=np.int16) if rest else None)
    return events


def utterances(events):
    """Check that events come in order and return (start, end, reason) of each utterance."""
    found = []
    start, samples = None, []
    for event in events:
        if isinstance(event, SpeechStarted):
            assert start is None
            start, samples = event.start, []
        elif isinstance(event, SpeechAudio):
            assert start is not None
            samples.append(event.samples)
        else:
            assert event.start == start
            audio = np.concatenate(samples)
            assert audio.tolist() == list(range(event.start + 1, event.end + 1))
            found.append((event.start, event.end, event.reason))
            start = None
    assert start is None
    return found


def test_silence_makes_no_utterance():
    """Nothing is said of a recording without speech."""
    assert run([False] * 200) == []


def test_speech_is_handed_on_with_pre_roll_and_tail():
    """The utterance begins before its first speech and ends after its last one."""
    flags = [False] * 10 + [True] * 10 + [False] * 20
    assert utterances(run(flags)) == [(70, 240, "silence")]


def test_pre_roll_stops_at_the_beginning_of_the_recording():
    """Speech in the first frame starts at sample 0."""
    assert utterances(run([True] * 10 + [False] * 20))[0][0] == 0


def test_a_click_is_no_utterance():
    """Speech shorter than min_speech is dropped without a word."""
    settings = SegmenterSettings(start_window=0.02, start_ratio=0.5, min_speech=0.03)
    assert run([False] * 10 + [True] * 2 + [False] * 80, settings) == []


def test_short_pauses_do_not_part_an_utterance():
    """A pause shorter than the end window stays inside."""
    flags = [False] * 10 + [True] * 6 + [False] * 6 + [True] * 6 + [False] * 20
    assert utterances(run(flags)) == [(70, 320, "silence")]


def test_lasting_speech_is_cut_without_a_gap():
    """At max_length one utterance ends and the next one goes on with the very next sample."""
    found = utterances(run([True] * 90 + [False] * 20))
    assert found == [(0, 600, "length"), (600, 940, "silence")]


def test_long_utterances_end_at_the_first_short_pause():
    """After soft_length a pause of soft_pause is enough, so that no word is cut in two."""
    found = utterances(run([True] * 45 + [False] * 2 + [True] * 30 + [False] * 20))
    assert found == [(0, 470, "length"), (470, 810, "silence")]


def test_after_an_end_the_next_start_is_looked_for_at_once():
    """Speech right after the end is the next utterance, its pre-roll whatever silence is left."""
    flags = [False] * 10 + [True] * 10 + [False] * 9 + [True] * 10 + [False] * 20
    assert utterances(run(flags)) == [(70, 240, "silence"), (260, 430, "silence")]


def test_one_frame_of_noise_does_not_keep_an_utterance_open():
    """The end needs a share of silence only."""
    flags = [False] * 10 + [True] * 10 + [False] * 5 + [True] + [False] * 30
    ((_, end, reason),) = utterances(run(flags))
    assert (end, reason) == (300, "silence")


@pytest.mark.parametrize("frame", [10, 20, 30])
def test_settings_are_in_seconds_whatever_the_frames(frame):
    """Frames of 10, 20 and 30 ms find the same utterance, but for a frame or two."""
    segmenter = Segmenter(RATE, frame)
    speech = np.zeros(6000, bool)
    speech[1200:3600] = True
    events = []
    for at in range(0, len(speech) - frame + 1, frame):
        samples = np.zeros(frame, np.int16)
        events += segmenter.push(samples, is_speech=bool(speech[at : at + frame].mean() > 0.5))
    (ended,) = [event for event in events if isinstance(event, SpeechEnded)]
    assert abs(ended.start - (1200 - 300)) <= 2 * frame
    assert abs(ended.end - (3600 + 300)) <= 2 * frame


def test_the_end_of_the_audio_ends_the_utterance():
    """What did not fill a frame belongs to the utterance that runs."""
    assert utterances(run([True] * 10, rest=7)) == [(0, 107, "audio")]


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 30)), max_size=30), st.integers(0, 9))
def test_utterances_are_ordered_bounded_and_complete(runs, rest):
    """Utterances lie inside the audio in order, keep the limit, and miss no lasting speech."""
    flags = [flag for flag, count in runs for _ in range(count)]
    found = utterances(run(flags, rest=rest))
    previous = 0
    for start, end, reason in found:
        assert previous <= start < end <= len(flags) * FRAME + rest
        assert end - start <= SETTINGS.max_length * RATE
        if reason == "length":
            assert end - start >= SETTINGS.soft_length * RATE
        previous = end
    covered = np.zeros(len(flags) * FRAME + rest, bool)
    for start, end, _ in found:
        covered[start:end] = True
    at = 0
    while at < len(flags):
        count = next((i for i, flag in enumerate(flags[at:]) if flag != flags[at]), len(flags) - at)
        if flags[at] and count >= 5:  # the start window, filled with speech
            assert covered[at * FRAME : (at + count) * FRAME].all()
        at += count


@pytest.mark.parametrize(
    "values",
    [
        {"start_ratio": 0},
        {"end_ratio": 1.5},
        {"end_window": 0},
        {"tail": -1},
        {"max_length": 0.1},
        {"pre_roll": 1e9},
    ],
)
def test_impossible_settings_are_refused_by_name(values):
    """The message names the setting."""
    with pytest.raises(ConfigError, match=next(iter(values))):
        SegmenterSettings(**values)


def test_a_frame_of_another_length_is_refused():
    """The clock counts whole frames only."""
    with pytest.raises(ValueError, match="10 samples"):
        Segmenter(RATE, FRAME).push(np.zeros(9, np.int16), is_speech=True)
