"""Recordings on disk: what can be read is read in blocks, and what cannot is refused by name."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stt_service.audio.files import BLOCK_FRAMES, FileSource
from stt_service.audio.resample import mono_blocks
from stt_service.errors import AudioError

WAVE = 0.5 * np.sin(np.arange(20_000) * 0.1)
FORMATS = [
    ("a.wav", "PCM_16"),
    ("a.wav", "PCM_U8"),
    ("a.wav", "PCM_24"),
    ("a.wav", "PCM_32"),
    ("a.wav", "FLOAT"),
    ("a.wav", "DOUBLE"),
    ("a.wav", "ULAW"),
    ("a.flac", "PCM_16"),
    ("a.flac", "PCM_24"),
    ("a.ogg", "VORBIS"),
    ("a.ogg", "OPUS"),
    ("a.mp3", "MPEG_LAYER_III"),
]


def read(path, rate=16_000):
    with FileSource(path) as source:
        return np.concatenate(list(mono_blocks(source, rate)))


@pytest.mark.parametrize(("name", "subtype"), FORMATS)
def test_every_format_is_read_at_its_own_rate(tmp_path, name, subtype):
    """Level and length survive; the rate is the file's."""
    path = tmp_path / name
    soundfile.write(path, WAVE, 16_000, subtype=subtype)
    with FileSource(path) as source:
        assert source.format.rate == 16_000
        assert source.format.channels == 1
        assert source.duration == pytest.approx(1.25, abs=0.1)
    heard = read(path).astype(float)
    assert len(heard) == pytest.approx(20_000, abs=2_000)
    assert np.sqrt(np.mean(heard**2)) / 32768 == pytest.approx(0.5 / np.sqrt(2), rel=0.25)


def test_blocks_are_bounded(tmp_path):
    """A long file is never in memory as a whole."""
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros((3 * BLOCK_FRAMES + 5, 2)), 44_100)
    with FileSource(path) as source:
        sizes = [block.shape for block in source.blocks()]
    assert sizes == [(BLOCK_FRAMES, 2)] * 3 + [(5, 2)]


def test_sixteen_bit_files_are_read_to_the_bit(tmp_path):
    """No rounding on the way."""
    wave = np.random.default_rng(0).integers(-32768, 32768, 5_000).astype(np.int16)
    soundfile.write(tmp_path / "a.flac", wave, 16_000)
    assert read(tmp_path / "a.flac").tolist() == wave.tolist()


def test_unusable_files_are_refused_by_name(tmp_path):
    """Each message names the file and what is wrong."""
    soundfile.write(tmp_path / "none.wav", np.zeros(0), 16_000)
    soundfile.write(tmp_path / "slow.wav", np.zeros(10), 7_000)
    soundfile.write(tmp_path / "wide.wav", np.zeros((10, 9)), 16_000)
    soundfile.write(tmp_path / "whole.wav", np.zeros(100), 16_000)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "whole.wav").read_bytes()[:20])
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("This is no audio, but a letter to a friend.")
    (tmp_path / "lfs.wav").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    (tmp_path / "a.raw").write_bytes(bytes(100))
    os.mkfifo(tmp_path / "pipe.wav")
    wrong = {
        "none.wav": "no samples",
        "slow.wav": "7000 samples per second",
        "wide.wav": "9 channels",
        "cut.wav": "not a recording",
        "empty.wav": "is empty",
        "text.wav": "not a recording",
        "lfs.wav": "git lfs pull",
        "a.raw": "declare rate",
        "pipe.wav": "pipe",
        "missing.wav": "no file",
        ".": "folder",
    }
    for name, reason in wrong.items():
        with pytest.raises(AudioError, match=reason) as caught:
            FileSource(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


def test_a_damaged_mp3_is_one_error_that_is_ours(tmp_path, capfd):
    """The library's own lines stay off standard error, and so do reasons that are none."""
    path = tmp_path / "whole.mp3"
    soundfile.write(path, WAVE, 16_000, subtype="MPEG_LAYER_III")
    whole = path.read_bytes()
    junk = np.random.default_rng(0).bytes(3_000)
    (tmp_path / "junk.mp3").write_bytes(junk)
    (tmp_path / "middle.mp3").write_bytes(whole[:1_000] + junk + whole[1_000:])
    for name, reason in (("junk.mp3", "not a recording"), ("middle.mp3", "damaged")):
        with pytest.raises(AudioError, match=reason) as caught:
            read(tmp_path / name)
        assert str(tmp_path / name) in caught.value.message
        assert "File does not exist" not in caught.value.message
    assert capfd.readouterr().err == ""


def test_a_claimed_length_is_not_believed(tmp_path):
    """A WAV header that claims 4 GB costs neither memory nor time."""
    path = tmp_path / "big.wav"
    soundfile.write(path, np.ones(1_000, np.int16), 16_000)
    raw = bytearray(path.read_bytes())
    at = raw.index(b"data") + 4
    raw[at : at + 4] = b"\xf0\xff\xff\xff"
    path.write_bytes(raw)
    assert len(read(path)) == 1_000


def test_closing_twice_is_harmless(tmp_path):
    """As the contract says."""
    soundfile.write(tmp_path / "a.wav", np.zeros(10), 16_000)
    source = FileSource(tmp_path / "a.wav")
    source.close()
    source.close()


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """One short recording in each container."""
    folder = tmp_path_factory.mktemp("fuzz")
    for name, subtype in (FORMATS[0], FORMATS[4], FORMATS[7], FORMATS[9], FORMATS[11]):
        soundfile.write(folder / f"{subtype}-{name}", WAVE[:4_000], 16_000, subtype=subtype)
    yield sorted(folder.iterdir())
    shutil.rmtree(folder)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    which=st.integers(0, 4),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), max_size=8),
    cut=st.floats(0, 1),
)
def test_damaged_recordings_give_audio_or_a_clear_error(samples, tmp_path, which, flips, cut):
    """Neither a crash nor another kind of exception, and no more audio than could be in there."""
    whole = samples[which]
    raw = bytearray(whole.read_bytes())
    for place, bits in flips:
        raw[int(place * (len(raw) - 1))] ^= bits
    path = Path(tmp_path / f"damaged{whole.suffix}")
    path.write_bytes(raw[: int(len(raw) * cut) if cut < 0.5 else len(raw)])
    try:
        read(path)
    except AudioError as error:
        assert str(path) in str(error)  # noqa: PT017 -- either outcome is right
