"""Who answers where the daemon should."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from stt_service.doctor.port import (
    Daemon,
    Fault,
    Port,
    holder_of,
    is_taken,
    judge_daemon,
    judge_port,
)

IDLE = Daemon(ready=True, source="microphone", muted=False, reasons=(), faults=())


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_somebody_listens_at_is_taken(listening: int) -> None:
    """And its holder is this very process, by name and number."""
    assert is_taken("127.0.0.1", listening)
    assert holder_of(listening).endswith(f"(process {os.getpid()})")


def test_a_free_port_has_no_holder() -> None:
    """Nobody listens where somebody has just stopped."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert not is_taken("127.0.0.1", port)
    assert holder_of(port) == ""


def test_damaged_tables_name_nobody(tmp_path: Path) -> None:
    """The kernel of a container may tell anything."""
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "proc/net/tcp").write_text("head\nshort line\n  0: zz:99 b 0A 4 5 6 7 8 9 10\n")
    assert holder_of(8765, tmp_path) == ""


@pytest.mark.parametrize(
    ("found", "status", "code"),
    [
        (Port("a", IDLE, "", taken=True, holder=""), "ok", "fine"),
        (Port("a", None, "", taken=False, holder=""), "ok", "fine"),
        (Port("a", None, "HTTP 401", taken=True, holder=""), "warn", "port-refused"),
        (Port("a", None, "", taken=True, holder="vosk (process 1)"), "fail", "port-taken"),
        (Port("a", None, "", taken=True, holder=""), "fail", "port-untold"),
    ],
)
def test_ports(found: Port, status: str, code: str) -> None:
    """Free, ours, ours but closed to us, or somebody else's."""
    finding = judge_port(found)
    assert (finding.status, finding.code) == (status, code)


def test_what_the_daemon_complains_of_is_handed_on() -> None:
    """With its own remedies."""
    faults = (
        Fault("microphone-lost", "no mic", "Plug it in"),
        Fault("model", "no model", "Install it"),
    )
    daemon = Daemon(ready=False, source="microphone", muted=True, reasons=("night",), faults=faults)
    assert [(f.area, f.status, f.code) for f in judge_daemon(daemon)] == [
        ("microphone", "fail", "microphone-lost"),
        ("engine", "fail", "failed"),
        ("microphone", "warn", "microphone-muted"),
    ]
    assert list(judge_daemon(IDLE)) == []
