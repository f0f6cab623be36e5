"""``stt-service models``: the commands around the store."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run


def test_a_local_model_goes_all_the_way(
    run: Run, model: Path, recordings: Path, own_state: Path
) -> None:
    """Installed, chosen, verified, used, removed."""
    done = run("models", "install", model, "--name", "mine")
    assert done.status == 0, done.err
    assert "mine is installed" in done.out
    assert run("models", "use", "mine").out == "mine is in use\n"
    assert "* mine  [installed, 0.1 MB]" in run("models", "list").out
    assert "mine is whole\n" in run("models", "verify").out
    assert run("transcribe", recordings / "a.wav").out == (
        run("transcribe", "--model", model, recordings / "a.wav").out
    )
    bundled = next(name for name in run("models", "list").out.split() if name.startswith("stt"))
    assert run("models", "remove", "mine").out == f"mine is removed; {bundled} is in use now\n"
    assert "mine" not in run("models", "list").out
    assert not (own_state / "models/mine").exists()


def test_known_models_are_listed_with_their_size(run: Run) -> None:
    """So that nobody is surprised by a gigabyte."""
    assert "deepspeech-0.9.3-en  [not installed, 1001 MB, MPL-2.0]" in run("models", "list").out


def test_what_is_no_model_is_not_installed(run: Run, recordings: Path) -> None:
    """A recording is refused by what it is; so is an unknown name."""
    done = run("models", "install", recordings / "a.wav", "--name", "mine")
    assert "is no TensorFlow Lite file" in done.err
    assert done.status == 1
    done = run("models", "install", "whisper")
    assert "there is no model called whisper" in done.err
    assert run("models", "install", "deepspeech-0.9.3-en", "--name", "x").status == 2


def test_verify_reports_a_changed_file(run: Run, model: Path, own_state: Path) -> None:
    """By name and with the exit status."""
    run("models", "install", model, "--name", "mine")
    with (own_state / "models/mine/mine.tflite").open("ab") as file:
        file.write(b"x")
    done = run("models", "verify", "mine")
    assert "mine.tflite has" in done.err
    assert done.status == 1


def test_verify_goes_on_after_a_fault(run: Run, model: Path, own_state: Path) -> None:
    """One damaged model does not hide whether the others are whole."""
    for name in ("first", "second"):
        run("models", "install", model, "--name", name)
    with (own_state / "models/first/first.tflite").open("ab") as file:
        file.write(b"x")
    done = run("models", "verify")
    assert "first.tflite has" in done.err
    assert "second is whole\n" in done.out
    assert done.status == 1
