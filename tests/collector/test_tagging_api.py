"""The tagger's requests: who may ask, what is refused, and what every answer forbids."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy", reason="the collector needs the extra 'collector'")

from fastapi.testclient import TestClient
from sqlalchemy import Engine

from stt_service.collector.api import make_app
from stt_service.collector.objects import object_name
from stt_service.collector.tagging_api import FILES
from tests.collector.databases import collection, databases, receive, row, sound

engine = databases
NOW = 1_000_000_000.0


@pytest.fixture
def client(engine: Engine, tmp_path: Path) -> TestClient:
    everything = collection(engine, tmp_path / "objects")
    for number in (1, 2):
        values = row(number)
        receive(engine, values)
        name = object_name(str(values["id"]), str(values["audio_sha256"]))
        everything.objects.put(name, sound(number))
    client = TestClient(make_app(everything, clock=lambda: NOW))
    client.invitation = everything.tagging.invite(NOW)
    return client


def join(client: TestClient) -> dict[str, str]:
    answer = client.post("/tagger/v1/join", json={"invitation": client.invitation})
    assert answer.status_code == 201
    return {"Authorization": f"Bearer {answer.json()['key']}"}


def test_a_round(client: TestClient) -> None:
    """As docs/tagger.md has it."""
    key = join(client)
    offer = client.post("/tagger/v1/next", json={}, headers=key).json()
    assert offer.keys() == {"ticket", "seconds", "text"}
    heard = client.get(f"/tagger/v1/sound/{offer['ticket']}", headers=key)
    assert heard.headers["content-type"] == "audio/flac"
    assert heard.headers["cache-control"] == "no-store"
    vote = {"ticket": offer["ticket"], "kind": "text", "text": "x"}
    early = client.post("/tagger/v1/vote", json=vote, headers=key)
    assert (early.status_code, early.json().keys()) == (425, {"error", "remedy"})
    found = client.get("/tagger/v1/progress", headers=key).json()
    assert found["all"]["open"] == 2
    assert found["you"] == {"today": 0, "tagged": 0, "settled": 0, "agreed": 0}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/tagger/v1/next"),
        ("GET", f"/tagger/v1/sound/{'0' * 32}"),
        ("POST", "/tagger/v1/vote"),
        ("GET", "/tagger/v1/progress"),
    ],
)
@pytest.mark.parametrize("key", ["", "Bearer ", f"Bearer {'0' * 64}", f"Basic {'0' * 64}"])
def test_a_key_is_needed(client: TestClient, method: str, path: str, key: str) -> None:
    """For all but the page and joining; a cookie is none."""
    body = {"ticket": "0" * 32, "kind": "skip"} if "vote" in path else {}
    headers = {"Authorization": key, "Cookie": f"key={'0' * 64}"} if key else {}
    answer = client.request(method, path, headers=headers, json=body if method == "POST" else None)
    assert answer.status_code == 401


def test_other_pages_are_refused(client: TestClient) -> None:
    """Browsers say where a request comes from; and a form cannot send JSON."""
    key = join(client)
    for site in ("cross-site", "same-site"):
        headers = {**key, "Sec-Fetch-Site": site}
        assert client.post("/tagger/v1/next", json={}, headers=headers).status_code == 403
    plain = {**key, "Content-Type": "text/plain"}
    assert client.post("/tagger/v1/next", content="{}", headers=plain).status_code == 415
    options = client.options("/tagger/v1/next", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in options.headers


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ticket": "../../etc", "kind": "text"},
        {"ticket": "0" * 32, "kind": "gold"},
        {"ticket": "0" * 32, "kind": "text", "text": "x" * 1001},
        {"ticket": "0" * 32, "kind": "report", "reason": "dull"},
        {"ticket": "0" * 32, "kind": "skip", "tagger": 1},
        [],
        "text",
    ],
)
def test_wrong_votes_are_refused(client: TestClient, body: object) -> None:
    """None is a fault of the server's."""
    answer = client.post("/tagger/v1/vote", json=body, headers=join(client))
    assert answer.status_code == 422


def test_unknown_tickets(client: TestClient) -> None:
    """They were somebody else's, or too long ago."""
    key = join(client)
    vote = {"ticket": "0" * 32, "kind": "skip"}
    assert client.post("/tagger/v1/vote", json=vote, headers=key).status_code == 410
    assert client.get(f"/tagger/v1/sound/{'0' * 32}", headers=key).status_code == 410


@pytest.mark.parametrize("path", FILES)
def test_the_page_lets_nothing_in(client: TestClient, path: str) -> None:
    """No inline script or style, no other machine, no frame."""
    answer = client.get(f"/tagger/{path}")
    policy = answer.headers["content-security-policy"]
    assert answer.status_code == 200
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert b"://" not in answer.content.replace(b"http://www.w3.org/2000/svg", b"")


def test_own_voices_are_bounded(client: TestClient) -> None:
    """Fifty pseudonyms are enough for anybody."""
    key = join(client)
    for own in (["0" * 32] * 51, ["x"], "0" * 32):
        assert client.post("/tagger/v1/next", json={"own": own}, headers=key).status_code == 422
    assert client.post("/tagger/v1/next", json={"own": ["0" * 32]}, headers=key).status_code == 200
