"""A tagger that browsers and clients can reach, with real sound behind it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import Engine

from stt_service.collector.api import make_app
from stt_service.collector.collection import Collection
from stt_service.collector.objects import object_name
from stt_service.server.serve import Address, Server
from stt_service.store.sound import encode
from tests.collector.databases import collection, receive, row


def speech_like(number: int, seconds: float) -> bytes:
    """Return FLAC of something with syllables, so that there is a waveform to see."""
    time_axis = np.arange(int(seconds * 16_000)) / 16_000
    envelope = np.abs(np.sin(2 * np.pi * (1.5 + number % 3) * time_axis)) ** 2
    voice = np.sin(2 * np.pi * (180 + number) * time_axis)
    tone = voice + 0.3 * np.sin(2 * np.pi * 950 * time_axis)
    return encode((9000 * envelope * tone).astype(np.int16), 16_000)


@dataclass
class TaggerStage:
    """What a test reaches."""

    everything: Collection
    root: str

    @property
    def engine(self) -> Engine:
        return self.everything.engine

    @property
    def url(self) -> str:
        return self.root + "tagger/"

    def add(self, number: int, seconds: float = 0.5, **more: object) -> str:
        sound = speech_like(number, seconds)
        digest = hashlib.sha256(sound).hexdigest()
        values = row(number, seconds=seconds, audio_sha256=digest, **more)
        receive(self.engine, values)
        self.everything.objects.put(object_name(str(values["id"]), digest), sound)
        self.everything.tagging.take_in()
        return str(values["id"])

    def invite(self, *, reference: bool = False) -> str:
        return self.everything.tagging.invite(time.time(), reference=reference)


@contextmanager
def tagger(engine: Engine, folder: Path) -> Iterator[TaggerStage]:
    """Run a tagger until the block ends."""
    everything = collection(engine, folder)
    with Server(Address(port=0)) as server:
        server.start(make_app(everything), clients=8)
        yield TaggerStage(everything, server.url)
