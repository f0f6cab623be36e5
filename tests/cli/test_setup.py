"""``stt-service setup``, as it is called; recordings stand for microphones."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from stt_service.cli import program
from stt_service.errors import AudioError, ConfigError
from stt_service.store.db import FILE
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]
RATE = 16_000
SENTENCE, _ = soundfile.read(ROOT / "models/demo-1-turn-on-the-kitchen-light.flac", dtype="int16")

pytestmark = pytest.mark.usefixtures("own_state")


def call(*words: str, answers: str = "") -> Result:
    return CliRunner().invoke(program, ["setup", *words], input=answers)


def microphone(folder: Path, name: str, level: float, room: float = 20.0) -> str:
    """Return a source that delivers 4.5 s of a room, a sentence, and the room again."""
    padded = np.pad(SENTENCE * level, (round(4.5 * RATE), 3 * RATE))
    noisy = padded + np.random.default_rng(0).normal(0, room, len(padded))
    path = folder / f"{name}.wav"
    soundfile.write(path, noisy.clip(-32768, 32767).astype(np.int16), RATE)
    return f"cmd:cat {path}"


@pytest.fixture
def near(tmp_path: Path) -> str:
    return microphone(tmp_path, "near", 1.0)


@pytest.fixture
def far(tmp_path: Path) -> str:
    return microphone(tmp_path, "far", 0.08)


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    """The user's settings, as ``own_state`` places them."""
    path = tmp_path / "config/stt-service/config.toml"
    path.parent.mkdir(parents=True)
    return path


def test_the_microphone_that_hears_best_is_written_down(
    near: str, far: str, own_file: Path
) -> None:
    """With nobody there to answer; and comments stay."""
    own_file.write_text("[vad]\n# Ours.\naggressiveness = 3  # strict\n", encoding="utf-8")
    result = call("--yes", "--source", far, "--source", near)
    assert result.exit_code == 0, result.output
    assert "2 of 2 microphones are open" in result.stdout
    assert 'You said, as I understand it: "turn on the kitchen light"' in result.stdout
    text = own_file.read_text(encoding="utf-8")
    assert text.startswith("[vad]\n# Ours.\naggressiveness = 3  # strict\n")
    assert tomllib.loads(text)["source"] == {"name": near}


def test_with_yes_nobody_agrees_to_anything(near: str, own_state: Path) -> None:
    """Consent is given by people."""
    result = call("--yes", "--source", near)
    assert "Nothing that is said here is kept" in result.stdout
    assert "Do you want to keep" not in result.stdout
    assert not (own_state / "store" / FILE).exists()


def test_pressing_enter_all_the_time_agrees_to_nothing(near: str, own_state: Path) -> None:
    """The answer that is suggested is no."""
    result = call("--source", near, answers="\n" * 5)
    assert result.exit_code == 0, result.output
    assert "to see and correct it? [y/N]" in result.stdout
    assert not (own_state / "store" / FILE).exists()


def test_saying_no_to_the_text_is_a_no(near: str, own_state: Path) -> None:
    """Who wanted to read it first has not agreed yet."""
    result = call("--source", near, answers="\ny\nn\n")
    assert result.exit_code == 0, result.output
    assert "You have not agreed" in result.stdout
    assert not (own_state / "store" / FILE).exists()


def test_saying_yes_twice_is_a_consent(near: str, run: Run) -> None:
    """As `consent give` records it; a second run does not ask again."""
    assert call("--source", near, answers="\ny\ny\n").exit_code == 0
    assert "saving is on" in run("consent", "status").out
    again = call("--no-listen", answers="\n")
    assert "stays as it is" in again.stdout


def test_another_microphone_can_be_taken(near: str, far: str, own_file: Path) -> None:
    """By its number."""
    result = call("--source", near, "--source", far, answers="n\n2\ny\n\n")
    assert result.exit_code == 0, result.output
    assert tomllib.loads(own_file.read_text(encoding="utf-8"))["source"] == {"name": far}


def test_nothing_is_written_that_is_refused(near: str, own_file: Path) -> None:
    """The file is not even made."""
    result = call("--source", near, answers="n\n\n")
    assert "nothing was written" in result.stdout
    assert not own_file.exists()


def test_when_nobody_speaks_the_settings_stay(tmp_path: Path, own_file: Path) -> None:
    """It is asked whether to try again; with --yes it is not."""
    silent = microphone(tmp_path, "silent", 0.0)
    result = call("--source", silent, answers="n\n\n")
    assert "I have heard nobody" in result.stdout
    assert not own_file.exists()
    assert call("--yes", "--source", silent).exit_code == 0


def test_a_microphone_that_cannot_be_opened_is_named(near: str, own_file: Path) -> None:
    """And the others are tried."""
    result = call("--yes", "--source", "cmd:no-such-recorder", "--source", near)
    assert "(not tried) cmd:no-such-recorder:" in result.stdout
    assert tomllib.loads(own_file.read_text(encoding="utf-8"))["source"] == {"name": near}


def test_without_any_microphone_it_is_a_fault() -> None:
    """With what to do."""
    result = call("--yes", "--source", "cmd:no-such-recorder")
    assert isinstance(result.exception, AudioError)
    assert "stt-service doctor" in str(result.exception)


def test_a_mistaken_file_is_said_before_anybody_speaks(near: str, own_file: Path) -> None:
    """Nobody speaks in vain."""
    own_file.write_text("[vad]\naggressivness = 3\n", encoding="utf-8")
    result = call("--yes", "--source", near)
    assert isinstance(result.exception, ConfigError)
    assert "microphones are open" not in result.output


def test_what_the_environment_overrules_is_said(
    near: str, own_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is written, and does not decide."""
    monkeypatch.setenv("STT_SERVICE_SOURCE__NAME", "microphone")
    result = call("--yes", "--source", near)
    assert "source.name is decided by the environment" in result.stderr
    assert own_file.exists()


def test_models_are_timed_and_the_largest_that_keeps_up_is_taken(run: Run, model: Path) -> None:
    """An installed one too; the smaller of the two is not."""
    assert run("models", "install", model, "--name", "tiny").status == 0
    assert run("models", "use", "tiny").status == 0
    result = call("--yes", "--no-listen")
    assert result.exit_code == 0, result.output
    assert "tiny " in result.stdout
    assert "stt-en-small is in use" in result.stdout


def test_a_model_named_in_the_settings_stays(
    run: Run, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has written it there."""
    assert run("models", "install", model, "--name", "tiny").status == 0
    monkeypatch.setenv("STT_SERVICE_MODEL__NAME", "tiny")
    result = call("--yes", "--no-listen")
    assert "model.name says tiny, and so it stays" in result.stdout


def test_where_no_microphone_opens_nobody_is_asked_to_be_quiet(run: Run) -> None:
    """Why stands above, and nothing is waited for."""
    done = run("setup", "--yes", "--source", "foo")
    assert done.status == 1
    assert "there is no source 'foo'" in done.out
    assert "quiet" not in done.out
    assert "no microphone opens" in done.err


def test_a_recording_that_is_too_short_says_so(tmp_path: Path) -> None:
    """It delivers something, and then it is over."""
    path = tmp_path / "short.wav"
    soundfile.write(path, SENTENCE, RATE)
    done = call("--yes", "--source", f"cmd:cat {path}")
    assert isinstance(done.exception, AudioError)
    assert "ended after" in done.exception.message
    assert "of the quiet room" in done.exception.remedy
