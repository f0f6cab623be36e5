"""Any rate, channel count and sample type in; mono int16 at the wanted rate out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stt_service.audio.api import AudioFormat
from stt_service.audio.resample import Resampler
from stt_service.errors import AudioError

TYPES = {"int16": 32768, "int32": 2**31, "float32": 1, "float64": 1}


def tone(rate, seconds=0.5, hz=440.0, volume=0.5):
    return volume * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)


def convert(block, rate, channels=1, *, to=16_000, channel=None, sizes=None):
    resampler = Resampler(AudioFormat(rate, channels), to, channel=channel)
    parts, at = [], 0
    while at < len(block):
        size = sizes[len(parts) % len(sizes)] if sizes else len(block)
        parts.append(resampler.feed(block[at : at + size]))
        at += size
    return np.concatenate([*parts, resampler.finish()])


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("kind", TYPES)
def test_a_tone_stays_a_tone(rate, kind):
    """Pitch, level and length survive from every rate and type."""
    block = (tone(rate) * TYPES[kind]).astype(kind)
    heard = convert(block[:, np.newaxis], rate)
    assert heard.dtype == np.int16
    assert abs(len(heard) - 8_000) <= 1
    expected = tone(16_000) * 32768
    middle = slice(1_000, 7_000)  # the ends ring
    assert np.abs(heard[middle] - expected[middle]).max() < 40


def test_int16_at_the_wanted_rate_passes_unchanged():
    """Nothing is computed where nothing is to be done."""
    block = np.array([-32768, -1, 0, 1, 32767], np.int16)
    assert convert(block, 16_000).tolist() == block.tolist()


def test_channels_are_averaged():
    """Opposite channels cancel out, equal ones stay as loud."""
    wave = (tone(16_000) * 32768).astype(np.int16)
    assert not convert(np.stack([wave, -wave], axis=1), 16_000, 2).any()
    eight = np.stack([wave] * 8, axis=1)
    assert convert(eight, 16_000, 8).tolist() == wave.tolist()


@settings(deadline=None)
@given(st.sampled_from([16_000, 44_100, 48_000]), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_a_sound_cards_samples_are_heard_as_their_floats_are(rate, channels, seed):
    """Its shorter way changes not one bit; the mean of channels is NumPy's own."""
    noise = np.random.default_rng(seed).integers(-32768, 32768, (2_000, channels))
    block = noise.astype(np.int16)
    mean = block.mean(axis=1, dtype=np.float64)[:, np.newaxis] / 32768
    assert convert(block, rate, channels).tolist() == convert(mean, rate).tolist()


def test_one_channel_can_be_chosen():
    """The others are not heard."""
    wave = (tone(16_000) * 32768).astype(np.int16)
    block = np.stack([np.zeros_like(wave), wave], axis=1)
    assert convert(block, 16_000, 2, channel=1).tolist() == wave.tolist()
    with pytest.raises(AudioError, match=r"no channel 2.*0 to 1"):
        convert(block, 16_000, 2, channel=2)


def test_overshoot_is_clipped_and_never_wraps():
    """A float beyond full scale becomes full scale, of the same sign."""
    block = np.array([1.5, -1.5, 1.0, -1.0, 63.0], np.float32)
    assert convert(block, 16_000).tolist() == [32767, -32768, 32767, -32768, 32767]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused_with_their_place(value):
    """One NaN would spoil everything after it."""
    block = np.zeros((1600, 2), np.float32)
    block[800, 1] = value
    with pytest.raises(AudioError, match=r"a.wav.*no number.*0\.050 s"):
        Resampler(AudioFormat(16_000, 2, "a.wav"), 16_000).feed(block)


def test_integers_stored_as_floats_are_refused():
    """Clipping them would make noise of a good recording."""
    with pytest.raises(AudioError, match=r"23000.*divide"):
        convert(np.full(10, 23_000.0), 16_000)


@pytest.mark.parametrize(
    "block",
    [np.zeros((5, 3), np.int16), np.zeros((5, 2, 1), np.int16), np.zeros((5, 2), np.int8)],
)
def test_blocks_of_another_form_are_refused(block):
    """A wrong shape or type is an error, never misread."""
    with pytest.raises(AudioError):
        Resampler(AudioFormat(16_000, 2), 16_000).feed(block)


@pytest.mark.parametrize(("rate", "channels"), [(7_999, 1), (192_001, 1), (16_000, 0), (16_000, 9)])
def test_formats_out_of_bounds_are_refused(rate, channels):
    """The source is named, and the bounds are."""
    with pytest.raises(AudioError, match=r"x.wav has .* can be used"):
        AudioFormat(rate, channels, "x.wav")


@settings(deadline=None)
@given(
    st.sampled_from([8_000, 11_025, 16_000, 44_100, 48_000]),
    st.integers(1, 3),
    st.sampled_from(sorted(TYPES)),
    st.lists(st.integers(1, 700), min_size=1, max_size=6),
    st.integers(0, 2**32 - 1),
)
def test_the_cut_of_the_chunks_does_not_matter(rate, channels, kind, sizes, seed):
    """Whatever chunks a recording comes in, not one bit of the result differs."""
    noise = np.random.default_rng(seed).uniform(-1, 1, (3_000, channels)) * 0.9
    block = (noise * TYPES[kind]).astype(kind)
    whole = convert(block, rate, channels)
    assert convert(block, rate, channels, sizes=sizes).tolist() == whole.tolist()
