"""A tagger that browsers and clients can reach, with real sound behind it."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from fastapi import FastAPI
from sqlalchemy import Engine, insert

from stt_service.collector.tables import utterances
from stt_service.collector.tagging import Tagging
from stt_service.collector.tagging_api import add_tagger
from stt_service.server.serve import Address, Server
from stt_service.store.sound import encode
from tests.collector.databases import row


def speech_like(number: int, seconds: float) -> bytes:
    """Return FLAC of something with syllables, so that there is a waveform to see."""
    time_axis = np.arange(int(seconds * 16_000)) / 16_000
    envelope = np.abs(np.sin(2 * np.pi * (1.5 + number % 3) * time_axis)) ** 2
    tone = np.sin(2 * np.pi * 180 * time_axis) + 0.3 * np.sin(2 * np.pi * 950 * time_axis)
    return encode((9000 * envelope * tone).astype(np.int16), 16_000)


@dataclass
class TaggerStage:
    """What a test reaches."""

    engine: Engine
    tagging: Tagging
    url: str
    sounds: dict[str, bytes]

    def add(self, number: int, seconds: float = 0.5, **more: object) -> str:
        sound = speech_like(number, seconds)
        digest = hashlib.sha256(sound + str(number).encode()).hexdigest()
        values = row(number, seconds=seconds, audio_sha256=digest, **more)
        self.sounds[str(values["id"])] = sound
        with self.engine.begin() as connection:
            connection.execute(insert(utterances).values(**values))
        self.tagging.take_in()
        return str(values["id"])

    def invite(self, *, reference: bool = False) -> str:
        return self.tagging.invite(time.time(), reference=reference)


@contextmanager
def tagger(engine: Engine) -> Iterator[TaggerStage]:
    """Run a tagger until the block ends."""
    random.seed(1)
    sounds: dict[str, bytes] = {}
    tagging = Tagging(engine, sounds.__getitem__)
    app = FastAPI(docs_url=None, redoc_url=None)
    add_tagger(app, tagging)
    with Server(Address(port=0)) as server:
        server.start(app, clients=8)
        yield TaggerStage(engine, tagging, server.url + "tagger/", sounds)
