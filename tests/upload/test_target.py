"""What goes over the wire, and what a hostile or broken collector may answer."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_service.errors import ConfigError
from stt_service.upload.api import Answer, Parcel, RevokedError
from stt_service.upload.collector import MAX_ANSWER, MOST_BITS, PIECE, CollectorTarget, work

TOKEN = "ab" * 32
PARCEL = Parcel("0" * 32, {"text": "grüß"}, b"fLaC" + bytes(3 * PIECE))


def unread(answer: httpx.Response) -> httpx.Response:
    """Return an answer whose body is still on its way."""
    return httpx.Response(answer.status_code, headers=answer.headers, stream=answer.stream)


def target(answer: httpx.Response, seen: list[httpx.Request] | None = None) -> CollectorTarget:
    """Return a target whose collector always answers the same."""

    def handle(request: httpx.Request) -> httpx.Response:
        request.read()
        if seen is not None:
            seen.append(request)
        return unread(answer)

    return CollectorTarget("https://example.org", transport=httpx.MockTransport(handle))


def test_an_utterance_is_one_request_of_two_parts() -> None:
    """Under its own id, with the token, meta first; its length is said beforehand."""
    seen: list[httpx.Request] = []
    answer = target(httpx.Response(201), seen).send(PARCEL, TOKEN, lambda: True)
    assert answer.status == 201
    (request,) = seen
    assert (request.method, request.url.path) == ("PUT", f"/v1/utterances/{PARCEL.id}")
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert int(request.headers["Content-Length"]) == len(request.content)
    boundary = request.headers["Content-Type"].rpartition("boundary=")[2].encode()
    _, meta, sound, end = request.content.split(b"--" + boundary)
    assert json.loads(meta.partition(b"\r\n\r\n")[2]) == PARCEL.meta
    assert sound.partition(b"\r\n\r\n")[2] == PARCEL.flac + b"\r\n"
    assert end == b"--\r\n"


def test_consent_is_asked_for_before_each_piece() -> None:
    """Not only once."""
    asked: list[int] = []

    def still() -> bool:
        asked.append(1)
        return len(asked) < 3

    with pytest.raises(RevokedError):
        target(httpx.Response(201)).send(PARCEL, TOKEN, still)
    assert len(asked) == 3


def test_nothing_that_names_anybody_is_sent() -> None:
    """Of the headers, only those that HTTP needs, and the program's version."""
    seen: list[httpx.Request] = []
    target(httpx.Response(200), seen).delete(PARCEL.id, TOKEN)
    assert {name.lower() for name in seen[0].headers} == {
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "connection",
        "authorization",
    }


@pytest.mark.parametrize(
    ("given_", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("", None),
        ("-1", None),
        ("9" * 30, None),
        ("²", None),
        ("Fri, 31 Dec 1999 23:59:59 GMT", None),
    ],
)
def test_retry_after_in_seconds_is_read(given_: str, seconds: float | None) -> None:
    """What is no number of seconds counts for nothing."""
    headers = [(b"Retry-After", given_.encode())]
    answer = target(httpx.Response(429, headers=headers)).send(PARCEL, TOKEN, lambda: True)
    assert answer.retry_after == seconds


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b'{"receipt": 1}', b"[" * 100_000, b"\xff", b'{"receipt": "ab"}'],
)
def test_a_deletion_without_a_receipt_is_none(body: bytes) -> None:
    """Whatever else was answered."""
    assert target(httpx.Response(200, content=body)).delete(PARCEL.id, TOKEN).receipt == ""


def test_a_receipt_is_kept_as_it_came() -> None:
    """With its time."""
    body = {"id": PARCEL.id, "deleted": "2026-11-23T00:00:00Z", "receipt": "cd" * 32}
    answer = target(httpx.Response(200, json=body)).delete(PARCEL.id, TOKEN)
    assert answer == Answer(200, receipt="cd" * 32, deleted="2026-11-23T00:00:00Z")


class Endless(httpx.SyncByteStream):
    """A body of a gigabyte."""

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(1 << 10):
            yield bytes(1 << 20)


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    """Nor kept in memory."""
    tracemalloc.start()
    try:
        answer = target(httpx.Response(500, stream=Endless())).send(PARCEL, TOKEN, lambda: True)
        assert tracemalloc.get_traced_memory()[1] < 8 * MAX_ANSWER
    finally:
        tracemalloc.stop()
    assert answer.status == 500


@pytest.mark.parametrize(
    "offer",
    [
        {},
        {"challenge": 1, "bits": 1},
        {"challenge": "a", "bits": MOST_BITS + 1},
        {"challenge": "a", "bits": "1"},
    ],
)
def test_work_that_nobody_should_ask_for_is_not_begun(offer: dict[str, object]) -> None:
    """It is tried again later, at a collector that has come to its senses."""
    answer = target(httpx.Response(200, json=offer)).join("1" * 32, TOKEN)
    assert answer.status is None
    assert "challenge" in answer.reason


def test_joining_shows_the_hash_of_the_token_only() -> None:
    """By invitation no work is done."""
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return unread(httpx.Response(201, json={}))

    transport = httpx.MockTransport(handle)
    one = CollectorTarget("https://example.org", invitation="come", transport=transport)
    assert one.join("1" * 32, TOKEN).status == 201
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    wanted = {"pseudonym": "1" * 32, "token_sha256": digest, "invitation": "come"}
    assert [json.loads(request.content) for request in seen] == [wanted]


@given(st.text("0123456789abcdef", min_size=1, max_size=64), st.integers(0, 8))
def test_work_is_what_was_asked_for(challenge: str, bits: int) -> None:
    """So many leading zero bits."""
    nonce = work(challenge, "1" * 32, bits)
    digest = hashlib.sha256(f"{challenge}:{'1' * 32}:{nonce}".encode()).digest()
    assert int.from_bytes(digest) >> (256 - bits) == 0


@pytest.mark.parametrize("url", ["ftp://h", "https://", "http://h", "https://[::", "x"])
def test_what_is_no_address_is_a_mistake(url: str) -> None:
    """It names the key."""
    with pytest.raises(ConfigError, match=r"upload\.target"):
        CollectorTarget(url)


def test_a_certificate_that_is_none_is_a_mistake(tmp_path: Path) -> None:
    """Both keys are named."""
    (tmp_path / "bad.pem").write_text("nothing")
    for more in ({"authority": tmp_path / "bad.pem"}, {"certificate": tmp_path / "none.pem"}):
        with pytest.raises(ConfigError, match=r"upload\.authority or upload\.certificate"):
            CollectorTarget("https://example.org", **more)
