"""A recording at real speed: its blocks come when their last sample would."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from stt_service.audio.api import AudioFormat, AudioSource, Block
from stt_service.audio.paced import PacedSource

RATE = 8000


class Recording(AudioSource):
    """Two large blocks."""

    def __init__(self) -> None:
        self.format = AudioFormat(RATE, 1, "fake")
        self.duration = 1.5
        self.closed = False

    def blocks(self) -> Iterator[Block]:
        yield np.arange(RATE, dtype=np.int16)[:, np.newaxis]
        yield np.arange(RATE, RATE + RATE // 2, dtype=np.int16)[:, np.newaxis]

    def close(self) -> None:
        self.closed = True


class Clock:
    """Goes on when somebody waits."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


def test_each_block_comes_when_its_last_sample_would() -> None:
    """Small blocks, by the sample count from the first one on."""
    clock = Clock()
    source = PacedSource(Recording(), clock=clock, wait=clock.wait)
    heard = 0
    for block in source.blocks():
        assert block[0, 0] == heard
        heard += len(block)
        assert clock.now == pytest.approx(100 + heard / RATE)
        assert len(block) <= 0.03 * RATE
    assert heard == 1.5 * RATE
    assert (source.format.rate, source.duration, source.live) == (RATE, 1.5, False)


def test_a_slow_reader_gets_all_of_it_late() -> None:
    """And is not made to wait besides."""
    clock = Clock()
    heard = 0
    for block in PacedSource(Recording(), clock=clock, wait=clock.wait).blocks():
        heard += len(block)
        clock.now += 0.1
    assert heard == 1.5 * RATE
    assert clock.now == pytest.approx(100 + 0.03 + 51 * 0.1, abs=0.01)


def test_closing_ends_it() -> None:
    """The recording is closed too."""
    recording = Recording()
    source = PacedSource(recording)
    blocks = source.blocks()
    next(blocks)
    source.close()
    assert list(blocks) == []
    assert recording.closed
