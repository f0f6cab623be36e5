"""One instance for each thing: locks between processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stt_service.errors import SttError
from stt_service.locks import InUseError, Lock

HOLD = (
    "import sys, time; from pathlib import Path; from stt_service.locks import Lock\n"
    "Lock(Path(sys.argv[1]), 'port 1'); print('held', flush=True); time.sleep(60)"
)


def test_a_thing_is_held_once(tmp_path: Path) -> None:
    """The message names the process; another thing is free, and so is this one afterwards."""
    with Lock(tmp_path / "run", "port 1"):
        with pytest.raises(InUseError, match=rf"process {os.getpid()}\) uses the port 1"):
            Lock(tmp_path / "run", "port 1")
        Lock(tmp_path / "run", "port 2").close()
    Lock(tmp_path / "run", "port 1").close()


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    """After `kill -9` there is no lock that somebody would have to remove."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(InUseError, match=f"process {other.pid}"):
            Lock(tmp_path, "port 1")
        other.kill()
    Lock(tmp_path, "port 1").close()


def test_links_are_not_followed(tmp_path: Path) -> None:
    """Below /tmp anybody may have put one there."""
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "port-1.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(SttError, match="cannot be opened"):
        Lock(tmp_path, "port 1")
    assert (tmp_path / "victim").read_text() == "precious"


def test_names_are_made_of_anything(tmp_path: Path) -> None:
    """Devices are called what their makers like."""
    with Lock(tmp_path, "microphone ../../USB: PnP/" + "x" * 500):
        assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """With the setting that names another."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SttError, match=r"paths\.runtime"):
        Lock(tmp_path / "file", "port 1")
