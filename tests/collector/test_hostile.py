"""Whatever is sent, by whomever: an answer, bounded memory, and nothing of anybody else's."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import hashlib
import io
import json
import secrets
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

pytest.importorskip("sqlalchemy", reason="the collector needs the extra 'collector'")

from stt_service.collector import api, bounds
from stt_service.collector.api import make_app
from stt_service.collector.collection import Collection
from tests.collector.conftest import Device, flac, meta_of
from tests.collector.processes import Running

EXAMPLES = 15
"""Requests to each address, those that its description allows and those that it does not."""
TOKEN = "a secret of this utterance"
SOUND = flac(0.2)
META = meta_of(SOUND, TOKEN)
NAME = "0123456789abcdef0123456789abcdef"
MIB = 1 << 20

fuzz = settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)


def same_as_before(collection: Collection, count: int = 0) -> bool:
    return collection.sums().utterances == len(list(collection.objects.names())) == count


@fuzz
@given(
    field=st.sampled_from([*META, "consent.scope", "consent.since", "consent.text_version"]),
    value=values,
)
def test_any_value_in_any_field_has_an_answer(
    device: Device, gathering: Collection, field: str, value: Any
) -> None:
    """It is stored, or it is refused and nothing is."""
    meta: dict[str, Any] = copy.deepcopy(META)
    *outer, inner = field.split(".")
    (meta[outer[0]] if outer else meta)[inner] = value
    before = gathering.sums().utterances
    answer = device.put(secrets.token_hex(16), SOUND, meta)
    assert answer.status_code < 500, answer.text
    assert same_as_before(gathering, before + (answer.status_code == 201))


def good_body() -> tuple[bytes, str]:
    request = httpx.Request(
        "PUT",
        "http://collector/",
        files={
            "meta": ("meta.json", json.dumps(META), "application/json"),
            "sound": ("sound.flac", SOUND, "audio/flac"),
        },
    )
    return request.read(), request.headers["Content-Type"]


@fuzz
@given(data=st.data())
def test_a_damaged_body_has_an_answer(
    client: TestClient, device: Device, gathering: Collection, data: st.DataObject
) -> None:
    """Cut, doubled, overwritten: refused, and nothing is stored that is not whole."""
    body, kind = good_body()
    before = gathering.sums().utterances
    begin = data.draw(st.integers(0, len(body) - 1))
    end = data.draw(st.integers(begin, min(len(body), begin + 400)))
    harm = data.draw(st.sampled_from([b"", body[:300], b"\0" * 7, b"--", b"\r\n\r\n"]))
    body = body[:begin] + harm + body[end:]
    headers = {"Authorization": f"Bearer {device.token}", "Content-Type": kind}
    answer = client.put(f"/v1/utterances/{secrets.token_hex(16)}", content=body, headers=headers)
    assert answer.status_code < 500, answer.text
    # Where the harm does not matter, such as in a file's name, it is stored.
    assert same_as_before(gathering, before + (answer.status_code == 201))


@pytest.mark.parametrize(
    "name",
    [
        "../../../../etc/passwd",
        "..%2f..%2fescape",
        "%2e%2e",
        NAME.upper(),
        NAME + "0",
        NAME[:-1],
        NAME[:-1] + "%00",
        NAME[:-1] + "%0a",
        NAME + "/",
        "%c3%a9" * 16,
        "٣" * 32,
    ],
)
def test_a_name_is_32_digits_and_nothing_else(
    client: TestClient, device: Device, gathering: Collection, name: str
) -> None:
    """No path leads anywhere else."""
    assert device.put(name, SOUND, META).status_code in (404, 405, 422)
    assert device.delete(name, TOKEN).status_code in (404, 405, 422)
    assert same_as_before(gathering)


@pytest.mark.parametrize("scheme", ["Bearer", "Deletion", "Basic", "", "Bearer\t"])
@pytest.mark.parametrize("secret", ["", "x", TOKEN, "é" * 32, "0" * 64, "a" * 5000])
def test_no_made_up_credential_opens_anything(
    client: TestClient, device: Device, gathering: Collection, scheme: str, secret: str
) -> None:
    """Neither for sending nor for deleting what somebody else has sent."""
    assert device.put(NAME, SOUND, META).status_code == 201
    headers = {"Authorization": f"{scheme} {secret}".encode()}
    body, kind = good_body()
    sent = client.put(
        f"/v1/utterances/{secrets.token_hex(16)}",
        content=body,
        headers={**headers, "Content-Type": kind},
    )
    assert sent.status_code == 401
    if (scheme, secret) != ("Deletion", TOKEN):
        assert client.delete(f"/v1/utterances/{NAME}", headers=headers).status_code in (401, 403)
    assert same_as_before(gathering, 1)


def test_a_replay_by_somebody_else_tells_and_changes_nothing(
    client: TestClient, device: Device, gathering: Collection
) -> None:
    """Who has overheard all of a request but the token cannot use it; who joins sees nothing."""
    assert device.put(NAME, SOUND, META).status_code == 201
    other = Device(client).join()
    answer = other.put(NAME, SOUND, META)
    assert answer.status_code == 409
    assert device.pseudonym not in answer.text
    assert META["text"] not in answer.text
    assert other.delete(NAME, other.token).status_code == 403
    reading = [client.get(f"/v1/utterances/{NAME}"), client.get("/v1/revocations")]
    reading += [client.get("/metrics"), client.get("/v1/terms"), client.get("/openapi.json")]
    for one in reading:
        assert all(word not in one.text for word in (NAME, device.pseudonym, META["text"]))
    assert gathering.sound(NAME) == SOUND


def forged(seconds: float, said: int) -> bytes:
    """Return silence whose header tells another number of samples."""
    rate = 16_000
    memory = io.BytesIO()
    silence = np.zeros(int(seconds * rate), np.int16)
    soundfile.write(memory, silence, rate, format="FLAC", subtype="PCM_16")
    data = bytearray(memory.getvalue())
    # STREAMINFO: 36 bits of the number of samples end 16 bytes before its end.
    data[21] = (data[21] & 0xF0) | (said >> 32)
    data[22:26] = (said & 0xFFFFFFFF).to_bytes(4, "big")
    return bytes(data)


@pytest.mark.parametrize("extra", [b"PK" * 20_000, b"\0" * 3000, SOUND[42:]])
def test_nothing_rides_along(device: Device, gathering: Collection, extra: bytes) -> None:
    """What lies behind the last sample is refused."""
    sound = SOUND + extra
    digest = hashlib.sha256(sound).hexdigest()
    meta = {**META, "bytes": len(sound), "audio_sha256": digest}
    assert device.put(NAME, sound, meta).status_code in (415, 422)
    assert same_as_before(gathering)


@pytest.mark.parametrize("said", [0, 16_000, 16_000 * 299, 2**36 - 1])
def test_a_bomb_is_not_unpacked(device: Device, gathering: Collection, said: int) -> None:
    """Half an hour of silence in 50 KiB: refused, whatever its header says."""
    bomb = forged(1800.0, said)
    meta = {
        **META,
        "bytes": len(bomb),
        "audio_sha256": hashlib.sha256(bomb).hexdigest(),
        "seconds": max(said / 16_000, 1.0),
    }
    assert device.put(NAME, bomb, meta).status_code in (413, 415, 422)
    assert same_as_before(gathering)


def test_a_body_that_never_comes_is_given_up(
    gathering: Collection, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of joining as of sending."""
    monkeypatch.setattr(bounds, "BODY_SECONDS", 0.05)
    monkeypatch.setattr(api, "BODY_SECONDS", 0.05)
    app = make_app(gathering)
    _, kind = good_body()
    headers = [
        (b"authorization", f"Bearer {device.token}".encode()),
        (b"content-type", kind.encode()),
    ]

    async def status(method: str, path: str) -> int:
        said: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not said:
                await asyncio.sleep(3600)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            said.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": headers,
            "http_version": "1.1",
            "scheme": "http",
            "root_path": "",
            "client": None,
            "server": None,
        }
        await app(scope, receive, send)
        return int(said[0]["status"])

    assert asyncio.run(status("POST", "/v1/enrol")) == 408
    assert asyncio.run(status("PUT", f"/v1/utterances/{NAME}")) == 408


@pytest.mark.slow
def test_every_address_answers_everything(gathering: Collection) -> None:
    """What the description allows, and what not: no 5xx; the tagger's addresses are among them."""
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    from schemathesis.checks import not_a_server_error  # noqa: PLC0415 -- with the above

    schema = schemathesis.openapi.from_asgi("/openapi.json", make_app(gathering))
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) >= 10

    def ask(operation: Any, mode: Any) -> None:
        @settings(fuzz, max_examples=EXAMPLES, derandomize=True)
        @given(case=operation.as_strategy(generation_mode=mode))
        def one(case: Any) -> None:
            case.call_and_validate(checks=[not_a_server_error])

        one()

    for operation in operations:
        ask(operation, schemathesis.GenerationMode.POSITIVE)
        with contextlib.suppress(Unsatisfiable):  # nothing can be wrong where nothing is asked for
            ask(operation, schemathesis.GenerationMode.NEGATIVE)
    assert same_as_before(gathering)


def pour(url: str, head: str, body: int) -> tuple[int, bytes]:
    """Send a request of so many bytes in chunks; return how many went, and what was answered."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(
            (head + "Host: collector\r\nTransfer-Encoding: chunked\r\n\r\n").encode()
        )
        chunk = b"%x\r\n" % MIB + bytes(MIB) + b"\r\n"
        sent = 0
        with contextlib.suppress(OSError):  # they have had enough
            while sent < body:
                connection.sendall(chunk)
                sent += MIB
        answer = b""
        with contextlib.suppress(OSError):
            answer = connection.recv(4096)
    return sent, answer


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_gigabyte_does_not_fit(tmp_path: Path) -> None:
    """Neither with a token nor without: refused, and its memory stays what it was."""
    running = Running(f"sqlite:///{tmp_path / 'c.db'}", tmp_path / "objects").start().wait()
    try:
        with httpx.Client(base_url=running.url, timeout=60) as client:
            device = Device(client).join()  # type: ignore[arg-type] -- answers the same calls
        before = running.rss_mib()
        _, kind = good_body()
        opening = f"Content-Type: {kind}\r\nAuthorization: "
        for head in (
            f"PUT /v1/utterances/{NAME} HTTP/1.1\r\n{opening}Bearer {device.token}\r\n",
            f"PUT /v1/utterances/{NAME} HTTP/1.1\r\n{opening}Bearer {'0' * 64}\r\n",
            f"DELETE /v1/utterances/{NAME} HTTP/1.1\r\n{opening}Deletion {TOKEN}\r\n",
            "POST /v1/enrol HTTP/1.1\r\nContent-Type: application/json\r\n",
            "POST /tagger/v1/vote HTTP/1.1\r\nContent-Type: application/json\r\n",
        ):
            began = time.monotonic()
            _, answer = pour(running.url, head, 1024 * MIB)
            assert answer == b"" or answer[9:12] in (b"401", b"413", b"415", b"422"), answer
            assert time.monotonic() - began < 300
            assert running.rss_mib() - before < 64
        assert httpx.get(f"{running.url}/readyz", timeout=60).status_code == 200
    finally:
        running.kill()
