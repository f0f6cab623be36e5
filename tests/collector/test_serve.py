"""The collector's processes: whose port it is, and who is taken for dead."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

pytest.importorskip("sqlalchemy", reason="the collector needs the extra 'collector'")

from stt_service.collector.serve import _listen
from stt_service.errors import CollectorError
from tests.collector.processes import Running
from tests.ports import free_port

PAUSED_SECONDS = 8.0
"""Longer than uvicorn waits for a sign of life where it is not told otherwise."""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    one = Running(f"sqlite:///{tmp_path / 'c.db'}", tmp_path / "objects", workers=2).start()
    yield one
    one.kill()


@pytest.mark.slow
def test_a_process_that_is_slow_is_not_dead(running: Running) -> None:
    """As one is that starts on a busy machine: killed and started anew it would never get there."""
    running.wait()
    before = running.pids()
    slow = before[-1]
    os.kill(slow, signal.SIGSTOP)
    time.sleep(PAUSED_SECONDS)
    os.kill(slow, signal.SIGCONT)
    time.sleep(1.0)
    assert running.pids() == before
    assert httpx.get(f"{running.url}/readyz", timeout=60).status_code == 200


@pytest.mark.slow
def test_who_knocks_while_it_starts_waits(running: Running) -> None:
    """The port is its own before its libraries are loaded, and stays its own."""
    answers: list[int] = []

    def knock() -> None:
        while not answers:
            try:
                answers.append(httpx.get(f"{running.url}/healthz", timeout=120).status_code)
            except httpx.ConnectError:
                time.sleep(0.001)

    thread = threading.Thread(target=knock)
    thread.start()
    thread.join()
    assert answers == [200]


def test_a_port_is_taken_once() -> None:
    """Not tried, let go and taken again: in between a stranger could have it."""
    port = free_port()
    (one,) = _listen("127.0.0.1", port)
    with one:
        assert one.getsockname() == ("127.0.0.1", port)
        with socket.create_connection(("127.0.0.1", port)):
            pass
        with pytest.raises(CollectorError, match="in use by another program"):
            _listen("127.0.0.1", port)
    for again in _listen("127.0.0.1", port):
        again.close()


def test_a_fault_leaves_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a host of two addresses, when the second of them is taken."""
    port = free_port()
    places = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
        for address in ("127.0.0.1", "127.0.0.2")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: places)
    with (
        socket.create_server(("127.0.0.2", port)),
        pytest.raises(CollectorError, match="in use"),
    ):
        _listen("host", port)
    with socket.create_server(("127.0.0.1", port)):
        pass
    first, second = _listen("host", port)
    first.close()
    second.close()
