"""Recordings played to a real sound server, recorded with PyAudio, transcribed.

    recordings ──► null sink ──► its monitor ──► Microphone at 16, 44.1, 48 kHz ──► transcribe --vad

The finals are compared with those of the files. All three rates listen at once, to the whole
playlist in one go, as a daemon does.

A recogniser in doubt answers differently when the same sound comes a millisecond later, or when
other sound comes before it. How often it does is measured without any microphone: on the files a
little later, and on the playlist as one file. The microphone's way can do no better.
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

from bench import corpus, rivals
from bench.accuracy import grammar_for, same_meaning
from stt_service.app import open_engine
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

LATER_SECONDS = 0.001
"""By which the files come later when the recogniser's own doubt is measured."""
SURE = 0.7
"""Confidence of the file's finals from which the recogniser counts as sure of them."""
SPARE_SECONDS = 0.15
"""By which an utterance may begin later or end earlier than that of the file: half of the silence
that is taken along on either side, so no word is lost."""

HEADER = (
    "microphone",
    "recordings",
    "same finals %",
    "of the sure ones %",
    "nothing cut off %",
    "all slots right %",
    "samples lost",
    "overflows",
)
Row = tuple[object, ...]


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
    """Yield a row of HEADER for the files, for the files a little later, and for each rate."""
    clips = corpus.speech("test/coffee_orders", limit)
    said = [soundfile.read(clip.path, dtype="int16")[0] for clip in clips]
    judge = _Judge(clips, _transcribe([clip.path for clip in clips]))
    yield ("the files", *judge.figures(judge.expected), "", "")
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as monkeypatch:
        later = _transcribe(_write_later(Path(place), said))
        together, _ = _heard(Path(place), np.concatenate(list(_chunks(said))), said)
        yield ("the files, 1 ms later", *judge.figures(later), "", "")
        yield ("the playlist as one file", *judge.figures(together), "", "")
        for ear, samples in _listen(Path(place), said, monkeypatch):
            heard, lost = _heard(Path(place), samples, said)
            name = f"{ear.source.format.rate} Hz"
            yield (name, *judge.figures(heard), lost, ear.source.overflows)


def _write_later(place: Path, said: list[np.ndarray]) -> list[Path]:
    silence = np.zeros(int(LATER_SECONDS * RATE), np.int16)
    files = [place / f"later-{number:04}.wav" for number in range(len(said))]
    for file, samples in zip(files, said, strict=True):
        soundfile.write(file, np.concatenate((silence, samples)), RATE)
    return files


def _listen(
    place: Path, said: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> list[tuple[_Ear, np.ndarray]]:
    """Play everything once; return what was heard at each rate."""
    server = SoundServer(place, monkeypatch)
    try:
        server.plug("mic_a", rate=48_000)
        ears = [_Ear(rate) for rate in CAPTURE_RATES]
        for chunk in _chunks(said):
            server.play("mic_a", chunk, RATE)
        return [(ear, ear.stop()) for ear in ears]
    finally:
        server.close()


def _heard(
    place: Path, samples: np.ndarray, said: list[np.ndarray]
) -> tuple[list[list[dict]], int]:
    """Return the segments of each recording, and how many samples are missing."""
    places, lost = _places(samples, said)
    kept = place / "heard.wav"
    soundfile.write(kept, samples, RATE)
    (segments,) = _transcribe([kept])
    return [_moved(segments, start, end) for start, end in places], lost


def _moved(segments: list[dict], start: float, end: float) -> list[dict]:
    """Return those between two times, on a clock that begins with the first."""
    return [
        {**one, "start": one["start"] - start, "end": one["end"] - start}
        for one in segments
        if start <= (one["start"] + one["end"]) / 2 < end
    ]


class _Judge:
    """Compares what was heard with what the files give, and with what was said."""

    def __init__(self, clips: list[corpus.Clip], expected: list[list[dict]]) -> None:
        """``expected`` are the segments of each file."""
        self.expected = expected
        self._said = [clip.transcript for clip in clips]
        with open_engine(rivals.bundled()) as engine:
            self._grammar = grammar_for(engine, str(PHRASES))

    def figures(self, heard: list[list[dict]]) -> tuple[object, ...]:
        """Return how many recordings, and four percentages, as HEADER names them."""
        same = [
            _joined(one) == _joined(other) for one, other in zip(self.expected, heard, strict=True)
        ]
        sure = [
            ours
            for ours, theirs in zip(same, self.expected, strict=True)
            if theirs and min(one["confidence"] for one in theirs) >= SURE
        ]
        cut = [_whole(one, other) for one, other in zip(self.expected, heard, strict=True)]
        right = [
            same_meaning(self._grammar, _joined(one), said)
            for one, said in zip(heard, self._said, strict=True)
        ]
        sure_ones = f"{_percent(sure)} of {len(sure)}"
        return len(same), _percent(same), sure_ones, _percent(cut), _percent(right)


def _whole(expected: list[dict], heard: list[dict]) -> bool:
    return len(expected) == len(heard) and all(
        ours["start"] <= theirs["start"] + SPARE_SECONDS
        and ours["end"] >= theirs["end"] - SPARE_SECONDS
        for theirs, ours in zip(expected, heard, strict=True)
    )


def _percent(which: list[bool]) -> str:
    return f"{100 * sum(which) / max(1, len(which)):.1f}"


def _chunks(said: list[np.ndarray]) -> Iterator[np.ndarray]:
    gap = np.zeros(int(GAP_SECONDS * RATE), np.int16)
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
