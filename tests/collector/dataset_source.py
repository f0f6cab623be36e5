"""Clips to export that need no database."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import numpy as np

from stt_service.collector.dataset_export import Source
from stt_service.collector.dataset_layouts import Clip
from stt_service.collector.dataset_manifest import Revocation
from stt_service.collector.dataset_split import speaker_id, split_of
from stt_service.store.sound import encode

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TEXTS = ("turn on the light", "don't stop", "what time is it", "turn off the light")


def make_clip(number: int, speaker: int, seconds: float = 0.1) -> tuple[Clip, bytes]:
    chance = np.random.default_rng(number)
    samples = chance.integers(-999, 999, int(seconds * 16_000), dtype=np.int16)
    flac = encode(samples, 16_000)
    name = speaker_id(f"{speaker:032x}")
    clip = Clip(
        id=f"{random.Random(number).getrandbits(128):032x}",
        speaker=name,
        split=split_of(name),
        text=TEXTS[number % len(TEXTS)],
        seconds=len(samples) / 16_000,
        agree=2,
        against=int(number % 5 == 0),
        audio_sha256=hashlib.sha256(flac).hexdigest(),
    )
    return clip, flac


class FakeSource(Source):
    """Has some clips in memory; what is revoked is gone."""

    def __init__(self, clips: int = 40, speakers: int = 20) -> None:
        made = [make_clip(number, number % speakers) for number in range(clips)]
        self.all = [clip for clip, _ in made]
        self.sounds = {clip.id: flac for clip, flac in made}
        self.revoked: list[Revocation] = []
        self.while_running: Callable[[Clip], None] = lambda _: None
        self.at_the_end: Callable[[], None] = lambda: None

    def revoke(self, clip: Clip) -> None:
        number = len(self.revoked) + 1
        self.revoked.append(
            Revocation(number, clip.id, clip.audio_sha256, "2026-11-23T12:00:00+00:00")
        )
        self.all = [one for one in self.all if one.id != clip.id]
        self.sounds.pop(clip.id, None)

    def clips(self) -> Iterator[Clip]:
        yield from list(self.all)

    def sound(self, clip: Clip) -> bytes | None:
        sound = self.sounds.get(clip.id)
        self.while_running(clip)
        return sound

    def revocations(self, after: int) -> Iterator[Revocation]:
        yield from self.revoked[after:]

    @contextmanager
    def at_rest(self, after: int) -> Iterator[bool]:
        self.at_the_end()
        yield len(self.revoked) <= after
