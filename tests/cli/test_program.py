"""The program around the commands: help, versions, faults, start-up."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from stt_service import __version__
from stt_service.cli import COMMANDS
from tests.cli.conftest import Run
from tests.running import ROOT


def test_help_lists_every_command(run: Run) -> None:
    """Each with its line; and nothing heavy is imported to say so."""
    done = run("--help")
    assert done.status == 0
    assert all(f"  {name} " in done.out for name in COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself(run: Run, name: str) -> None:
    """It can be imported and has a help text."""
    done = run(name, "--help")
    assert done.status == 0
    assert f"Usage: stt-service {name}" in done.out


def test_lists_of_commands_have_whole_sentences(run: Run) -> None:
    """None is cut off where the line ends."""
    lists = {name: run(name, "--help").out.partition("\nCommands:\n")[2] for name in COMMANDS}
    assert sum(map(bool, lists.values())) >= 11
    assert [name for name, text in lists.items() if "..." in text] == []


def test_help_is_quick_because_it_imports_little() -> None:
    """Numbers, networks and downloads wait until they are needed."""
    heavy = "numpy, pydantic, httpx, rich, ai_edge_litert, soundfile, hassil, yaml"
    code = (
        "import sys\nfrom stt_service.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"print([m for m in '{heavy}'.split(', ') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_transcribing_imports_no_downloader(model: Path, own_state: Path) -> None:
    """The way to the first word is short; a progress bar is loaded on a terminal only."""
    code = (
        "import sys\nfrom stt_service.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([m for m in ('httpx', 'rich', 'hassil', 'yaml') if m in sys.modules])"
    )
    arguments = ["transcribe", "--model", str(model), "/nonexistent.wav"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version_is_printed(run: Run) -> None:
    """As a release is named."""
    assert run("--version").out == f"stt-service, version {__version__}\n"


@pytest.mark.parametrize(
    "start",
    [
        "from stt_service.start import main; main()",
        "runpy.run_module('stt_service', run_name='__main__')",
        "runpy.run_path('debian/launcher', run_name='__main__')",
    ],
)
def test_an_interruption_while_modules_are_imported_is_silent(start: str) -> None:
    """Ctrl-C in the first moments is status 130, not a traceback; for every way to start."""
    code = (
        "import os, runpy, signal, sys\n"
        # Whoever runs the tests in the background has it ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "class CtrlC:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'click': os.kill(os.getpid(), signal.SIGINT)\n"
        f"sys.meta_path.insert(0, CtrlC())\n{start}"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"], capture_output=True, cwd=ROOT, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
    assert '"stt-service=stt_service.start:main"' in (ROOT / "setup.py").read_text("utf-8")


def test_wrong_use_is_status_2(run: Run) -> None:
    """Unknown commands and options."""
    for arguments in (["bogus"], ["--bogus"], ["transcribe", "--bogus"], []):
        assert run(*arguments).status == 2


def test_a_fault_is_one_line(run: Run, tmp_path: Path) -> None:
    """With the remedy, without a traceback."""
    done = run("--config", tmp_path / "gone.toml", "config", "show")
    assert done.err.startswith("error: the settings have mistakes:")
    assert "Traceback" not in done.err
    assert done.status == 1


def test_config_show_is_toml_with_sources(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is printed could be a settings file, and says who decided."""
    monkeypatch.setenv("STT_SERVICE_ENGINE__THREADS", "3")
    done = run("config", "show")
    assert tomllib.loads(done.out)["engine"]["threads"] == 3
    assert "threads = 3  # the environment" in done.out
    assert 'name = "litert"  # default' in done.out


def test_config_check_says_who_has_spoken(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing else where there is no mistake."""
    monkeypatch.delenv("STT_SERVICE_PATHS__STATE")
    assert run("config", "check").out == "no mistakes; settings come from the defaults alone\n"
    named = tmp_path / "named.toml"
    named.write_text("[engine]\nthreads = 2\n", encoding="utf-8")
    done = run("--config", named, "config", "check")
    assert (done.status, done.out) == (0, f"no mistakes; settings come from {named}\n")


def test_config_check_tells_every_mistake(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all layers at once, with status 1."""
    named = tmp_path / "named.toml"
    named.write_text("[engine]\nthread = 2\n", encoding="utf-8")
    monkeypatch.setenv("STT_SERVICE_DECODER__BEAM_WIDTH", "0")
    done = run("--config", named, "config", "check")
    assert done.status == 1
    assert "unknown key engine.thread; did you mean threads?" in done.err
    assert "the environment: decoder.beam_width = '0'" in done.err
