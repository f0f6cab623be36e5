"""Who is let in: names, pages, tokens; judged alone and through a running server."""

from __future__ import annotations

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from stt_service.errors import ConfigError
from stt_service.server.security import FULL, WATCH, host_name, make_door
from tests.fakes_server import TOKEN, Stage, running
from tests.fakes_server import WATCH as WATCH_TOKEN


@pytest.mark.parametrize("path", ["/v1/transcripts", "/v1/recognize"])
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1", "http://localhost:1", "file://"]
)
def test_other_pages_cannot_listen_in(stage: Stage, path: str, origin: str) -> None:
    """Cross-site WebSocket hijacking: browsers say whose script it is, and that is refused."""
    with pytest.raises(InvalidStatus) as caught, connect(stage.ws + path, origin=origin):
        pass
    assert caught.value.response.status_code == 403


def test_its_own_page_may(stage: Stage) -> None:
    """By both names of this machine."""
    for name in ("127.0.0.1", "localhost"):
        page = f"http://{name}:{stage.server.port}"
        with connect(f"ws://{name}:{stage.server.port}/v1/transcripts", origin=page) as socket:
            assert json.loads(socket.recv())["type"] == "hello"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8765",
        "localhost.evil.example",
        "",
        "a@localhost",
        "127.0.0.1.",
        "[::1",
    ],
)
def test_dns_rebinding_is_refused(stage: Stage, host: str) -> None:
    """A page whose name was made to point here still sends that name."""
    for path in ("/", "/v1/status", "/healthz", "/metrics"):
        answer = httpx.get(stage.http + path, headers={"Host": host})
        assert answer.status_code in (400, 421)
    page = f"http://{host}"
    with (
        pytest.raises(InvalidStatus) as caught,
        connect(stage.ws + "/v1/transcripts", origin=page, additional_headers={"Host": host}),
    ):
        pass
    assert caught.value.response.status_code in (400, 421)


def test_more_names_and_pages_can_be_allowed() -> None:
    """By the settings, and no other."""
    with running(hosts=("kitchen.lan",), origins=("https://home.lan",)) as stage:
        headers = {"Host": "Kitchen.LAN:1", "Origin": "https://home.lan"}
        assert httpx.get(stage.http + "/v1/status", headers=headers).status_code == 200


def test_a_post_from_another_page_is_refused(stage: Stage) -> None:
    """A form needs no permission of the browser to be sent."""
    answer = httpx.post(
        stage.http + "/v1/transcribe", content=b"x", headers={"Origin": "https://evil.example"}
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "origin")
    assert stage.control.callers == []


def test_a_token_is_asked_for_everywhere_but_at_the_page() -> None:
    """The page asks for it; whether the server lives is no secret."""
    with running(token=TOKEN) as stage:
        for path in ("/", "/app.js", "/view.js", "/style.css", "/icon.svg", "/healthz"):
            assert httpx.get(stage.http + path).status_code == 200, path
        for path in ("/v1/status", "/metrics", "/readyz", "/openapi.json", "/nothing"):
            answer = httpx.get(stage.http + path)
            assert answer.status_code == 401, path
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            bearer = {"Authorization": f"Bearer {TOKEN}"}
            assert httpx.get(stage.http + path, headers=bearer).status_code != 401, path
        for path in ("/v1/transcripts", "/v1/recognize", "/v1/transcripts?token=" + TOKEN):
            with pytest.raises(InvalidStatus) as caught, connect(stage.ws + path):
                pass
            assert caught.value.response.status_code == 401


def test_browsers_show_the_token_as_a_subprotocol() -> None:
    """And get back the protocol's name, never the token."""
    with running(token=TOKEN) as stage:
        offered = ["stt-service.v1", f"stt-token.{TOKEN}"]
        with connect(stage.ws + "/v1/transcripts", subprotocols=offered) as socket:
            assert socket.subprotocol == "stt-service.v1"
            assert "mute" in json.loads(socket.recv())["may"]


def test_a_token_to_watch_changes_nothing() -> None:
    """It sees and asks, and that is all."""
    with running(token=TOKEN, watch=WATCH_TOKEN) as stage:
        bearer = {"Authorization": f"Bearer {WATCH_TOKEN}"}
        with connect(stage.ws + "/v1/transcripts", additional_headers=bearer) as socket:
            assert json.loads(socket.recv())["may"] == ["ping", "subscribe"]
            socket.recv()
            socket.send('{"type": "mute", "id": "a"}')
            answer = json.loads(socket.recv())
            assert (answer["code"], answer["id"]) == ("forbidden", "a")
        assert not stage.control.now.muted
        with connect(stage.ws + "/v1/recognize", additional_headers=bearer) as socket:
            assert json.loads(socket.recv())["type"] == "error"
        answer = httpx.post(stage.http + "/v1/transcribe", content=b"x", headers=bearer)
        assert answer.status_code == 403


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "kitchen.lan"])
def test_off_this_machine_only_with_a_token(host: str) -> None:
    """Said before a port is opened."""
    with pytest.raises(ConfigError, match="other machines"):
        make_door(host, 8765)
    assert make_door(host, 8765, token=TOKEN).tokens


@pytest.mark.parametrize(
    "token", ["short", "with spaces in between", "a" * 300, "späße-sind-erlaubt"]
)
def test_tokens_that_can_be_guessed_are_refused(token: str) -> None:
    """Likewise those that do not fit into a header."""
    with pytest.raises(ConfigError, match="token"):
        make_door("127.0.0.1", 1, token=token)


def test_every_token_is_compared_whole() -> None:
    """Digests of one length are compared, so that time says nothing; no token is kept."""
    door = make_door("127.0.0.1", 1, token=TOKEN, watch_token=WATCH_TOKEN)
    assert sorted(map(len, door.tokens)) == [32, 32]
    assert set(door.tokens.values()) == {FULL, WATCH}
    assert TOKEN not in repr(door)


@given(st.text())
def test_any_host_header_has_a_name_or_none(header: str) -> None:
    """And a name never holds what parts names."""
    name = host_name(header)
    assert not set(name) & set(" /@[]\r\n")


@pytest.mark.parametrize(
    ("header", "name"),
    [("localhost:8765", "localhost"), ("[::1]:80", "::1"), ("A.b", "a.b"), ("a:b", ""), ("a:", "")],
)
def test_names_in_host_headers(header: str, name: str) -> None:
    """Without port and brackets."""
    assert host_name(header) == name
