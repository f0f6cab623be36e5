"""From the last sound of an utterance to its final on the WebSocket, alone and beside clients.

    player (stands for the microphone) ──► `stt-service run` ──► WS /v1/transcripts
    clients' recordings, in real time ───► WS /v1/recognize  ──► partials, finals

Player and daemon share the monotonic clock, and the player hands over as much at once as a
microphone's callback does. The detector is run here over the same samples, which tells the last
one that it takes for speech, and the one at which the utterance is over.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from bench import rivals
from stt_service.app_audio import voice_detector
from stt_service.audio.microphone import BLOCK_SECONDS
from stt_service.segmenter import SegmenterSettings, SpeechEnded
from stt_service.utterance_cutter import UtteranceCutter
from stt_service.vad.api import Vad
from tests.running import RATE, ROOT, TEXT, Running, sentence

CALLERS = 8
PIECE_SECONDS = 0.1
"""Of a client's audio in one message."""
PAUSE_SECONDS = 0.7
"""Before and after the sentence: longer than the hang-over together."""
NOISE = 3
"""Loudest sample of the pause: a quiet room, for nothing but zeros counts as a fault."""
WARM_SECONDS = 5.0
"""Before anything is measured."""

HEADER = (
    "microphone",
    "utterances",
    "right %",
    "last voiced sample to final, less hang-over, ms: median",
    "p99",
    "deciding sample to final, ms: median",
    "p99",
    "processor, % of a core",
    "clients' utterances right",
)


class _Spy(Vad):
    """Remembers where the daemon's detector last heard speech."""

    clock = voiced = 0

    def __init__(self, detector: Vad) -> None:
        self._detector = detector
        self.rate, self.frame = detector.rate, detector.frame

    def reset(self) -> None:
        self._detector.reset()

    def is_speech(self, frame: np.ndarray) -> bool:
        verdict = self._detector.is_speech(frame)
        self.clock += len(frame)
        if verdict:
            self.voiced = self.clock
        return verdict


@dataclass(frozen=True)
class _End:
    voiced: int
    """Sample after the last one that the detector took for speech."""
    decided: int
    """Sample after the one at which the utterance was over."""


def _ends(loop: np.ndarray, rounds: int) -> dict[int, _End]:
    """Return, by the sample at which an utterance ends, when that was known."""
    vad = _Spy(voice_detector(rivals.bundled(), RATE))
    cutter = UtteranceCutter(vad)
    found = {}
    for samples in np.split(np.tile(loop, rounds), rounds * len(loop) // vad.frame):
        for event in cutter.feed(samples):
            if isinstance(event, SpeechEnded):
                found[event.end] = _End(vad.voiced, vad.clock)
    return found


def cpu_seconds(process: int) -> float:
    """Return what a process has used of its processors."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class _Caller(threading.Thread):
    """Streams whole loops in real time until told to stop, and notes what comes back."""

    def __init__(self, url: str, loop: np.ndarray, wait: float, stop: threading.Event) -> None:
        """Begin after ``wait`` seconds, so that clients are apart, as people are."""
        super().__init__(daemon=True)
        self._url, self._loop, self._wait, self._stopped = url, loop.tobytes(), wait, stop
        self.texts: list[str] = []

    def run(self) -> None:
        size = 2 * int(PIECE_SECONDS * RATE)
        with connect(self._url + "/v1/recognize") as client:
            client.send(json.dumps({"type": "start", "rate": RATE}))
            reader = threading.Thread(target=self._read, args=(client,), daemon=True)
            reader.start()
            begin, given = time.monotonic() + self._wait, 0
            while not self._stopped.is_set():
                for at in range(0, len(self._loop), size):
                    time.sleep(max(0.0, begin + given / 2 / RATE - time.monotonic()))
                    piece = self._loop[at : at + size]
                    client.send(piece)
                    given += len(piece)
            client.send('{"type": "end"}')
            reader.join(30)

    def _read(self, client: object) -> None:
        with suppress(ConnectionClosed):
            for text in client:  # type: ignore[attr-defined]
                message = json.loads(text)
                if message["type"] == "final":
                    self.texts.append(message["text"])


def run(seconds: float) -> Iterator[tuple[object, ...]]:
    """Yield a row of HEADER for the microphone alone, and for one beside clients."""
    loop = sentence(PAUSE_SECONDS, NOISE)
    loop = loop[: len(loop) - len(loop) % (RATE * 3 // 100)]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "loop").write_bytes(loop.tobytes())
        player = (sys.executable, "-I", "-S", str(ROOT / "bench/player.py"))
        sound = (str(folder / "loop"), str(RATE), str(BLOCK_SECONDS))
        words = (*player, *sound, str(folder / "begin"))
        daemon = Running(folder, "--source", "cmd:" + shlex.join(words), server=True)
        try:
            daemon.wait_for("READY=1")
            yield ("alone", *_measure(daemon, loop, seconds, 0))
            yield (f"beside {CALLERS} clients", *_measure(daemon, loop, seconds, CALLERS))
        finally:
            daemon.close()


def _measure(daemon: Running, loop: np.ndarray, seconds: float, callers: int) -> tuple[object, ...]:
    stop = threading.Event()
    apart = len(loop) / RATE / CALLERS
    clients = [_Caller(daemon.ws, loop, number * apart, stop) for number in range(callers)]
    for one in clients:
        one.start()
    time.sleep(WARM_SECONDS)
    before, start, came = cpu_seconds(daemon.process.pid), time.monotonic(), []
    with connect(daemon.ws + "/v1/transcripts?kinds=final,rejected") as client:
        while (left := start + seconds - time.monotonic()) > 0:
            with suppress(TimeoutError):
                message = json.loads(client.recv(left))
                came.append((time.monotonic(), message))
    busy = (cpu_seconds(daemon.process.pid) - before) / (time.monotonic() - start)
    stop.set()
    for one in clients:
        one.join(60)
    begin = float((daemon.folder / "begin").read_text())
    ends = _ends(loop, int((time.monotonic() - begin) * RATE / len(loop)) + 2)
    hang_over = SegmenterSettings().end_window
    results = [(when, message) for when, message in came if message["type"] != "hello"]
    late = [
        (when - begin - end.voiced / RATE - hang_over, when - begin - end.decided / RATE)
        for when, message in results
        if (end := ends.get(round(message["end"] * RATE))) is not None
    ]
    if len(late) != len(results):
        raise SystemExit("audio was lost on the way: the daemon's clock is not the player's")
    figures = 1000 * np.array(late)
    texts = [text for one in clients for text in one.texts]
    return (
        len(late),
        f"{100 * np.mean([message['text'] == TEXT for _, message in results]):.0f}",
        *(f"{np.percentile(part, q):.0f}" for part in figures.T for q in (50, 99)),
        f"{100 * busy:.1f}",
        f"{texts.count(TEXT)} of {len(texts)}" if callers else "",
    )
