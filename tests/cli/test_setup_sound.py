"""``stt-service setup`` and ``doctor`` on a real sound server: somebody speaks in a noisy room."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.sound_server import SoundServer, missing

pytestmark = [pytest.mark.sound, pytest.mark.slow, pytest.mark.timeout(180)]

RATE = 16_000
ROOT = Path(__file__).parents[2]
ROOM_SECONDS = 60


@pytest.fixture
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoundServer]:
    if reason := missing():
        pytest.skip(reason)
    with pytest.MonkeyPatch.context() as monkeypatch:
        server = SoundServer(tmp_path_factory.mktemp("sound"), monkeypatch)
        yield server
        server.close()


@pytest.fixture
def spoken(shared: Path) -> np.ndarray:
    """A person who orders something to drink."""
    folder = shared / "speech/test/coffee_orders"
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    samples, rate = soundfile.read(folder / row["path"], dtype="float64", always_2d=True)
    assert rate == RATE
    return samples.mean(axis=1)


def playing(device: str, samples: np.ndarray, file: Path) -> subprocess.Popen[bytes]:
    """Play a sound; several mix in the air."""
    soundfile.write(file, samples.clip(-1, 1), RATE, subtype="PCM_16")
    return subprocess.Popen(["paplay", f"--device={device}", str(file)])


@pytest.fixture
def room(sound: SoundServer, tmp_path: Path) -> Iterator[None]:
    """Two microphones, each with noise of its own."""
    players = []
    for number, name in enumerate(("mic_a", "mic_b")):
        sound.plug(name, rate=48_000)
        noise = np.random.default_rng(number).normal(0, 1e-3, ROOM_SECONDS * RATE)
        players.append(playing(name, noise, tmp_path / f"{name}.wav"))
    yield
    for player in players:
        player.kill()
        player.wait()


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "stt_service", *words]


@pytest.mark.usefixtures("room")
@pytest.mark.parametrize(
    ("near", "far", "title", "name"),
    [
        ("mic_a", "mic_b", "default (the system's default)", "microphone"),
        ("mic_b", "mic_a", "mic_b", "microphone:mic_b"),
    ],
)
@pytest.mark.usefixtures("own_state")
def test_the_microphone_somebody_speaks_into_is_chosen(
    near: str, far: str, title: str, name: str, spoken: np.ndarray, tmp_path: Path
) -> None:
    """Whichever it is; what was said comes out in one piece, and the settings name it.

    The server's default is the first one's monitor: of two names for it that one is taken.
    """
    setup = subprocess.Popen(
        command("setup", "--yes"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert setup.stdout is not None
    said, players = [], []
    for line in setup.stdout:
        said.append(line)
        if line.startswith("Now say"):
            players.append(playing(near, spoken, tmp_path / "near.wav"))
            players.append(playing(far, 0.05 * spoken, tmp_path / "far.wav"))
    for player in players:
        assert player.wait(30) == 0
    text = "".join(said)
    assert setup.wait(30) == 0, text
    (starred,) = [line for line in said if line.startswith("* ")]
    assert starred.rstrip().endswith(f"  {title}")
    assert "You said, as I understand it" in text
    assert "does not part speech" not in text
    file = tmp_path / "config/stt-service/config.toml"
    written = tomllib.loads(file.read_text("utf-8")) if file.exists() else {}
    assert written.get("source", {"name": "microphone"}) == {"name": name}


@pytest.mark.usefixtures("room", "own_state")
def test_the_doctor_hears_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its noise, in decibels, and the rate."""
    monkeypatch.setenv("STT_SERVICE_SOURCE__NAME", "microphone:mic_a")
    monkeypatch.setenv("STT_SERVICE_SERVER__PORT", "0")
    done = subprocess.run(
        command("doctor", "--json"), capture_output=True, text=True, timeout=120, check=False
    )
    (found,) = [f for f in json.loads(done.stdout)["findings"] if f["area"] == "microphone"]
    assert (found["status"], found["code"]) == ("ok", "fine")
    assert found["facts"]["rms_db"] == pytest.approx(-60, abs=2)
    assert done.stderr == ""


@pytest.mark.usefixtures("sound", "own_state")
def test_a_microphone_that_is_gone_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line."""
    monkeypatch.setenv("STT_SERVICE_SOURCE__NAME", "microphone:mic_a")
    done = subprocess.run(
        command("doctor"), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert "fail  microphone" in done.stdout
    assert done.stderr == ""
