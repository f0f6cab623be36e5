"""Recordings played to a real sound server, recorded with PyAudio, transcribed.

    recordings ──► null sink ──► its monitor ──► Microphone at 16, 44.1, 48 kHz ──► transcribe --vad

The finals are compared with those of the files. All three rates listen at once, to the whole
playlist in one go, as a daemon does.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench import corpus
from stt_service.audio.devices import Wanted
from stt_service.audio.microphone import Microphone
from stt_service.audio.resample import mono_blocks
from tests.sound_server import SoundServer

RATE = 16_000
CAPTURE_RATES = (16_000, 44_100, 48_000)
PHRASES = Path(__file__).parents[1] / "examples/phrases/coffee.yaml"
GAP_SECONDS = 1.5
"""Between two recordings: longer than the hang-over, so that none runs into the next."""
CHUNK_SECONDS = 90.0
"""Played at once, of which PulseAudio keeps a copy in its memory."""

LATEST_SECONDS = 10
"""By which the server may be behind between two chunks."""

LOUD = 300
"""Samples beyond are speech: these recordings are padded with digital silence."""

HEADER = ("microphone", "recordings", "same finals %", "samples lost", "overflows")
Row = tuple[str, int, str, int, int]


class _Ear:
    """Records one rate in a thread of its own."""

    def __init__(self, rate: int) -> None:
        self.source = Microphone(Wanted("mic_a"), rate=rate)
        self.heard: list[np.ndarray] = []
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        while not self.heard:  # a sleeping device takes its time
            time.sleep(0.05)

    def _listen(self) -> None:
        for block in mono_blocks(self.source, RATE):
            self.heard.append(block)

    def stop(self) -> np.ndarray:
        self.source.close()
        self._thread.join()
        return np.concatenate(self.heard)


def run(limit: int | None) -> Iterator[Row]:
    """Yield a row of HEADER for each rate."""
    files = [clip.path for clip in corpus.speech("test/coffee_orders", limit)]
    said = [soundfile.read(file, dtype="int16")[0] for file in files]
    expected = [_joined(segments) for segments in _transcribe(files)]
    gap = np.zeros(int(GAP_SECONDS * RATE), np.int16)
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as monkeypatch:
        server = SoundServer(Path(place), monkeypatch)
        try:
            server.plug("mic_a", rate=48_000)
            ears = [_Ear(rate) for rate in CAPTURE_RATES]
            for chunk in _chunks(said, gap):
                server.play("mic_a", chunk, RATE)
            heard = [ear.stop() for ear in ears]
        finally:
            server.close()
        for ear, rate, samples in zip(ears, CAPTURE_RATES, heard, strict=True):
            places, lost = _places(samples, said)
            kept = Path(place) / f"{rate}.wav"
            soundfile.write(kept, samples, RATE)
            (segments,) = _transcribe([kept])
            got = [
                _joined([s for s in segments if start <= (s["start"] + s["end"]) / 2 < end])
                for start, end in places
            ]
            same = sum(a == b for a, b in zip(got, expected, strict=True))
            share = f"{100 * same / len(files):.1f}"
            yield f"{rate} Hz", len(files), share, lost, ear.source.overflows


def _chunks(said: list[np.ndarray], gap: np.ndarray) -> Iterator[np.ndarray]:
    waiting: list[np.ndarray] = []
    for samples in said:
        waiting += [samples, gap]
        if sum(map(len, waiting)) > CHUNK_SECONDS * RATE:
            yield np.concatenate(waiting)
            waiting = []
    if waiting:
        yield np.concatenate(waiting)


def _places(heard: np.ndarray, said: list[np.ndarray]) -> tuple[list[tuple[float, float]], int]:
    """Return from when to when each recording was heard, and how many samples are missing.

    Missing are those by which a recording's second half comes too early for its first.
    """
    places, lost, after = [], 0, 0
    for samples in said:
        loud = np.flatnonzero(np.abs(samples) > LOUD)
        low, high = loud[0], loud[-1] + 1
        middle = (low + high) // 2
        near = heard[after : after + len(samples) + LATEST_SECONDS * RATE]
        first, second = (
            after + _lag(near, samples[one:other]) - one
            for one, other in ((low, middle), (middle, high))
        )
        lost += max(0, first - second - 1)  # a fraction of a sample may be rounded either way
        places.append((max(0, first) / RATE, (first + len(samples)) / RATE + GAP_SECONDS / 2))
        after = first + len(samples)
    return places, lost


def _lag(heard: np.ndarray, said: np.ndarray) -> int:
    size = 1 << (len(heard) + len(said)).bit_length()
    products = np.fft.irfft(
        np.fft.rfft(heard.astype(np.float64), size)
        * np.conj(np.fft.rfft(said.astype(np.float64), size)),
        size,
    )
    return int(np.argmax(products[: len(heard)]))


def _transcribe(files: list[Path]) -> list[list[dict]]:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "stt_service", "transcribe", "--vad", "--format", "jsonl"),
            *("--phrases", str(PHRASES)),
            *map(str, files),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line)["segments"] for line in done.stdout.splitlines()]


def _joined(segments: list[dict]) -> str:
    return " ".join(segment["text"] for segment in segments if segment["text"])
