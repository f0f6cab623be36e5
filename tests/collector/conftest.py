"""A collection in a folder, and somebody who sends to it."""

from __future__ import annotations

import hashlib
import io
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient

from stt_service.collector.api import make_app
from stt_service.collector.collection import Collection
from stt_service.collector.serve import Plan, known_texts, open_collection
from tests.cli.conftest import run

__all__ = ["run"]

NOW = 1_790_000_000
BITS = 8
"""Of work: a few hundred hashes."""


def flac(seconds: float = 1.0, seed: int = 0, rate: int = 16_000) -> bytes:
    """Return noise as FLAC."""
    noise = np.random.default_rng(seed).integers(-2000, 2000, int(seconds * rate), dtype=np.int16)
    memory = io.BytesIO()
    soundfile.write(memory, noise, rate, format="FLAC", subtype="PCM_16")
    return memory.getvalue()


def meta_of(sound: bytes, deletion: str, **more: object) -> dict[str, Any]:
    """Return what a device tells of an utterance."""
    consent = {
        "id": "c" * 64,
        "scope": "publish",
        "text_version": 1,
        "text_sha256": known_texts()[0],
        "since": "2026-11-22T10:00:00Z",
    }
    return {
        "consent": consent,
        "deletion_sha256": hashlib.sha256(deletion.encode()).hexdigest(),
        "audio_sha256": hashlib.sha256(sound).hexdigest(),
        "bytes": len(sound),
        "seconds": soundfile.info(io.BytesIO(sound)).duration,
        "text": "turn on the light",
        "confidence": 0.9,
        "alternatives": [{"text": "turn on the light", "confidence": 0.9}],
        "label": None,
        "model": "stt-en-small",
        "scorer": "stt-en-small",
        "engine": "litert",
        "clipped": 0,
        "overflows": 0,
        "capture": {"source": "microphone", "rate": 16000},
        **more,
    }


class Device:
    """Somebody who has joined, or joins."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.pseudonym = secrets.token_hex(16)
        self.token = secrets.token_hex(32)

    def work(self) -> dict[str, str]:
        """Return a body that lets this one in."""
        offer = self.client.get("/v1/challenge").json()
        for nonce in range(1 << 20):
            said = f"{offer['challenge']}:{self.pseudonym}:{nonce}".encode()
            if int.from_bytes(hashlib.sha256(said).digest()) >> (256 - offer["bits"]) == 0:
                return {**self.who(), "challenge": offer["challenge"], "nonce": str(nonce)}
        raise AssertionError("no nonce was found")

    def who(self) -> dict[str, str]:
        digest = hashlib.sha256(self.token.encode()).hexdigest()
        return {"pseudonym": self.pseudonym, "token_sha256": digest}

    def join(self) -> Device:
        assert self.client.post("/v1/enrol", json=self.work()).status_code == 201
        return self

    def put(self, name: str, sound: bytes, meta: dict[str, Any], token: str = "") -> Any:
        return self.client.put(
            f"/v1/utterances/{name}",
            files={
                "meta": ("meta.json", json.dumps(meta), "application/json"),
                "sound": ("sound.flac", sound, "audio/flac"),
            },
            headers={"Authorization": f"Bearer {token or self.token}"},
        )

    def delete(self, name: str, deletion: str) -> Any:
        headers = {"Authorization": f"Deletion {deletion}"}
        return self.client.delete(f"/v1/utterances/{name}", headers=headers)


@pytest.fixture
def gathering(tmp_path: Path) -> Iterator[Collection]:
    """A collection on SQLite and a folder."""
    plan = Plan(f"sqlite:///{tmp_path / 'c.db'}", str(tmp_path / "objects"), bits=BITS)
    opened = open_collection(plan)
    yield opened
    opened.engine.dispose()


@pytest.fixture
def client(gathering: Collection) -> Iterator[TestClient]:
    with TestClient(make_app(gathering, clock=lambda: NOW), raise_server_exceptions=False) as one:
        yield one


@pytest.fixture
def device(client: TestClient) -> Device:
    return Device(client).join()
