"""``stt-service collector``: what it says when it cannot begin."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_a_port_in_use_is_said_before_it_serves(run: Run, tmp_path: Path) -> None:
    """In one line, with the remedy and status 1; uvicorn has nothing to add."""
    places = ["--database", f"sqlite:///{tmp_path}/c.db", "--objects", tmp_path / "objects"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("collector", "run", *places, "--port", port)
    (line,) = done.err.splitlines()
    assert line.startswith(f"error: port {port} of 127.0.0.1 is in use by another program. Stop it")
    assert done.status == 1


def test_a_host_that_is_not_here_is_said_before_it_serves(run: Run, tmp_path: Path) -> None:
    """Such as an address of documentation, which no machine has."""
    places = ["--database", f"sqlite:///{tmp_path}/c.db", "--objects", tmp_path / "objects"]
    done = run("collector", "run", *places, "--host", "192.0.2.1")
    (line,) = done.err.splitlines()
    assert line.startswith("error: 192.0.2.1 is no address of this machine. Take --host")
    assert done.status == 1


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gone/c.db", "there is no folder {folder}/gone for the database"),
        (
            "letter.txt",
            "sqlite:///{folder}/letter.txt: the database failed: file is not a database",
        ),
    ],
)
def test_a_database_that_cannot_be_is_named(
    run: Run, tmp_path: Path, name: str, reason: str
) -> None:
    """Its path first; there is no log to be sent to."""
    (tmp_path / "letter.txt").write_text("dear friend, this is no database " * 10)
    places = ["--database", f"sqlite:///{tmp_path / name}", "--objects", tmp_path / "objects"]
    done = run("collector", "init", *places)
    assert done.err.startswith(f"error: {reason.format(folder=tmp_path)}")
    assert "log" not in done.err
    assert done.status == 1
