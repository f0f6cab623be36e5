"""Kokoro's voices: who they are, and what is said when they cannot speak."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch", reason="training needs the extra 'train'")
pytest.importorskip("wordfreq", reason="training needs the extra 'train'")

from click.testing import CliRunner

from stt_service.errors import SttError
from training.__main__ import main
from training.manifest import read_manifest
from training.synthesis import build, kokoro
from training.synthesis.voices import KOKORO_VOICES

installed = importlib.util.find_spec("kokoro_onnx") is not None
FOLDER = os.environ.get("STT_KOKORO")
"""Folder of the network's files, which are too large for the repository."""


def test_a_voice_left_out_is_part_of_no_mean() -> None:
    """What is never heard in training is not heard half, either."""
    left_out = {voice.name for voice in KOKORO_VOICES if voice.left_out}
    trained = [voice.name for voice in KOKORO_VOICES if not voice.left_out]
    assert len(left_out) == 4
    assert {name[:2] for name in left_out} == {"af", "am", "bf", "bm"}
    assert not left_out & {part for name in trained for part in name.split("+")}
    assert len({voice.name for voice in KOKORO_VOICES}) == len(KOKORO_VOICES)


def test_the_mean_of_two_voices_is_a_voice() -> None:
    """Half of each table; one alone is itself, and an unknown one is named."""
    voices = {name: np.full((3, 1, 4), value, np.float32) for name, value in (("a", 1), ("b", 4))}
    assert np.array_equal(kokoro.style(voices, ["a", "b"]), np.full((3, 1, 4), 2.5, np.float32))
    assert np.array_equal(kokoro.style(voices, ["b"]), voices["b"])
    with pytest.raises(KeyError, match="c"):
        kokoro.style(voices, ["a", "c"])


@pytest.mark.skipif(installed, reason="kokoro-onnx is installed")
def test_without_the_library_its_extra_is_named(tmp_path: Path) -> None:
    """The remedy is in the message, and nothing is written."""
    result = CliRunner().invoke(
        main, ["synthesise", "--out", str(tmp_path / "run"), "--kokoro", str(tmp_path)]
    )
    assert result.exit_code == 1
    assert "pip install 'stt-service[kokoro]'" in result.output
    assert not (tmp_path / "run").exists()


def test_without_its_files_they_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """First the network's, then the voices'."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: object())
    with pytest.raises(SttError, match=r"has no kokoro\*\.onnx"):
        kokoro.check(tmp_path)
    (tmp_path / "kokoro-v1.0.int8.onnx").touch()
    with pytest.raises(SttError, match=r"has no voices\*\.bin.*voices-v1\.0\.bin"):
        kokoro.check(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(
    not (installed and FOLDER), reason="STT_KOKORO names no folder of Kokoro's files"
)
def test_its_sets_are_spoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the real network: 16 kHz, one of its personas a clip."""
    recipes = tuple(replace(recipe, clips=2) for recipe in build.KOKORO_RECIPES)
    monkeypatch.setattr(build, "KOKORO_RECIPES", recipes)
    written = build.synthesise(tmp_path, 0, kokoro=Path(FOLDER or ""), recipes=(), shard=2)
    assert list(written) == [recipe.folder for recipe in recipes]
    for folder in written:
        entries = read_manifest(tmp_path / folder)
        assert len(entries) == 2
        for entry in entries:
            assert soundfile.info(entry.path).samplerate == 16000
            assert entry.speaker.startswith("kokoro_")
