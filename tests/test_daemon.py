"""The daemon as a process: what starts, signals and systemd do to it. The real bundled model."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stt_service.app_daemon import unchangeable
from stt_service.config import load
from stt_service.settings import Settings

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "models/demo-1-turn-on-the-kitchen-light.flac"
PATIENCE = 60.0
"""Seconds until a test gives up; the machine may be busy."""


class Running:
    """A daemon in a process of its own, with everything it writes in one folder."""

    def __init__(self, folder: Path, *options: str, **environ: str) -> None:
        self.folder = folder
        self.errors = folder / f"errors{len(list(folder.glob('errors*')))}"
        self._notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = folder / f"n{time.monotonic_ns()}"
        self._notices.bind(str(address))
        self._notices.settimeout(PATIENCE)
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "stt_service", "-v", "run", "--no-server", *options],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(folder),
                    "XDG_RUNTIME_DIR": str(folder),
                    "STT_SERVICE_PATHS__STATE": str(folder / "state"),
                    "NOTIFY_SOCKET": str(address),
                    **environ,
                },
            )

    def wait_for(self, notice: str) -> None:
        """Wait until systemd is told this."""
        while notice not in self._notices.recv(4096).decode():
            assert self.process.poll() is None, self.errors.read_text()

    def end(self, number: int | None = None) -> tuple[int, str]:
        """Send a signal; return the status and what was printed."""
        if number is not None:
            self.process.send_signal(number)
        printed, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, printed

    def close(self) -> None:
        self._notices.close()
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[object]:
    """Start daemons, which are killed in the end."""
    started: list[Running] = []

    def start(*options: str, **environ: str) -> Running:
        started.append(Running(tmp_path, *options, **environ))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def sentence(tmp_path: Path) -> Path:
    """A bundled recording with silence around it, which ends in the middle of nothing."""
    samples, rate = soundfile.read(DEMO, dtype="int16")
    silence = np.zeros(rate, np.int16)
    path = tmp_path / "sentence.wav"
    soundfile.write(path, np.concatenate((silence, samples, silence)), rate)
    return path


def test_a_source_is_heard_to_its_end(daemon, sentence: Path) -> None:
    """As fast as it is recognised; nothing is heard twice, nothing is lost."""
    running = daemon("--source", f"wav:{sentence}", "--once", "--fast", "--print")
    assert running.end() == (0, "turn on the kitchen light\n")
    assert "turn on" not in running.errors.read_text()


def test_a_source_that_is_not_there_is_a_failure_once(daemon, tmp_path: Path) -> None:
    """A script must know."""
    running = daemon("--source", f"wav:{tmp_path}/gone.wav", "--once")
    assert running.end()[0] == 1
    assert "there is no file" in running.errors.read_text()


@pytest.mark.slow
def test_the_utterance_under_way_is_ended_first(daemon, sentence: Path) -> None:
    """SIGTERM in the middle of a sentence that comes through a pipe."""
    samples, rate = soundfile.read(sentence, dtype="int16")
    running = daemon(
        "--source",
        "stdin",
        "--print",
        STT_SERVICE_SOURCE__RATE="16000",
        STT_SERVICE_LISTENER__DRAIN="1",
    )
    running.wait_for("READY=1")
    raw = samples[: rate * 3].tobytes()
    running.process.stdin.buffer.write(raw)
    running.process.stdin.flush()
    time.sleep(2)
    status, printed = running.end(signal.SIGTERM)
    assert (status, printed.split()[:2]) == (0, ["turn", "on"])


@pytest.mark.slow
def test_a_daemon_without_microphone_or_model_lives_and_says_so(daemon, tmp_path: Path) -> None:
    """And tells systemd that it is ready: it waits."""
    running = daemon("--source", "cmd:false", "--model", "no-such-model")
    running.wait_for("READY=1")
    running.wait_for("no-such-model")
    assert running.end(signal.SIGTERM)[0] == 0
    assert "there is no model called no-such-model" in running.errors.read_text()


@pytest.mark.slow
def test_one_instance_uses_a_port_and_a_microphone(daemon) -> None:
    """The second says who the first is; after kill -9 the place is free."""
    first = daemon("--source", "microphone:none-such")
    first.wait_for("READY=1")
    second = daemon("--source", "microphone:none-such")
    assert second.end()[0] == 1
    assert f"process {first.process.pid}" in second.errors.read_text()
    first.end(signal.SIGKILL)
    third = daemon("--source", "microphone:none-such")
    third.wait_for("READY=1")
    assert third.end(signal.SIGINT)[0] == 130


@pytest.mark.slow
def test_settings_are_reloaded_and_mistakes_change_nothing(daemon, tmp_path: Path) -> None:
    """The log says what needs a restart."""
    file = tmp_path / "config.toml"
    file.write_text("[listener]\nmin_confidence = 0.1\n")
    running = daemon("--config", str(file), "--source", "cmd:sleep 1000")
    running.wait_for("READY=1")
    file.write_text("[listener]\nmin_confidence = 7\n")
    running.process.send_signal(signal.SIGHUP)
    running.wait_for("RELOADING=1")
    running.wait_for("READY=1")
    file.write_text("[listener]\nmin_confidence = 0.2\n[server]\nport = 1\n")
    running.process.send_signal(signal.SIGHUP)
    running.wait_for("RELOADING=1")
    running.wait_for("READY=1")
    assert running.end(signal.SIGTERM)[0] == 0
    log = running.errors.read_text()
    assert f"{file}:2: listener.min_confidence = 7" in log
    assert "reloaded the settings" in log
    assert "a restart is needed for server.port" in log


@pytest.mark.slow
def test_a_stopped_process_goes_on_where_it_was(daemon, sentence: Path) -> None:
    """SIGSTOP in the middle: no watchdog, no timeout, nothing lost of a recording."""
    running = daemon("--source", f"wav:{sentence}", "--once", "--print")
    running.wait_for("READY=1")
    running.process.send_signal(signal.SIGSTOP)
    time.sleep(3)
    running.process.send_signal(signal.SIGCONT)
    assert running.end() == (0, "turn on the kitchen light\n")


def settings(**listener: object) -> Settings:
    return load(environ={}, flags={"listener": listener}).settings


def test_a_reload_knows_what_it_cannot_do(own_state: Path) -> None:
    """Key by key."""
    before = settings()
    assert unchangeable(before, settings(min_confidence=0.9, drain=1)) == []
    assert unchangeable(before, settings(callers=1)) == ["listener.callers"]
