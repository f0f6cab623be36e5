"""Epoch plans, batches and augmentation."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from tests.training.speaking import WORDS, write_set  # noqa: E402
from training import augment  # noqa: E402
from training.data import EpochData, Item, plan_batches, plan_items  # noqa: E402
from training.features import SAMPLE_RATE, frame_count, log_mel, mel_channel  # noqa: E402
from training.prepare import Clip, Corpus, prepare, speech_bounds  # noqa: E402


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """The tone corpus, prepared."""
    prepare([write_set(tmp_path / "data") / "train"], tmp_path / "corpus")
    return Corpus(tmp_path / "corpus")


def test_a_prepared_corpus_holds_every_clip_once(corpus: Corpus) -> None:
    """60 clips of speech in two splits by speaker, and the noise apart."""
    spoken = [clip for clip in corpus.clips if clip.transcript]
    assert len(spoken) == 60
    held_out = {clip.speaker for clip in corpus.select("dev")}
    assert len(held_out) == 1
    assert not held_out & {clip.speaker for clip in corpus.select("train")}
    assert [clip.transcript for clip in corpus.select("noise")] == [""]
    clip = spoken[7]
    assert len(corpus.audio(clip)) == clip.samples
    assert np.abs(corpus.audio(clip)).max() == pytest.approx(0.3, abs=0.02)


def test_joined_words_are_of_one_speaker(corpus: Corpus) -> None:
    """Short clips are strung together, each clip once per epoch."""
    clips = corpus.select("train")
    items = plan_items(clips, seed=1, epoch=0)
    used = sorted(i for item in items for i in item.clips)
    assert used == list(range(len(clips)))
    assert all(len({clips[i].speaker for i in item.clips}) <= 1 for item in items)
    assert any(len(item.clips) > 2 for item in items)


def clips_of(name: str, count: int, transcript: str = "open the door") -> list[Clip]:
    """Clips of two seconds by one speaker."""
    return [
        Clip(name, f"{i}", "ann", f"{transcript} {i}", "train", 0, 32000, 0, 32000)
        for i in range(count)
    ]


def test_made_up_speech_does_not_drown_the_recorded() -> None:
    """Of a lot of it each epoch hears as much as of people, and another part than the last."""
    clips = clips_of("people", 200) + clips_of("synthetic_commands", 2000)
    heard = [{i for item in plan_items(clips, 1, epoch) for i in item.clips} for epoch in range(2)]
    for epoch in heard:
        assert set(range(200)) <= epoch
        assert len(epoch) == pytest.approx(400, abs=50)
    assert len(heard[0] & heard[1]) < 260
    alone = plan_items(clips[200:], 1, 0)
    assert sum(len(item.clips) for item in alone) == 2000


def test_commands_of_one_speaker_are_joined_two_by_two_at_most() -> None:
    """Long sentences, and those of speakers nobody knows, stay alone."""
    clips = clips_of("people", 400)
    sizes = [len(item.clips) for item in plan_items(clips, 1, 0) if item.clips]
    assert set(sizes) == {1, 2}
    assert 0.05 < sizes.count(2) / len(sizes) < 0.2
    unknown = [dataclasses.replace(clip, speaker="unknown") for clip in clips]
    long = clips_of("people", 400, "a b c d e f g h i")
    for alone in (unknown, long):
        assert {len(item.clips) for item in plan_items(alone, 1, 0) if item.clips} == {1}


def test_an_item_sounds_the_same_whoever_computes_it(corpus: Corpus) -> None:
    """A resumed run meets the very features that the stopped one would have."""
    config = augment.AugmentConfig()
    first, second = (EpochData(corpus, 3, 2, augmentation=config) for _ in range(2))
    assert first.batches == second.batches
    second.features(0)
    torch.testing.assert_close(first[0].features, second[0].features, rtol=0, atol=0)
    other = EpochData(corpus, 3, 3, augmentation=config)
    assert other.items != first.items


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 500), min_size=1, max_size=80))
def test_batches_hold_every_item_and_keep_their_limits(lengths: list[int]) -> None:
    """No item is lost, and no batch of several exceeds the frames allowed."""
    items = [Item((i,), n) for i, n in enumerate(lengths)]
    batches = plan_batches(items, 1, 0, 1000, 16)
    assert sorted(i for batch in batches for i in batch) == list(range(len(items)))
    for batch in batches:
        assert len(batch) <= 16
        assert len(batch) == 1 or max(lengths[i] for i in batch) * len(batch) <= 1000


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40000))
def test_augmented_audio_stays_audio(seed: int, samples: int) -> None:
    """Whatever is drawn: finite, within full scale, at least a frame long."""
    rng = np.random.default_rng(seed)
    audio = (0.1 * np.random.default_rng(0).standard_normal(samples)).astype(np.float32)
    backdrop = augment.Backdrop([audio], [audio[:100]], [audio])
    config = augment.AugmentConfig()
    changed = augment.augment(rng, audio, backdrop, config)
    assert changed.dtype == np.float32
    assert np.isfinite(changed).all()
    assert np.abs(changed).max() <= 1.0
    features = augment.masked_mfcc(rng, changed, config)
    assert features.shape == (frame_count(len(changed)), 26)
    assert len(features) >= 1


def test_at_no_strength_only_the_speaker_and_the_band_change() -> None:
    """No noise, room, overdriving or gap; other tempos and vocal tracts make other speakers."""
    gentle, full = augment.AugmentConfig().weakened(0.0), augment.AugmentConfig()
    assert (gentle.noise, gentle.colour, gentle.clipping) == (0, 0, 0)
    assert (gentle.time_mask_frames, gentle.mel_mask) == (0, 0)
    assert (gentle.speed, gentle.warp, gentle.narrow) == (full.speed, full.warp, full.narrow)
    assert full.weakened(1.0) == full


def test_noise_is_added_at_the_ratio_asked_for() -> None:
    """10 dB means a tenth of the power."""
    rng = np.random.default_rng(1)
    speech = rng.standard_normal(16000).astype(np.float32)
    for _ in range(6):
        noisy = augment.add_noise(rng, speech, augment.Backdrop([], [], []), (10.0, 10.0))
        assert np.square(noisy - speech).mean() == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize("factor", [0.88, 1.0, 1.13])
def test_a_warp_moves_every_frequency_by_its_factor(factor: float) -> None:
    """The loudest channel of a 1 kHz tone is the one nearest to its new place."""
    tone = np.sin(2 * np.pi * 1000 * np.arange(8000) / SAMPLE_RATE).astype(np.float32)
    warped = log_mel(tone) @ augment.warp_matrix(factor)
    expected = round(float(mel_channel(np.array(1000 * factor))))
    assert abs(int(warped.mean(axis=0).argmax()) - expected) <= 1
    if factor == 1.0:
        np.testing.assert_allclose(warped, log_mel(tone), atol=1e-5)


def test_silent_ends_are_found() -> None:
    """Speech begins and ends where it gets loud, with a margin; plain noise is left whole."""
    quiet = np.zeros(16000, dtype=np.int16)
    loud = (3000 * np.sin(np.arange(8000))).astype(np.int16)
    begin, end = speech_bounds(np.concatenate([quiet, loud, quiet]))
    assert 13500 <= begin <= 16000
    assert 24000 <= end <= 26500
    hiss = np.random.default_rng(0).integers(-100, 100, 16000).astype(np.int16)
    assert speech_bounds(hiss) == (0, 16000)


def test_words_of_the_tone_corpus_are_the_expected_ones(corpus: Corpus) -> None:
    """What was written is what is read back."""
    assert {clip.transcript for clip in corpus.clips} - {""} == set(WORDS)
