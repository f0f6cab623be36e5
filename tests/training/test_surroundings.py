"""Rooms, noise and codecs that are made rather than recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch", reason="training needs the extra 'train'")
pytest.importorskip("pyroomacoustics", reason="training needs the extra 'train'")

from training import codecs, noises, rooms
from training.manifest import read_manifest
from training.prepare import prepare


def direct_to_reverberant(impulse: np.ndarray) -> float:
    """Decibels of the first 2.5 ms over all that follows."""
    power = np.square(impulse.astype(float))
    return float(10 * np.log10(power[:56].sum() / power[56:].sum()))


def test_simulated_rooms_sound_farther_away_with_distance(tmp_path: Path) -> None:
    """The set reads as impulses; near talkers are heard more directly than far ones."""
    folder = rooms.write_set(tmp_path, rooms=24, seed=4)
    entries = read_manifest(folder)
    assert len(entries) == 24
    assert all(entry.transcript == "" for entry in entries)
    near: list[float] = []
    far: list[float] = []
    for entry in entries:
        impulse, rate = soundfile.read(entry.path)
        assert rate == 16000
        assert len(impulse) <= rooms.SECONDS * rate
        assert np.abs(impulse).max() == pytest.approx(0.9, abs=0.01)
        distance = float(entry.path.name.split("_")[2].removesuffix("m"))
        assert rooms.DISTANCE[0] - 0.05 <= distance <= rooms.DISTANCE[1] + 0.05
        (near if distance < 1 else far).append(direct_to_reverberant(impulse))
    assert np.mean(near) > np.mean(far) + 3
    assert {clip.split for clip in prepare([tmp_path], tmp_path / "corpus")} == {"impulse"}


def test_the_same_seed_makes_the_same_rooms(tmp_path: Path) -> None:
    """A set can be made again, and is not while it is there."""
    first, second = (rooms.write_set(tmp_path / name, rooms=2, seed=7) for name in "ab")
    for path in first.glob("*.flac"):
        assert path.read_bytes() == (second / path.name).read_bytes()
    before = (first / "manifest.csv").stat().st_mtime_ns
    rooms.write_set(tmp_path / "a", rooms=2, seed=8)
    assert (first / "manifest.csv").stat().st_mtime_ns == before


def test_made_noise_is_of_every_kind(tmp_path: Path) -> None:
    """Each clip is audible, unclipped and unlike the next."""
    folder = noises.write_set(tmp_path, clips_per_kind=1, seed=2)
    entries = read_manifest(folder)
    assert {e.path.name.split("_")[0] for e in entries} == {k.__name__ for k in noises.KINDS}
    for entry in entries:
        sound, rate = soundfile.read(entry.path)
        assert len(sound) == noises.SECONDS * rate
        assert np.abs(sound).max() == pytest.approx(0.4, abs=0.01)
        assert sound.std() > 0.005
    assert {clip.split for clip in prepare([tmp_path], tmp_path / "corpus")} == {"noise"}


@pytest.mark.parametrize("codec", sorted(set(codecs.CODECS), key=str), ids=str)
def test_a_codec_keeps_speech_in_place_and_loses_some_of_it(codec: codecs.Codec) -> None:
    """As long as before, not delayed, within 20 dB of what it was, but changed."""
    time = np.arange(24000) / 16000
    tone = 0.2 * np.sin(2 * np.pi * 700 * time) * (np.sin(2 * np.pi * 3 * time) > 0)
    audio = np.round(tone * 32768).astype(np.int16)
    heard = codecs.through(audio, codec)
    assert heard.dtype == np.int16
    assert len(heard) == len(audio)
    assert not np.array_equal(heard, audio)
    lag = np.argmax(np.correlate(heard[:6000].astype(float), audio[:6000].astype(float), "full"))
    assert abs(lag - 5999) <= 40
    error = np.square(heard.astype(float) - audio).mean() / np.square(audio.astype(float)).mean()
    assert error < 0.6


def test_a_small_share_of_clips_goes_through_codecs() -> None:
    """It hangs on the name: the same clips at every run, and every codec is used."""
    chosen = [codecs.codec_for(f"set/{i}.flac") for i in range(5000)]
    used = [codec for codec in chosen if codec]
    assert len(used) / len(chosen) == pytest.approx(codecs.SHARE, abs=0.015)
    assert set(used) == set(codecs.CODECS)
    assert chosen[:50] == [codecs.codec_for(f"set/{i}.flac") for i in range(50)]
