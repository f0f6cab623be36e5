"""``stt-service doctor``, as it is called."""

from __future__ import annotations

import getpass
import json
import os
import socket
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from stt_service.doctor.api import AREAS, CODES
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def free_port(monkeypatch: pytest.MonkeyPatch) -> int:
    """A port at which nobody listens, in the settings."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
    monkeypatch.setenv("STT_SERVICE_SERVER__PORT", str(port))
    return port


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recording of a quiet room that plays the microphone."""
    path = tmp_path / "room.wav"
    samples = np.random.default_rng(1).normal(0, 60, 48_000).astype(np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(samples.tobytes())
    monkeypatch.setenv("STT_SERVICE_SOURCE__NAME", f"wav:{path}")
    return path


pytestmark = pytest.mark.usefixtures("free_port", "own_state")


def findings(run: Run, *options: str) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for one in json.loads(run("doctor", "--json", *options).out)["findings"]:
        found.setdefault(one["area"], []).append(one)
    return found


@pytest.mark.usefixtures("room")
def test_everything_is_looked_at(run: Run) -> None:
    """In the order that the manual has; nothing of it breaks or hangs."""
    found = findings(run)
    assert list(found) == list(AREAS)
    codes = {one["code"] for several in found.values() for one in several}
    assert codes <= CODES
    assert not codes & {"check-broken", "check-hangs"}
    assert found["engine"][0]["code"] == "fine"
    assert found["model"][0]["code"] == "fine"
    assert found["microphone"][0]["code"] == "fine"


@pytest.mark.usefixtures("room")
def test_lines_for_people(run: Run) -> None:
    """Each begins with its verdict; the end sums up; looking leaves no store behind."""
    outcome = run("doctor")
    lines = outcome.out.splitlines()
    assert lines[0] == "ok    settings      no mistakes"
    assert all(line[:4].strip() in ("ok", "warn", "fail", "") for line in lines[:-1])
    assert "all is well" in lines[-1] or "failed" in lines[-1]
    assert "fail" not in [line[:4] for line in lines[:-1]]
    assert outcome.status == 0


def test_a_microphone_that_is_missing_fails(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With status 1."""
    monkeypatch.setenv("STT_SERVICE_SOURCE__NAME", f"wav:{tmp_path}/gone.wav")
    outcome = run("doctor")
    assert outcome.status == 1
    assert "fail  microphone    there is no recording" in outcome.out
    assert "1 failed" in outcome.out.splitlines()[-1]


def test_a_recorder_that_is_missing_fails(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name."""
    monkeypatch.setenv("STT_SERVICE_SOURCE__NAME", "cmd:no-such-recorder -q")
    assert findings(run)["microphone"][0]["message"] == "there is no program no-such-recorder"


@pytest.mark.usefixtures("room")
def test_mistaken_settings_are_one_failure_among_the_rest(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest goes on by the defaults."""
    monkeypatch.setenv("STT_SERVICE_VAD__AGRESSIVENESS", "9")
    found = findings(run, "--no-listen")
    assert "did you mean aggressiveness?" in found["settings"][0]["message"]
    assert found["engine"][0]["code"] == "fine"
    assert found["microphone"][0]["code"] == "source-untried"


@pytest.fixture
def stranger(free_port: int) -> Iterator[int]:
    """Somebody else's program at the port, which answers nothing."""
    with socket.create_server(("127.0.0.1", free_port)) as server:
        server.settimeout(0)
        yield free_port


@pytest.mark.usefixtures("room")
def test_a_port_that_somebody_else_has_is_named_with_its_holder(run: Run, stranger: int) -> None:
    """Here it is this very process."""
    (found,) = findings(run, "--no-listen")["port"]
    assert found["code"] == "port-taken"
    assert f"(process {os.getpid()})" in found["message"]


@pytest.mark.usefixtures("room")
def test_the_bundle_holds_no_text_of_anybodys(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither paths nor names, of the machine or its user, nor what is to be heard."""
    monkeypatch.setenv("STT_SERVICE_LISTENER__WAKE_PHRASES", "open sesame")
    monkeypatch.setenv("STT_SERVICE_SERVER__HOSTS", "anna.lan")
    monkeypatch.setenv("STT_SERVICE_VAD__AGGRESSIVENESS", "1")
    file = tmp_path / "report.json"
    outcome = run("doctor", "--bundle", file)
    assert f"wrote {file}" in outcome.err
    report = file.read_text(encoding="utf-8")
    own = (str(tmp_path), socket.gethostname(), str(Path.home()), "sesame", "anna", str(ROOT))
    assert [text for text in own if len(text) > 3 and text in report] == []
    assert f'"{getpass.getuser()}"' not in report
    told = json.loads(report)
    assert told["settings"]["vad.aggressiveness"] == 1
    assert told["settings"]["listener.wake_phrases"] == "(changed)"
    assert told["findings"][0]["area"] == "settings"


@pytest.mark.usefixtures("room")
def test_the_bundle_alone_goes_to_standard_output(run: Run) -> None:
    """For a pipe."""
    assert json.loads(run("doctor", "--no-listen", "--bundle", "-").out)["form"] == 1


@pytest.mark.usefixtures("room")
def test_a_bundle_that_cannot_be_written_is_a_fault(run: Run, tmp_path: Path) -> None:
    """In one line."""
    outcome = run("doctor", "--no-listen", "--bundle", tmp_path / "no/report.json")
    assert outcome.status == 1
    assert "cannot be written" in outcome.err


@pytest.mark.usefixtures("room")
def test_a_model_that_was_changed_fails(run: Run, own_state: Path, model: Path) -> None:
    """By its hash."""
    assert run("models", "install", model, "--name", "mine").status == 0
    assert run("models", "use", "mine").status == 0
    file = next((own_state / "models/mine").glob("*.tflite"))
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(raw)
    (found,) = findings(run, "--no-listen")["model"]
    assert found["status"] == "fail"
    assert "has changed since it was installed" in found["message"]


def test_every_code_is_in_the_manual() -> None:
    """With what to do about it."""
    page = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    assert [code for code in sorted(CODES) if f"`{code}`" not in page] == []
