"""A quiet microphone is raised for the detector, by what its room tells, and nothing else is."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stt_service.segmenter import SpeechStarted
from stt_service.utterance_cutter import UtteranceCutter
from stt_service.vad.api import Vad
from stt_service.vad.gain import FALL_DB, FIRST_DB, RISE_DB, ROOM_DB, VOICE_DB, GainVad
from stt_service.vad.webrtc import WebRtcVad

WAV = Path(__file__).parents[3] / "shared/genuine/wav"
RATE, FRAME = 16_000, 480


class Listening(Vad):
    """A detector that keeps what it was given, and hears speech in every other frame."""

    rate, frame = RATE, FRAME

    def __init__(self) -> None:
        self.heard: list[np.ndarray] = []

    def is_speech(self, frame):
        self.heard.append(frame)
        return len(self.heard) % 2 == 0

    def reset(self):
        self.heard.clear()


def room(decibels: float) -> np.ndarray:
    """A frame whose every sample has that level."""
    return np.full(FRAME, round(32768 * 10 ** (decibels / 20)), np.int16)


def silent(seconds: float) -> list[np.ndarray]:
    """Frames of zeros, which tell nothing of a room, and in which nobody speaks."""
    return [np.zeros(FRAME, np.int16)] * round(seconds * RATE / FRAME)


LONG = silent(30)
"""After which no voice is remembered."""


def raised(frames, max_gain: float = 30.0, before=LONG) -> list[float]:
    """The decibels by which each frame was raised; nan where it held nothing."""
    detector = Listening()
    vad = GainVad(detector, max_gain)
    for frame in before:
        vad.is_speech(frame)
    detector.heard.clear()
    for frame in frames:
        vad.is_speech(frame)
    with np.errstate(divide="ignore", invalid="ignore"):
        return [
            float(20 * np.log10(np.abs(heard).max() / np.abs(frame).max()))
            for frame, heard in zip(frames, detector.heard, strict=True)
        ]


def test_it_is_the_detector_with_its_rate_frame_and_verdicts():
    vad = GainVad(Listening(), 30.0)
    assert (vad.rate, vad.frame) == (RATE, FRAME)
    assert [vad.is_speech(room(-60)) for _ in range(4)] == [False, True, False, True]


@pytest.mark.parametrize("level", [-55, -40, -10])
def test_a_usual_microphone_is_heard_as_it_is(level):
    """Where the room's noise lies high enough not a sample is changed."""
    detector = Listening()
    frame = room(level) + (level == -55)  # rounding may have put it just below
    GainVad(detector, 30.0).is_speech(frame)
    assert np.array_equal(detector.heard[0], frame)


@pytest.mark.parametrize(("level", "max_gain", "gain"), [(-70, 30, 15), (-80, 30, 25), (-70, 6, 6)])
def test_a_quiet_room_is_brought_up_as_far_as_is_allowed(level, max_gain, gain):
    """Within what rounding to whole samples leaves."""
    assert raised([room(level)], max_gain)[0] == pytest.approx(gain, abs=1)


def test_no_gain_changes_nothing():
    detector = Listening()
    vad = GainVad(detector, 0.0)
    frames = [room(-80), room(-20), np.zeros(FRAME, np.int16)]
    for frame in frames:
        vad.is_speech(frame)
    assert all(map(np.array_equal, detector.heard, frames))


def test_a_soft_voice_is_raised_by_what_the_room_tells():
    """Not by its own level: a louder word comes out as much louder as it is."""
    assert raised([room(-75), room(-55)])[1] == pytest.approx(20, abs=1.2)


def test_no_voice_is_raised_beyond_a_usual_one():
    """A room that is quieter than usual does not make a usual voice louder, nor its echo."""
    gains = raised([room(-80), room(-42), room(-25), room(-60)])
    assert gains[1] == pytest.approx(12, abs=0.5)
    assert gains[2:] == [0, 0]


def test_after_a_loud_voice_a_soft_one_is_raised_again_in_time():
    """Who stands near and who calls from the next room: by 2 dB a second."""
    frames = [room(-70), room(-25)] + [room(-70)] * int(12 * RATE / FRAME)
    gains = raised(frames)
    second = RATE / FRAME
    assert gains[1] == 0
    assert gains[1 + round(5 * second)] == pytest.approx(5 * FALL_DB - 5, abs=0.5)
    assert gains[-1] == pytest.approx(15, abs=0.5)


def test_a_first_word_is_raised_by_no_more_than_a_voice_not_heard_yet():
    """It may be loud; after some quiet seconds it is known not to be."""
    first = VOICE_DB - FIRST_DB
    assert raised([room(-80)], before=[])[0] == pytest.approx(first, abs=0.5)
    later = raised([room(-80)], before=silent(2.0))[0]
    assert later == pytest.approx(first + 2 * FALL_DB, abs=0.6)


def test_a_click_is_clipped_and_does_not_turn_over():
    """In a long frame it is louder beside the frame's level than any gain foresees."""
    detector = Listening()
    detector.rate, detector.frame = 48_000, 1_440
    vad = GainVad(detector, 30.0)
    click = np.zeros(1_440, np.int16)
    for _ in range(1_000):
        vad.is_speech(click + 1)
    for loudest in (32_767, -32_768):
        click[700] = loudest
        vad.is_speech(click)
        assert detector.heard[-1][700] == loudest


def test_a_room_that_grows_louder_loses_its_gain_in_time():
    """A room 15 dB louder is where it should be as soon as the floor may be there, and stays."""
    seconds = 15 / RISE_DB
    frames = [room(-70)] + [room(-55)] * int((seconds + 1) * RATE / FRAME)
    gains = raised(frames)
    due = int(seconds * RATE / FRAME)
    assert gains[due // 2] == pytest.approx(15 / 2, abs=0.5)
    assert gains[due + 2 :] == pytest.approx([0.0] * len(gains[due + 2 :]), abs=0.2)


def test_zeros_tell_nothing_of_a_room():
    """A source that begins with them, or that sends them between words, is not raised for them."""
    zeros = [np.zeros(FRAME, np.int16)] * 50
    assert raised([*zeros, room(ROOM_DB + 5)])[-1] == 0
    assert raised([room(-65), *zeros, room(-65)])[-1] == pytest.approx(10, abs=1)


def test_reset_forgets_the_room():
    vad = GainVad(detector := Listening(), 30.0)
    vad.is_speech(room(-80))
    vad.reset()
    vad.is_speech(room(-40))
    assert np.array_equal(detector.heard[0], room(-40))


@given(st.lists(arrays(np.int16, FRAME), max_size=5), st.floats(0, 40))
def test_any_samples_are_judged(frames, max_gain):
    """Nothing overflows, and what a detector gets is what it takes."""
    detector = Listening()
    vad = GainVad(detector, max_gain)
    for frame in frames:
        vad.is_speech(frame)
        heard = detector.heard[-1]
        assert (heard.dtype, heard.shape) == (np.int16, (FRAME,))
        assert (np.sign(heard) * np.sign(frame) >= 0).all()


@pytest.mark.parametrize("softer", [0, 15, 30])
def test_words_of_a_quiet_microphone_are_found(softer):
    """Genuine words, three seconds apart in a room's noise: all, at whatever level."""
    if not WAV.is_dir():
        pytest.skip("needs ../shared/genuine/wav")
    soundfile = pytest.importorskip("soundfile")
    pause = np.zeros(48_000)
    parts = [pause]
    for path in sorted(WAV.glob("*.wav")):
        parts += [soundfile.read(path, dtype="int16")[0], pause]
    whole = np.concatenate(parts)
    whole += np.random.default_rng(0).normal(0, 30, len(whole))
    audio = np.rint(whole * 10 ** (-softer / 20)).astype(np.int16)

    def starts(vad: Vad) -> int:
        cutter = UtteranceCutter(vad)
        events = cutter.feed(audio) + cutter.finish()
        return sum(isinstance(event, SpeechStarted) for event in events)

    words = (len(parts) - 1) // 2
    assert starts(GainVad(WebRtcVad(RATE), 30.0)) == words
    if softer == 30:
        assert starts(WebRtcVad(RATE)) < words, "then there is nothing to be raised for"
