"""Frames are counted, padded and fed back as DeepSpeech does it."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stt_service.engine.acoustic import AcousticModel, AcousticStream
from stt_service.errors import EngineError
from tests.contracts.engine import sound
from tests.engine.conftest import make_model


@pytest.fixture(scope="module")
def model(tiny_model):
    """One interpreter for all tests of this module."""
    return AcousticModel(tiny_model, threads=1)


def loudness(samples):
    """The level of samples that are alike throughout, in decibels below full scale."""
    return 10 * np.log10(np.mean(np.square(samples / 32768)))


def by_the_book(model, samples):
    """DeepSpeech's streaming in its plainest form: everything at once, frame by frame."""
    info = model.info
    windows, at = [], 0
    while at + info.window <= len(samples):
        windows.append(samples[at : at + info.window])
        at += info.hop
    rest = samples[at:]
    windows.append(np.concatenate([rest, np.zeros(info.window - len(rest), np.int16)]))
    features = np.concatenate([model.features(window[np.newaxis]) for window in windows])
    zeros = np.zeros((info.n_context, info.n_features), np.float32)
    rows = np.concatenate([zeros, features, zeros])
    around = [rows[i : i + 2 * info.n_context + 1] for i in range(len(features))]
    cell, hidden = np.zeros((2, info.state_size), np.float32)
    parts = []
    for first in range(0, len(around), info.n_steps):
        batch = np.zeros((info.n_steps, *around[0].shape), np.float32)
        part = around[first : first + info.n_steps]
        batch[: len(part)] = part
        parts.append(model.run(batch, cell, hidden)[: len(part)])
    return np.concatenate(parts)


@pytest.mark.parametrize(
    "count", [0, 1, 511, 512, 513, 831, 832, 833, 8_191, 8_192, 8_193, 13_312, 16_000, 40_123]
)
def test_frames_are_those_of_deepspeech(model, count):
    """A last window filled up with zeros, zero context on both sides, the state handed on."""
    samples = sound(3.0, 16_000)[:count]
    found = model.probabilities(samples)
    assert len(found) == 1 + max(0, 1 + (count - 512) // 320)
    assert np.abs(found - by_the_book(model, samples)).max() < 1e-4
    assert np.allclose(found.sum(axis=1), 1.0, atol=1e-5)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(0, 12_000), min_size=1, max_size=10).filter(any), st.integers(0, 30_000)
)
def test_not_one_bit_depends_on_the_chunks(model, sizes, count):
    """Chunks of any sizes, empty ones too."""
    samples = sound(2.0, 16_000, seed=3)[:count]
    parts = []
    stream = AcousticStream(model, parts.append)
    at, turn = 0, 0
    while at < len(samples):
        size = sizes[turn % len(sizes)]
        stream.feed(samples[at : at + size])
        at, turn = at + size, turn + 1
    stream.finish()
    assert np.concatenate(parts).tolist() == model.probabilities(samples).tolist()


def test_frames_come_as_soon_as_they_can(model):
    """The first run needs n_context frames more than the later ones, and no sample longer."""
    runs = []
    stream = AcousticStream(model, runs.append)
    stream.feed(np.zeros(24 * 320 + 511, np.int16))
    assert not runs
    stream.feed(np.zeros(1, np.int16))
    assert [len(run) for run in runs] == [16]
    stream.feed(np.zeros(16 * 320 - 1, np.int16))
    assert len(runs) == 1
    stream.feed(np.zeros(1, np.int16))
    assert [len(run) for run in runs] == [16, 16]


def test_strided_samples_are_taken(model):
    """One channel of a stereo array is a view with gaps."""
    samples = sound(1.0, 16_000)
    stereo = np.stack([samples, np.zeros_like(samples)], axis=1)
    assert model.probabilities(stereo[:, 0]).tolist() == model.probabilities(samples).tolist()


def test_a_network_that_gives_no_numbers_is_an_error(tmp_path):
    """NaN must not pass for silence."""
    path = tmp_path / "damaged.tflite"
    bias = make_model(path).tobytes()
    raw = path.read_bytes()
    assert raw.count(bias) == 1
    path.write_bytes(raw.replace(bias, np.full(len(bias) // 4, np.nan, np.float32).tobytes()))
    with pytest.raises(EngineError, match="no numbers"):
        AcousticModel(path, threads=1).probabilities(sound(0.5, 16_000))


def test_both_kinds_of_kernels_answer_alike(tiny_model):
    """They round differently, but it is the same network."""
    samples = sound(1.5, 16_000)
    original, fast = (
        AcousticModel(tiny_model, threads=1, kernels=kernels).probabilities(samples)
        for kernels in ("original", "fast")
    )
    assert np.abs(original - fast).mean() < 0.02


def answer(path, kernels):
    return AcousticModel(path, threads=1, kernels=kernels).probabilities(sound(1.5, 16_000))


def test_where_all_kernels_round_alike_the_fast_ones_are_taken(tiny_model):
    """The models that our training exports: the same numbers but for the last bits of a float."""
    auto = answer(tiny_model, "auto")
    assert auto.tolist() == answer(tiny_model, "fast").tolist()
    assert np.abs(auto - answer(tiny_model, "original")).max() < 1e-5


def test_small_models_that_round_otherwise_keep_the_original_kernels(genuine_model, monkeypatch):
    """A genuine model's words come out as the original has them; of a wide one, size decides."""
    assert answer(genuine_model, "auto").tolist() == answer(genuine_model, "original").tolist()
    monkeypatch.setattr("stt_service.engine.acoustic.ORIGINAL_BYTES", 1_000)
    assert answer(genuine_model, "auto").tolist() == answer(genuine_model, "fast").tolist()


def steady(amplitude, seconds=1.5):
    """A sound whose windows are all alike: they begin at the same place of its period."""
    period = np.rint(amplitude * np.sin(2 * np.pi * np.arange(64) / 64))
    return np.tile(period.astype(np.int16), int(seconds * 250))


def heard(path, level, samples):
    return AcousticModel(path, threads=1, speech_level=level).probabilities(samples)


def test_quiet_speech_is_heard_as_if_it_were_as_loud_as_the_network_knows(tiny_model):
    """Ten times as large samples, or ten times as small ones raised by 20 dB: the same."""
    soft = steady(300)
    raised = heard(tiny_model, loudness(soft) + 20, soft)
    assert np.abs(raised - heard(tiny_model, None, 10 * soft)).max() < 1e-5
    assert np.abs(raised - heard(tiny_model, None, soft)).max() > 1e-3, "the level matters at all"


def test_one_loud_moment_tells_that_nothing_is_to_be_raised(tiny_model):
    """A soft beginning of loud speech keeps every bit, and so does a soft end."""
    soft, loud = steady(300, 0.8), steady(3_000, 0.2)
    samples = np.concatenate([soft, loud, soft])
    level = loudness(loud) - 0.1
    assert heard(tiny_model, level, samples).tolist() == heard(tiny_model, None, samples).tolist()


def test_no_more_than_thirty_decibels_are_added(tiny_model):
    """What is softer yet is noise."""
    soft = steady(30)
    most = heard(tiny_model, loudness(soft) + 30, soft)
    assert np.abs(heard(tiny_model, 0.0, soft) - most).max() < 1e-6


def test_the_loudest_window_is_what_counts(model):
    """Known as soon as it has been heard, wherever it lies; none is quiet for a model without."""
    stream = AcousticStream(model, lambda _: None)
    stream.feed(np.concatenate([steady(300, 0.8), steady(3_000, 0.1), steady(300, 0.8)]))
    stream.finish()
    assert 10 * np.log10(stream.loudest / 2**30) == pytest.approx(loudness(steady(3_000)), abs=0.1)
    assert not model.quiet(0)
    assert model.gain(1.0) == 1


def test_silence_is_no_reason_to_divide_by_nothing(tiny_model):
    silent = np.zeros(16_000, np.int16)
    assert heard(tiny_model, -30.0, silent).tolist() == heard(tiny_model, None, silent).tolist()
