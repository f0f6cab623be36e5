"""What the owner sees of the queue, and does with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.upload.conftest import Device, Running, collector

__all__ = ["collector"]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state folder of somebody who agreed, with one utterance that may leave."""
    device = Device(tmp_path / "state" / "store")
    device.give("upload")
    device.keep(1)
    device.database.close()
    return tmp_path / "state"


def test_nobody_agreed_and_looking_makes_no_files(run: Run, tmp_path: Path) -> None:
    """Neither does steering."""
    for command in ("status", "left", "pause", "resume", "retry"):
        assert run("queue", command, "--state-dir", tmp_path / "none").status == 0
    assert not (tmp_path / "none").exists()


def test_without_a_target_nothing_leaves(run: Run, state: Path) -> None:
    """And the key is named."""
    done = run("queue", "run", "--state-dir", state)
    assert done.status != 0
    assert "upload.target" in done.err
    assert "nothing leaves" in run("queue", "status", "--state-dir", state).out


def test_a_run_sends_and_says_what_has_left(
    run: Run, state: Path, collector: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And after a deletion shows its receipt."""
    monkeypatch.setenv("STT_SERVICE_UPLOAD__TARGET", f"http://127.0.0.1:{collector.port}")
    monkeypatch.setenv("STT_SERVICE_STORE__GRACE_HOURS", "0")
    assert "1 were sent" in run("queue", "run", "--state-dir", state).out
    assert collector.collection.sums().utterances == 1
    assert "1 utterance has left" in run("queue", "left", "--state-dir", state).out
    run("consent", "withdraw", "--yes", "--state-dir", state)
    assert "1 deleted" in run("queue", "run", "--state-dir", state).out
    found = json.loads(run("queue", "status", "--json", "--state-dir", state).out)
    assert found["tombstones"] == 0
    assert len(found["receipts"]) == 1
    assert len(found["receipts"][0]["receipt"]) == 64


def test_a_pause_holds_until_it_is_taken_back(
    run: Run, state: Path, collector: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command says why it stops."""
    monkeypatch.setenv("STT_SERVICE_UPLOAD__TARGET", f"http://127.0.0.1:{collector.port}")
    monkeypatch.setenv("STT_SERVICE_STORE__GRACE_HOURS", "0")
    run("queue", "pause", "--state-dir", state)
    done = run("queue", "run", "--state-dir", state)
    assert done.status == 1
    assert "by its owner" in done.err
    run("queue", "resume", "--state-dir", state)
    assert "1 were sent" in run("queue", "run", "--state-dir", state).out
