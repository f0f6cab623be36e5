"""Processor time of a daemon that listens to a microphone, in silence and while somebody speaks.

noise of a quiet room, speech ──► null sink ──► its monitor ──► PyAudio ──► `stt-service run`
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bench.latency import cpu_seconds
from bench.soak import NOISE
from tests.running import RATE, Running, sentence
from tests.sound_server import SoundServer

HEADER = ("what is heard", "seconds", "processor, % of a core")
PAUSE_SECONDS = 0.35
"""Before and after each sentence: speech that flows, with an end to each utterance."""


def run(seconds: float) -> Iterator[tuple[object, ...]]:
    """Yield rows of HEADER."""
    said = sentence(PAUSE_SECONDS, NOISE)
    size = int(seconds * RATE)
    sounds = {
        "a quiet room": np.random.default_rng(3).integers(-NOISE, NOISE + 1, size),
        "speech that flows": np.resize(said, size),
    }
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as monkeypatch:
        folder = Path(place)
        server = SoundServer(folder, monkeypatch)
        server.plug("mic_a", rate=48_000)
        names = ("PULSE_SERVER", "ALSA_CONFIG_PATH", "JACK_NO_START_SERVER")
        try:
            environ = {name: os.environ[name] for name in names}
            daemon = Running(folder, "--source", "microphone:mic_a", server=True, **environ)
            try:
                daemon.wait_for("READY=1")
                time.sleep(3)
                for name, samples in sounds.items():
                    before, begin = cpu_seconds(daemon.process.pid), time.monotonic()
                    server.play("mic_a", samples.astype(np.int16), RATE)
                    used = cpu_seconds(daemon.process.pid) - before
                    yield name, f"{seconds:g}", f"{100 * used / (time.monotonic() - begin):.1f}"
            finally:
                daemon.close()
        finally:
            server.close()
