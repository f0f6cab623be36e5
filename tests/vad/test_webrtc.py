"""The WebRTC detector: tells a voice-like sound from silence, and refuses what it cannot do."""

from pathlib import Path

import numpy as np
import pytest

from stt_service.errors import ConfigError
from stt_service.segmenter import SpeechEnded, SpeechStarted
from stt_service.utterance_cutter import UtteranceCutter
from stt_service.vad.webrtc import FRAME_MS, RATES, WebRtcVad

WAV = Path(__file__).parents[3] / "shared/genuine/wav"


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("frame_ms", FRAME_MS)
def test_every_rate_and_frame_of_the_library_works(rate, frame_ms):
    """Digital silence is no speech, in each format."""
    vad = WebRtcVad(rate, frame_ms=frame_ms)
    assert vad.frame == rate * frame_ms / 1000
    assert not vad.is_speech(np.zeros(vad.frame, np.int16))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"rate": 44_100}, "44100 as a sample rate"),
        ({"rate": 16_000, "frame_ms": 25}, "25 as a frame length"),
        ({"rate": 16_000, "aggressiveness": 4}, "4 as an aggressiveness"),
    ],
)
def test_other_settings_are_refused_by_name(values, named):
    """The message names the value and what is possible."""
    with pytest.raises(ConfigError, match=f"{named}.*It takes"):
        WebRtcVad(**values)


def test_a_frame_of_another_length_is_refused():
    """The library would misread it."""
    with pytest.raises(ValueError, match="480"):
        WebRtcVad(16_000).is_speech(np.zeros(479, np.int16))


def test_reset_forgets_what_was_heard():
    """After a reset the same frames get the same verdicts."""
    noise = np.random.default_rng(0).normal(0, 3000, (50, 480)).astype(np.int16)
    vad = WebRtcVad(16_000)
    first = [vad.is_speech(frame) for frame in noise]
    vad.reset()
    assert [vad.is_speech(frame) for frame in noise] == first


def test_words_with_pauses_between_become_utterances():
    """Genuine words, two seconds apart, are cut into one utterance each."""
    if not WAV.is_dir():
        pytest.skip("needs ../shared/genuine/wav")
    soundfile = pytest.importorskip("soundfile")
    words = [soundfile.read(WAV / f"{name}.wav", dtype="int16")[0] for name in ("go_1", "stop_1")]
    pause = np.zeros(32_000, np.int16)
    cutter = UtteranceCutter(WebRtcVad(16_000))
    events = cutter.feed(np.concatenate([pause, words[0], pause, words[1], pause]))
    events += cutter.finish()
    starts = [event.start for event in events if isinstance(event, SpeechStarted)]
    ends = [event.end for event in events if isinstance(event, SpeechEnded)]
    assert len(starts) == len(ends) == 2
    assert 32_000 - 5_280 <= starts[0] < ends[0] <= 32_000 + len(words[0]) + 9_600
    assert 64_000 + len(words[0]) - 5_280 <= starts[1]
