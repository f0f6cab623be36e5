"""What is read from a model file, and how every other file is refused."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stt_service.decoder.alphabet import Alphabet
from stt_service.engine.graph import METADATA, read_graph
from stt_service.errors import ModelError
from tests.engine.conftest import LETTERS, make_model


@pytest.fixture
def edited(tiny_model, tmp_path):
    """A function that writes the tiny model with some bytes replaced, and returns its path."""

    def edit(old, new):
        raw = tiny_model.read_bytes()
        assert raw.count(old) == 1
        assert len(old) == len(new)
        path = tmp_path / "edited.tflite"
        path.write_bytes(raw.replace(old, new))
        return path

    return edit


def test_everything_comes_from_the_file(tmp_path):
    """Alphabet, shapes and settings are the model's own."""
    alphabet = Alphabet(tuple("zyx wä'"))
    with pytest.raises(ModelError):
        make_model(tmp_path / "a.tflite", alphabet=alphabet)  # 29 outputs, 7 labels
    make_model(tmp_path / "a.tflite", beam_width=77)
    info = read_graph(tmp_path / "a.tflite")
    assert info.alphabet == LETTERS
    assert (info.sample_rate, info.window, info.hop) == (16_000, 512, 320)
    assert (info.n_features, info.n_context, info.n_steps) == (26, 9, 16)
    assert (info.state_size, info.beam_width) == (16, 77)
    assert (info.mel_channels, info.low_hz, info.high_hz) == (40, 20.0, 8_000.0)
    assert info.frame_step == 0.02
    assert info.rounds_alike


def test_a_genuine_model_is_read(genuine_model):
    """Its alphabet has an order of its own; extra outputs do no harm."""
    info = read_graph(genuine_model)
    assert not info.rounds_alike
    assert "".join(info.alphabet.labels) == " comegstplfrihvw'"
    assert (info.state_size, info.beam_width) == (200, 500)


def test_other_files_are_refused_by_name_with_what_to_do(tmp_path, tiny_model):
    """Whatever is mistaken for a model is named, and so is the way out."""
    raw = tiny_model.read_bytes()
    files = {
        "empty.tflite": (b"", "is empty", "again"),
        "lfs.tflite": (b"version https://git-lfs.github.com/spec/v1\n", "LFS pointer", "git lfs"),
        "page.tflite": (b"<!DOCTYPE html><html>404", "a web page", r"\.tflite"),
        "a.zip": (b"PK\3\4" + raw, "archive", "Unpack"),
        "a.scorer": (b"mmap lm http://kheafield.com/code format", "a language model", "--scorer"),
        "a.pbmm": (bytes(100), "frozen TensorFlow graph", r"\.tflite"),
        "b.model": (bytes(100) + b"memmapped_package://.", "frozen TensorFlow", r"\.tflite"),
        "noise.tflite": (bytes(range(256)), "no TensorFlow Lite file", r"\.tflite"),
        "half.tflite": (raw[: len(raw) // 2], "cut short", "compare its size"),
        "short.tflite": (raw[:40], "cut short", "compare its size"),
        "tiny.tflite": (raw[:8], "cut short", "compare its size"),
    }
    for name, (content, problem, remedy) in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError, match=f"{name}.*{problem}.*{remedy}"):
            read_graph(tmp_path / name)
    os.mkfifo(tmp_path / "pipe")
    for name, problem in {"missing": "no model file", "": "a folder", "pipe": "a pipe"}.items():
        with pytest.raises(ModelError, match=problem):
            read_graph(tmp_path / name)


@pytest.mark.parametrize("name", ["input_samples", "mfccs", *METADATA])
def test_another_network_is_refused_by_what_it_lacks(edited, name):
    """The missing tensor is named."""
    new = name[:-1] + "#"
    with pytest.raises(ModelError, match=f"another network: it lacks {name}"):
        read_graph(edited(_stored(name), _stored(new)))


def _stored(name):
    return len(name).to_bytes(4, "little") + name.encode() + b"\0"


def test_an_alphabet_of_another_size_than_the_output_is_refused(tmp_path, edited):
    """Both sizes are named."""
    stored = LETTERS.serialise()
    shorter = Alphabet(LETTERS.labels[:-1]).serialise()
    path = edited(stored, shorter + bytes(len(stored) - len(shorter)))
    with pytest.raises(ModelError, match="27 labels and blank, but its output is 29 wide"):
        read_graph(path)


def test_a_damaged_alphabet_is_refused(edited):
    """The file is named, and the alphabet is."""
    stored = LETTERS.serialise()
    with pytest.raises(ModelError, match=r"edited\.tflite.*alphabet.*twice"):
        read_graph(edited(stored, stored.replace(b"b", b"c")))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (6, 7, "graph version 7; only version 6"),
        (16_000, 1_000, "metadata_sample_rate is 1000"),
        (50, 0, "metadata_beam_width is 0"),
        (20, 64, "hop of 1024 samples does not fit its window of 512"),
        (32, 0, "feature_win_len is 0"),
    ],
)
def test_impossible_metadata_is_refused_by_name(tiny_model, tmp_path, old, new, problem):
    """The value is named."""
    path = tmp_path / "odd.tflite"
    raw = tiny_model.read_bytes()
    # A scalar constant is a vector of four bytes: its length, then the number.
    vector = (4).to_bytes(4, "little")
    old_bytes, new_bytes = (vector + n.to_bytes(4, "little", signed=True) for n in (old, new))
    assert old_bytes in raw
    path.write_bytes(raw.replace(old_bytes, new_bytes))
    with pytest.raises(ModelError, match=problem):
        read_graph(path)


@settings(deadline=None, max_examples=200)
@given(
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=10),
    cut=st.floats(0.2, 2),
    seed=st.integers(0, 3),
)
def test_damage_is_refused_or_does_not_matter(tiny_model, flips, cut, seed, tmp_path_factory):
    """No other exception, and no endless walk, whatever bytes change."""
    raw = bytearray(tiny_model.read_bytes())
    for place, value in flips:
        raw[int(place ** (1 + seed) * (len(raw) - 1))] = value
    path = tmp_path_factory.getbasetemp() / "damaged.tflite"
    path.write_bytes(raw[: int(len(raw) * min(cut, 1))])
    try:
        info = read_graph(path)
    except ModelError as error:
        assert str(path) in str(error)  # noqa: PT017 -- either outcome is right
    else:
        assert np.isfinite(info.frame_step)
