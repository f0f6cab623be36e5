"""The WebSocket of what is heard: greeting, kinds, commands, limits, slow clients."""

from __future__ import annotations

import json
import socket as sockets
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from stt_service.events import Fault, Level, ReadyChanged, UtteranceStarted
from stt_service.listener.api import Wishes
from stt_service.server import transcripts
from tests.fakes_server import Stage, final, running
from tests.server.conftest import eventually


def take(socket: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(socket.recv(10))
    return message


def take_type(socket: ClientConnection, kind: str) -> dict[str, Any]:
    while (message := take(socket))["type"] != kind:
        pass
    return message


def close_code(socket: ClientConnection) -> int | None:
    with suppress(ConnectionClosed):
        while True:
            socket.recv(10)
    return socket.close_code


def tell(socket: ClientConnection, **command: object) -> None:
    socket.send(json.dumps(command))


def test_a_late_joiner_gets_the_state(stage: Stage) -> None:
    """With what is wrong, before any event."""
    fault = Fault("microphone-lost", "it is gone", "Plug it in")
    stage.control.now = replace(
        stage.control.now, ready=False, muted=True, mute_reasons=("page",), faults=(fault,)
    )
    with connect(stage.ws + "/v1/transcripts") as socket:
        hello = take(socket)
        assert (hello["type"], hello["version"]) == ("hello", 1)
        assert hello["state"]["mute_reasons"] == ["page"]
        assert hello["state"]["faults"][0]["code"] == "microphone-lost"
        assert take(socket)["ready"] is False


def test_events_come_in_their_order(stage: Stage) -> None:
    """To every client, as they were published."""
    with connect(stage.ws + "/v1/transcripts") as one, connect(stage.ws + "/v1/transcripts") as two:
        for socket in (one, two):
            take_type(socket, "ready")
        for number in range(50):
            stage.hub.publish(UtteranceStarted(str(number), float(number)))
            stage.hub.publish(final("yes", str(number)))
        for socket in (one, two):
            got = [take(socket) for _ in range(100)]
            assert [message["utterance"] for message in got[::2]] == [str(n) for n in range(50)]
            assert {message["type"] for message in got[1::2]} == {"final"}


def test_the_client_chooses_kinds(stage: Stage) -> None:
    """At first in the address, later by a command."""
    with connect(stage.ws + "/v1/transcripts?kinds=level,smell") as socket:
        assert take(socket)["kinds"] == ["level"]
        stage.hub.publish(final())
        stage.hub.publish(Level(-20.0, -10.0, 0, speech=False))
        assert take(socket)["type"] == "level"
        tell(socket, type="subscribe", kinds=["final"])
        take_type(socket, "done")
        stage.hub.publish(Level(-20.0, -10.0, 0, speech=False))
        stage.hub.publish(final())
        assert take(socket)["type"] == "final"


def test_commands_reach_the_listener(stage: Stage) -> None:
    """And are answered with their id."""
    with connect(stage.ws + "/v1/transcripts?kinds=") as socket:
        session = take(socket)["session"]
        for command in (
            {"type": "listen", "id": "1"},
            {"type": "mute", "reason": "page", "id": "2"},
            {"type": "pause", "seconds": 5, "id": "3"},
            {"type": "set-phrases", "phrases": "lights", "mode": "bias", "id": "4"},
            {"type": "set-hot-words", "hot_words": {"lamp": 3}, "id": "5"},
        ):
            tell(socket, **command)
            assert take(socket) == {"type": "done", "id": command["id"]}
        tell(socket, type="ping", id="6")
        assert take(socket) == {"type": "pong", "id": "6"}
        reason = f"client {session}"
        assert stage.control.told == [("listen",), ("pause", reason, 5.0)]
        assert stage.control.now.mute_reasons == ("page",)
        assert stage.control.now.wishes == Wishes(
            phrases="lights", phrases_mode="bias", hot_words={"lamp": 3.0}
        )
    # A client that dies while it speaks does not leave the microphone deaf.
    eventually(lambda: stage.control.told[-1] == ("resume", reason))


def test_refused_commands_say_why(stage: Stage) -> None:
    """And the connection lives on."""
    with connect(stage.ws + "/v1/transcripts?kinds=") as socket:
        take(socket)
        tell(socket, type="set-phrases", phrases="wrong", id="1")
        answer = take(socket)
        assert (answer["code"], answer["remedy"]) == ("refused", "Choose others")
        for rubbish in ("{", '{"type": "dance"}', b"\x00"):
            socket.send(rubbish)
            assert take(socket)["code"] == "bad-message"
        tell(socket, type="ping")
        assert take(socket)["type"] == "pong"


def test_too_many_commands_end_the_connection(stage: Stage) -> None:
    """A loop gone wild costs nobody else anything."""
    with connect(stage.ws + "/v1/transcripts?kinds=") as socket:
        with suppress(ConnectionClosed):
            for _ in range(500):
                tell(socket, type="ping")
        assert close_code(socket) == 1008


def test_a_message_too_large_ends_the_connection(stage: Stage) -> None:
    """Before it is in memory."""
    with connect(stage.ws + "/v1/transcripts") as socket:
        socket.send("x" * (1 << 20 | 1))
        assert close_code(socket) == 1009


def test_too_many_clients_are_told() -> None:
    """And make room when they go."""
    with running(clients=1) as stage:
        with connect(stage.ws + "/v1/transcripts") as socket:
            take(socket)
            with connect(stage.ws + "/v1/transcripts") as second:
                assert take(second)["code"] == "busy"
                with pytest.raises(ConnectionClosed):
                    second.recv(10)
        eventually(lambda: stage.hub.counts().subscribers == 0)
        with connect(stage.ws + "/v1/transcripts") as socket:
            assert take(socket)["type"] == "hello"


def test_a_stuck_client_delays_nobody(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is cut off, its connection with it, and the others miss nothing."""
    monkeypatch.setattr(transcripts, "STALL_SECONDS", 0.5)
    stuck = sockets.create_connection(("127.0.0.1", stage.server.port))
    stuck.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    stuck.sendall(
        b"GET /v1/transcripts HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    eventually(lambda: stage.hub.counts().subscribers == 1)
    long = final("word " * 400)
    with connect(stage.ws + "/v1/transcripts?kinds=final", max_queue=None) as good:
        take(good)
        count = 0
        end = time.monotonic() + 20
        while stage.hub.counts().subscribers == 2 and time.monotonic() < end:
            stage.hub.publish(long)
            assert take(good)["type"] == "final"
            count += 1
        assert stage.hub.counts().subscribers == 1, f"still there after {count} events"
        stage.hub.publish(ReadyChanged(ready=True, source="x", model=None))
        stage.hub.publish(long)
        assert take(good)["type"] == "final"
    stuck.close()
