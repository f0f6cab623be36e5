"""What systemd is told, over a socket of the test's own."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from stt_service.notify import MAX_STATUS, Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """Where notices arrive."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(5)
        yield receiver


def received(manager: socket.socket) -> list[str]:
    manager.settimeout(0)
    found = []
    while True:
        try:
            found.append(manager.recv(4096).decode())
        except BlockingIOError:
            return found


def test_states_are_told(manager: socket.socket) -> None:
    """In the words of sd_notify(3); a status is one line of bounded length."""
    with Notifier({"NOTIFY_SOCKET": manager.getsockname()}) as notifier:
        notifier.ready()
        notifier.status("a\nREADY=1\tb" + "c" * 1000)
        notifier.reloading()
        notifier.stopping()
    ready, status, reloading, stopping = received(manager)
    assert (ready, stopping) == ("READY=1", "STOPPING=1")
    assert status.startswith("STATUS=a READY=1 b")
    assert len(status) == MAX_STATUS + len("STATUS=")
    assert reloading.startswith("RELOADING=1\nMONOTONIC_USEC=")


def test_the_watchdog_is_fed_four_times_in_its_time(manager: socket.socket) -> None:
    """However often audio comes."""
    now = [0.0]
    environ = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "8000000"}
    with Notifier(environ, clock=lambda: now[0]) as notifier:
        for _ in range(65):
            notifier.beat()
            now[0] += 0.125  # exact
    assert received(manager) == ["WATCHDOG=1"] * 5


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "x"},
        {"WATCHDOG_USEC": "8000000", "WATCHDOG_PID": str(os.getpid() + 1)},
    ],
)
def test_a_watchdog_that_is_not_ours_is_left_alone(
    manager: socket.socket, environ: dict[str, str]
) -> None:
    """Nobody asked for it, or it watches another process."""
    with Notifier({"NOTIFY_SOCKET": manager.getsockname(), **environ}) as notifier:
        notifier.beat()
    assert received(manager) == []


def test_without_a_manager_nothing_happens(tmp_path: Path) -> None:
    """Neither without its address nor when it has gone."""
    for environ in ({}, {"NOTIFY_SOCKET": str(tmp_path / "gone")}):
        with Notifier(environ) as notifier:
            notifier.ready()
            notifier.beat()
        notifier.close()
