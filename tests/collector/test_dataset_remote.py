"""What a collector says was withdrawn: page by page, checked, bounded."""

from __future__ import annotations

import json

import httpx
import pytest

from stt_service.collector import dataset_remote
from stt_service.collector.dataset_manifest import Revocation
from stt_service.collector.dataset_remote import fetch
from stt_service.errors import DatasetError

HOST = "https://collector.example"


def line(number: int) -> dict[str, object]:
    return {
        "number": number,
        "id": f"{number:032x}",
        "audio_sha256": f"{number:064x}",
        "deleted": "2026-11-23T12:00:00Z",
    }


def collector(count: int, page: int = 3) -> httpx.MockTransport:
    def answer(request: httpx.Request) -> httpx.Response:
        after = int(request.url.params["after"])
        lines = [line(number) for number in range(1, count + 1) if number > after][:page]
        last = lines[-1]["number"] if lines else after
        return httpx.Response(200, json={"revocations": lines, "next": last})

    return httpx.MockTransport(answer)


def test_all_pages_are_read() -> None:
    """From the last one that is known."""
    found = list(fetch(HOST, 2, collector(8)))
    assert [one.number for one in found] == [3, 4, 5, 6, 7, 8]
    assert found[0] == Revocation(3, f"{3:032x}", f"{3:064x}", "2026-11-23T12:00:00Z")
    assert list(fetch(HOST, 8, collector(8))) == []


def test_what_was_never_received_has_no_hash() -> None:
    """It may come as null."""
    lines = [{**line(1), "audio_sha256": None}]

    def answer(request: httpx.Request) -> httpx.Response:
        after = int(request.url.params["after"])
        return httpx.Response(200, json={"revocations": lines[after:], "next": 1})

    assert next(fetch(HOST, 0, httpx.MockTransport(answer))).audio_sha256 == ""


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"revocations": [{**line(1), "id": "../.."}], "next": 1}),
        httpx.Response(200, json={"revocations": [line(0)], "next": 1}),
        httpx.Response(200, json={"revocations": [line(2), line(1)], "next": 2}),
        httpx.Response(200, json={"revocations": [line(1)], "next": 1}),
        httpx.Response(503),
        httpx.Response(302, headers={"Location": "https://elsewhere.example"}),
    ],
)
def test_wrong_answers_are_faults(answer: httpx.Response) -> None:
    """With the collector's name; the same page for ever is one too."""
    transport = httpx.MockTransport(lambda _: answer)
    with pytest.raises(DatasetError, match=r"collector\.example"):
        list(fetch(HOST, 0, transport))


def test_an_answer_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Larger ones are not held."""
    monkeypatch.setattr(dataset_remote, "MAX_PAGE", 1000)
    huge = httpx.Response(200, text=json.dumps({"revocations": [], "next": 1, "x": "y" * 2000}))
    with pytest.raises(DatasetError, match="without end"):
        list(fetch(HOST, 0, httpx.MockTransport(lambda _: huge)))


def test_no_answer() -> None:
    """A network fault says what to do."""

    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route", request=request)

    with pytest.raises(DatasetError, match="Try again later"):
        list(fetch(HOST, 0, httpx.MockTransport(fail)))


@pytest.mark.parametrize("address", ["http://collector.example", "ftp://x", "folder", "https://"])
def test_only_addresses_that_can_be_trusted(address: str) -> None:
    """Who could change the answer could keep what was withdrawn alive."""
    with pytest.raises(DatasetError, match="no address that can be trusted"):
        list(fetch(address, 0, collector(1)))
    list(fetch("http://localhost:8770", 0, collector(1)))
