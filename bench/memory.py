"""Resident memory after hours of audio, fed to a daemon as fast as it is recognised.

A day at home: most of it is the noise of a quiet room, and now and then somebody says something.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np

from bench.soak import NOISE
from tests.running import RATE, Running, sentence

HEADER = ("after hours", "memory MB", "utterances heard", "times real time")
MINUTE = 60 * RATE
SAID_IN_A_MINUTE = 1
"""Sentences; 1,440 in a day."""


def _minute() -> bytes:
    noise = np.random.default_rng(2).integers(-NOISE, NOISE + 1, MINUTE).astype(np.int16)
    said = sentence(0.5, NOISE)
    for number in range(SAID_IN_A_MINUTE):
        at = number * MINUTE // SAID_IN_A_MINUTE
        noise[at : at + len(said)] = said
    return noise.tobytes()


def run(hours: int) -> Iterator[tuple[object, ...]]:
    """Yield a row of HEADER after 1 hour, and after each doubling up to ``hours``."""
    minute = _minute()
    marks = sorted({1, 2, 4, 8, 16, hours})
    with tempfile.TemporaryDirectory() as place:
        daemon = Running(Path(place), "--source", "stdin", server=True)
        try:
            daemon.wait_for("READY=1")
            begin = time.monotonic()
            for hour in range(1, hours + 1):
                for _ in range(60):
                    daemon.pipe.write(minute)
                daemon.pipe.flush()
                if hour in marks:
                    counts = _counts(daemon, 3600 * hour - 60)
                    speed = 3600 * hour / (time.monotonic() - begin)
                    memory = _resident(daemon)
                    yield hour, f"{memory:.1f}", int(counts["finals_total"]), f"{speed:.0f}"
        finally:
            daemon.close()


def _counts(daemon: Running, seconds: float) -> dict[str, float]:
    """Return the figures once so much audio has been heard."""
    while True:
        counts = httpx.get(daemon.url + "/v1/status", timeout=60).json()["counts"]
        if counts["audio_seconds_total"] >= seconds:
            return counts
        time.sleep(0.2)


def _resident(daemon: Running) -> float:
    for line in Path(f"/proc/{daemon.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1000
    return 0.0
