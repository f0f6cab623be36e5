"""What a device may join, send and take back, over the wire of docs/collection.md."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from stt_service.collector.admission import bar, invite
from stt_service.collector.collection import Collection
from stt_service.collector.database import reading, writing
from stt_service.collector.tables import audit, utterances
from tests.collector.conftest import NOW, Device, flac, meta_of

TOKEN = "a secret of this utterance"
SOUND = flac()
META = meta_of(SOUND, TOKEN)
NAME = "0123456789abcdef0123456789abcdef"


def files(collection: Collection) -> list[str]:
    return [name for name, _ in collection.objects.names()]


def test_work_lets_in_once_and_the_same_again_is_the_same(client: TestClient) -> None:
    """Who missed the answer asks again; nobody else takes the pseudonym or the challenge."""
    one = Device(client)
    body = one.work()
    assert client.post("/v1/enrol", json=body).status_code == 201
    assert client.post("/v1/enrol", json=body).status_code == 200
    thief = {**Device(client).work(), "pseudonym": one.pseudonym}
    assert client.post("/v1/enrol", json=thief).status_code == 409
    other = Device(client)
    stale = client.post("/v1/enrol", json={**body, **other.who()})
    assert stale.status_code == 422


@pytest.mark.parametrize(
    "change", [{"nonce": "x"}, {"nonce": "-1"}, {"challenge": "1-2-3"}, {"challenge": "é"}, {}]
)
def test_no_work_no_entry(client: TestClient, change: dict[str, str]) -> None:
    """A made-up challenge or nonce, or none, lets nobody in."""
    body = {**Device(client).work(), **change} if change else Device(client).who()
    assert client.post("/v1/enrol", json=body).status_code == 422


def test_an_invitation_serves_once(client: TestClient, gathering: Collection) -> None:
    """The second one with it stays outside."""
    with writing(gathering.engine) as connection:
        code = invite(connection, NOW)
    found = [
        client.post("/v1/enrol", json={**Device(client).who(), "invitation": code}).status_code
        for _ in range(2)
    ]
    assert found == [201, 403]


def test_an_utterance_is_stored_once(device: Device, gathering: Collection) -> None:
    """Sending it again is answered the same; the bytes are those that were sent."""
    first = device.put(NAME, SOUND, META)
    again = device.put(NAME, SOUND, META)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert gathering.sound(NAME) == SOUND
    assert gathering.sums().utterances == 1
    assert len(files(gathering)) == 1


def test_an_id_that_is_taken_is_refused(device: Device, client: TestClient) -> None:
    """By other sound, or by somebody else."""
    device.put(NAME, SOUND, META)
    other = flac(seed=1)
    assert device.put(NAME, other, meta_of(other, TOKEN)).status_code == 409
    assert Device(client).join().put(NAME, SOUND, META).status_code == 409


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"consent": {**META["consent"], "scope": "keep"}}, 403, "no more"),
        ({"consent": {**META["consent"], "text_sha256": "0" * 64}}, 403, "another text"),
        ({"bytes": 1}, 422, "bytes"),
        ({"audio_sha256": "0" * 64}, 422, "audio_sha256"),
        ({"seconds": 2.0}, 422, "seconds"),
        ({"confidence": 2}, 422, "confidence"),
        ({"host": "kitchen"}, 422, "host"),
    ],
)
def test_what_is_wrong_is_named(
    device: Device, gathering: Collection, change: dict[str, Any], status: int, said: str
) -> None:
    """The field, and nothing is stored."""
    answer = device.put(NAME, SOUND, {**META, **change})
    assert answer.status_code == status
    assert said in answer.json()["error"]
    assert files(gathering) == []


@pytest.mark.parametrize("sound", [b"RIFF", SOUND[:-500], flac(rate=96_000)])
def test_what_is_no_sound_is_refused(device: Device, gathering: Collection, sound: bytes) -> None:
    """No FLAC, half of one, or of another rate."""
    given = meta_of(SOUND, TOKEN)
    digest = hashlib.sha256(sound).hexdigest()
    changed = {**given, "bytes": len(sound), "audio_sha256": digest}
    assert device.put(NAME, sound, changed).status_code in (415, 422)
    assert files(gathering) == []


def test_a_stranger_and_one_who_is_barred_send_nothing(
    device: Device, gathering: Collection
) -> None:
    """Before their bodies are looked at."""
    assert device.put(NAME, SOUND, META, token="f" * 64).status_code == 401
    with writing(gathering.engine) as connection:
        assert bar(connection, device.pseudonym, barred=True)
    assert device.put(NAME, SOUND, META).status_code == 403


def test_a_day_has_an_end(device: Device, gathering: Collection) -> None:
    """Then the device is told when to come again."""
    gathering.intake._limits = type(gathering.limits)(per_day=1)
    assert device.put(NAME, SOUND, META).status_code == 201
    other = flac(seed=2)
    answer = device.put(secrets.token_hex(16), other, meta_of(other, TOKEN))
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 86_400
    assert len(files(gathering)) == 1  # or refused sound would fill the disk


def test_its_token_deletes_an_utterance_and_nothing_else_does(
    device: Device, gathering: Collection, client: TestClient
) -> None:
    """Sound and row go; the receipt is the same as often as it is asked for; it stays away."""
    device.put(NAME, SOUND, META)
    assert device.delete(NAME, "another token than its").status_code == 403
    assert gathering.sound(NAME) == SOUND
    first, again = device.delete(NAME, TOKEN), device.delete(NAME, TOKEN)
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    assert files(gathering) == []
    assert device.put(NAME, SOUND, META).status_code == 410
    assert device.delete(NAME, "another token than its").status_code == 403
    told = client.get("/v1/revocations").json()
    assert [one["id"] for one in told["revocations"]] == [NAME]
    assert client.get(f"/v1/revocations?after={told['next']}").json()["revocations"] == []


def test_what_was_never_received_is_kept_out(
    device: Device, gathering: Collection, client: TestClient
) -> None:
    """A deletion may overtake its utterance; nobody is told of what never was here."""
    assert device.delete(NAME, TOKEN).json()["unknown"] is True
    assert device.put(NAME, SOUND, META).status_code == 410
    assert client.get("/v1/revocations").json()["revocations"] == []
    assert files(gathering) == []


def test_what_a_killed_sending_left_goes_with_the_deletion(
    tmp_path: Path, device: Device, gathering: Collection
) -> None:
    """Its sound was written and its row was not."""
    gathering.objects.put(f"{NAME[:2]}/{NAME}-{'0' * 16}.flac", SOUND)
    half = (tmp_path / "objects") / NAME[:2] / f".{NAME}-{'1' * 16}.flac.abc"
    half.write_bytes(SOUND[:100])
    assert device.delete(NAME, TOKEN).json()["unknown"] is True
    assert files(gathering) == []
    assert not half.exists()


def test_what_a_crash_left_is_swept_and_nothing_else(device: Device, gathering: Collection) -> None:
    """Only after a day: it may belong to a request that is under way."""
    device.put(NAME, SOUND, META)
    gathering.objects.put("ff/" + "f" * 32 + "-" + "0" * 16 + ".flac", b"left over")
    written = max(moment for _, moment in gathering.objects.names())
    assert list(gathering.removal.sweep(now=written)) == []
    assert len(list(gathering.removal.sweep(now=written + 90_000))) == 1
    assert gathering.sound(NAME) == SOUND


def test_what_a_killed_sending_left_of_something_deleted_is_swept_at_once(
    device: Device, gathering: Collection
) -> None:
    """Its deletion was acknowledged; nobody can need it, however young it is."""
    device.put(NAME, SOUND, META)
    device.delete(NAME, TOKEN)
    gathering.objects.put(f"{NAME[:2]}/{NAME}-{'0' * 16}.flac", SOUND)
    gathering.objects.put(f"{NAME[:2]}/.{NAME}-{'0' * 16}.flac.0a1b2c3d", SOUND[:9])
    assert len(list(gathering.removal.sweep())) == 2
    assert files(gathering) == []


def test_the_audit_log_knows_no_people(device: Device, gathering: Collection) -> None:
    """What happened to which utterance, and no more."""
    device.put(NAME, SOUND, META)
    device.delete(NAME, TOKEN)
    with reading(gathering.engine) as connection:
        found = connection.execute(select(audit.c.action, audit.c.subject)).all()
        assert connection.execute(select(utterances)).first() is None
    assert [tuple(row) for row in found] == [
        ("joined", ""),
        ("received", NAME),
        ("deleted", NAME),
    ]
