"""``stt-service tune`` and ``devices``, as they are called."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from stt_service.cli import program
from stt_service.errors import AudioError, ConfigError, SttError

MODELS = Path(__file__).parents[2] / "models"
SPOKEN = str(MODELS / "demo-1-turn-on-the-kitchen-light.flac")

pytestmark = pytest.mark.usefixtures("own_state")


def call(*words: str) -> Result:
    return CliRunner().invoke(program, words, catch_exceptions=True)


def test_a_spoken_sentence_is_one_utterance() -> None:
    """In figures and in words."""
    found = json.loads(call("tune", SPOKEN, "--json").stdout)
    assert found["file"] == SPOKEN
    assert len(found["utterances"]) == 1
    assert found["speech"] > 0.5
    assert found["speech_db"] > found["noise_db"]
    text = call("tune", SPOKEN).stdout
    assert "utterances: 1" in text
    assert "ended by" in text


def test_where_nobody_speaks_speech_has_no_level(tmp_path: Path) -> None:
    """A figure that there is none of is left out."""
    path = tmp_path / "quiet.wav"
    soundfile.write(path, np.zeros(16_000, np.int16), 16_000)
    text = call("tune", str(path)).stdout
    assert "of which 0.00 s speech, the rest" in text
    assert "none dB" not in text
    assert "at none" not in text


def test_settings_can_be_tried() -> None:
    """And count for this call alone."""
    slow = call("tune", SPOKEN, "--json", "--set", "segmenter.pre_roll=0").stdout
    usual = call("tune", SPOKEN, "--json").stdout
    assert json.loads(slow)["utterances"][0]["start"] > json.loads(usual)["utterances"][0]["start"]


@pytest.mark.parametrize("value", ["pre_roll=0", "segmenter.pre_roll", "engine.threads=1", "=1"])
def test_what_is_no_setting_of_these_is_wrong_use(value: str) -> None:
    """Only the detector's and the segmenter's can be tried."""
    result = call("tune", SPOKEN, "--set", value)
    assert result.exit_code == 2
    assert "segmenter.end_window=0.8" in result.output


def test_a_mistaken_setting_is_named() -> None:
    """As in a file."""
    result = call("tune", SPOKEN, "--set", "vad.agressiveness=1")
    assert isinstance(result.exception, ConfigError)
    assert "did you mean aggressiveness?" in str(result.exception)


def test_the_others_are_examined_when_one_fails(tmp_path: Path) -> None:
    """The failure is told, and so is the status."""
    result = call("tune", str(tmp_path / "none.wav"), SPOKEN)
    assert isinstance(result.exception, SttError)
    assert "1 of 2 recordings" in str(result.exception)
    assert "utterances: 1" in result.stdout
    assert "there is no file" in result.stderr


def test_the_plot_is_a_png(tmp_path: Path) -> None:
    """Of the size of the recording."""
    pytest.importorskip("matplotlib", reason="plots need matplotlib")
    plot = tmp_path / "plot.png"
    assert call("tune", SPOKEN, "--plot", str(plot)).exit_code == 0
    assert plot.read_bytes().startswith(b"\x89PNG\r\n")
    result = call("tune", SPOKEN, "--plot", str(tmp_path / "no" / "plot.png"))
    assert "cannot be written" in str(result.exception)


def test_a_plot_is_of_one_recording(tmp_path: Path) -> None:
    """Several would overwrite each other."""
    result = call("tune", SPOKEN, SPOKEN, "--plot", str(tmp_path / "plot.png"))
    assert result.exit_code == 2
    assert "--plot takes one recording, not 2" in result.output


def test_without_matplotlib_the_figures_are_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And one line says how to get the picture."""
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = call("tune", SPOKEN, "--plot", str(tmp_path / "plot.png"))
    assert "utterances: 1" in result.stdout
    assert "pip install 'stt-service[plot]'" in str(result.exception)


@pytest.mark.parametrize("words", [["usb"], ["--seconds", "3"]])
def test_a_list_takes_no_name(words: list[str]) -> None:
    """Names and times are the meter's."""
    result = call("devices", *words)
    assert result.exit_code == 2
    assert "--meter" in result.output


def test_without_pyaudio_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list and the meter alike."""
    monkeypatch.setitem(sys.modules, "pyaudio", None)
    for words in (["devices"], ["devices", "--meter"]):
        result = call(*words)
        assert isinstance(result.exception, AudioError)
        assert "stt-service[mic]" in str(result.exception)


def test_a_recording_can_play_the_microphone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The meter shows whatever the settings listen to."""
    monkeypatch.setenv("STT_SERVICE_SOURCE__NAME", f"wav:{SPOKEN}")
    result = call("devices", "--meter", "--seconds", "1")
    assert result.exit_code == 0, result.exception
    lines = result.stdout.splitlines()
    assert len(lines) == 4
    assert all(" dB, peak " in line for line in lines)
