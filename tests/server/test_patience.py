"""Connections that take their time, and bodies that are too large."""

from __future__ import annotations

import socket
import time

import pytest
from websockets.sync.client import connect

from stt_service.server import patience
from stt_service.server.limits import MAX_BODY_BYTES
from tests.fakes_server import Stage, final

SECONDS = 0.5
"""Instead of the usual patience."""
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", SECONDS)
    monkeypatch.setattr(patience, "BODY_SECONDS", SECONDS)


def is_cut(client: socket.socket, *, fed: bytes = b"") -> bool:
    """Return whether the server ends the connection, however the client keeps on sending."""
    client.settimeout(SECONDS / 5)
    end = time.monotonic() + 20 * SECONDS
    while time.monotonic() < end:
        try:
            if fed:
                client.sendall(fed)
            if not client.recv(4096):
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


def answered(client: socket.socket) -> bool:
    """Return whether a good answer comes, however it is cut."""
    came = b""
    while not came.endswith(b'{"status":"ok"}'):
        if not (data := client.recv(4096)):
            return False
        came += data
    return b" 200 OK" in came


@pytest.fixture
def client(stage: Stage):
    with socket.create_connection(("127.0.0.1", stage.server.port)) as client:
        client.settimeout(10)
        yield client


def test_a_connection_that_says_nothing_is_cut(client: socket.socket) -> None:
    """It would keep its place for ever."""
    assert is_cut(client)


def test_headers_that_never_end_are_cut(client: socket.socket) -> None:
    """Though something comes all the time."""
    client.sendall(HEAD)
    assert is_cut(client, fed=b"X: y\r\n")


def test_a_second_request_has_no_more_time(client: socket.socket) -> None:
    """Over a connection that has been served once."""
    client.sendall(HEAD + b"\r\n")
    assert answered(client)
    client.sendall(HEAD)
    assert is_cut(client, fed=b"X: y\r\n")


def test_a_connection_is_kept_between_requests(client: socket.socket) -> None:
    """Longer than a request may take to arrive."""
    for _ in range(2):
        client.sendall(HEAD + b"\r\n")
        assert answered(client)
        time.sleep(2 * SECONDS)


def test_a_websocket_lives_on(stage: Stage) -> None:
    """Longer than its request might have taken to arrive."""
    with connect(stage.ws + "/v1/transcripts?kinds=final") as client:
        client.recv(10)
        time.sleep(2 * SECONDS)
        stage.hub.publish(final("still there"))
        assert "still there" in client.recv(10)


@pytest.mark.parametrize("length", [b"Content-Length: 100", b"Transfer-Encoding: chunked"])
def test_a_body_that_does_not_come_is_not_waited_for(client: socket.socket, length: bytes) -> None:
    """It is answered, and cut."""
    client.sendall(HEAD + length + b"\r\n\r\n")
    assert b" 408 " in client.recv(4096)
    assert is_cut(client, fed=b"1\r\n" if b"chunked" in length else b"1")


def test_a_body_too_large_is_refused(client: socket.socket) -> None:
    """Before all of it is in memory."""
    client.sendall(HEAD + b"Content-Length: 1000000000\r\n\r\n")
    client.sendall(bytes(MAX_BODY_BYTES + 1))
    assert b" 413 " in client.recv(4096)


def test_rubbish_after_a_good_head_is_no_error_of_ours(
    client: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    """The request is being answered already when its body proves to be wrong."""
    client.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzzzz\r\n")
    assert b" 400 " in client.recv(4096)
    assert is_cut(client)
    assert [one for one in caplog.records if one.levelname == "ERROR"] == []
