"""How fast a collector receives: real processes, real database, several devices at once.

Every utterance is 5 s of the bundled recordings, another each time. Sending takes processor time
too, on the same machine.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import os
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from stt_service.app import data_dir
from stt_service.collector.serve import known_texts

HEADER = ("what", "value")
SECONDS = 5
RATE = 16_000
BITS = 4
START_SECONDS = 60.0
BOUNDARY = "utterance"

Row = tuple[object, ...]


def run(database: str, workers: int, clients: int, seconds: float) -> Iterable[Row]:
    """Yield rows as :data:`HEADER` names them; ``database`` is a URL, or empty for SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        url = database or f"sqlite:///{folder}/collector.db"
        with served(url, Path(folder) / "objects", workers) as (port, process):
            senders = [Sender(port, seed) for seed in range(clients)]
            for sender in senders:
                sender.join()
            rss = [_rss_mib(process)]
            cpu, began = _cpu_seconds(process), time.perf_counter()
            threads = [
                threading.Thread(target=sender.send_until, args=(began + seconds,))
                for sender in senders
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            wall = time.perf_counter() - began
            spent = _cpu_seconds(process) - cpu
            rss.append(_rss_mib(process))
    took = sorted(one for sender in senders for one in sender.took)
    count = len(took)
    yield "received per second", f"{count / wall:.0f}"
    yield "acknowledged after ms, median", f"{1000 * statistics.median(took):.0f}"
    yield "acknowledged after ms, 99 %", f"{1000 * took[int(count * 0.99)]:.0f}"
    yield "collector's CPU ms for one", f"{1000 * spent / count:.1f}"
    yield "memory of all processes MiB, before and after", f"{rss[0]:.0f}, {rss[1]:.0f}"
    yield "not acknowledged", sum(sender.refused for sender in senders)


@contextmanager
def served(url: str, objects: Path, workers: int) -> Iterator[tuple[int, int]]:
    """Run a collector for as long as the block lasts; lend its port and its process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "stt_service", "collector", "run"]
    command += ["--database", url, "--objects", str(objects), "--bits", str(BITS)]
    command += ["--port", str(port), "--workers", str(workers), "--per-day", "1000000"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            _await(port)
            yield port, process.pid
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def _await(port: int) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("the collector does not answer")


class Sender:
    """One device. Owned by its thread."""

    def __init__(self, port: int, seed: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._pseudonym, self._token = secrets.token_hex(16), secrets.token_hex(32)
        self._sound = recordings()
        self._rng = np.random.default_rng(seed)
        self.took: list[float] = []
        self.refused = 0

    def join(self) -> None:
        """Let the collector know this device."""
        challenge = self._ask("GET", "/v1/challenge", b"", {})
        nonce = next(
            n
            for n in range(1 << 20)
            if hashlib.sha256(f"{challenge['challenge']}:{self._pseudonym}:{n}".encode()).digest()[
                0
            ]
            < 256 >> BITS
        )
        body = {
            "pseudonym": self._pseudonym,
            "token_sha256": hashlib.sha256(self._token.encode()).hexdigest(),
            "challenge": challenge["challenge"],
            "nonce": str(nonce),
        }
        headers = {"Content-Type": "application/json"}
        self._ask("POST", "/v1/enrol", json.dumps(body).encode(), headers)

    def send_until(self, end: float) -> None:
        """Send one utterance after another."""
        while time.perf_counter() < end:
            name, body = self._next()
            headers = {
                "Authorization": f"Bearer {self._token}",
                "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
            }
            began = time.perf_counter()
            self._connection.request("PUT", f"/v1/utterances/{name}", body, headers)
            answer = self._connection.getresponse()
            answer.read()
            self.took.append(time.perf_counter() - began)
            self.refused += answer.status != http.HTTPStatus.CREATED

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> dict[str, str]:
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        found: dict[str, str] = json.loads(answer.read())
        return found

    def _next(self) -> tuple[str, bytes]:
        start = int(self._rng.integers(len(self._sound) - SECONDS * RATE))
        memory = io.BytesIO()
        piece = self._sound[start : start + SECONDS * RATE]
        soundfile.write(memory, piece, RATE, format="FLAC", subtype="PCM_16")
        flac = memory.getvalue()
        consent = {
            "id": "c" * 64,
            "scope": "upload",
            "text_version": 1,
            "text_sha256": known_texts()[0],
            "since": "2026-01-01T00:00:00Z",
        }
        meta = {
            "consent": consent,
            "deletion_sha256": secrets.token_hex(32),
            "audio_sha256": hashlib.sha256(flac).hexdigest(),
            "bytes": len(flac),
            "seconds": float(SECONDS),
            "text": "turn on the kitchen light",
            "confidence": 0.5,
            "model": "stt-en-small",
            "engine": "litert",
        }
        parts = [
            ("meta", "application/json", json.dumps(meta).encode()),
            ("sound", "audio/flac", flac),
        ]
        body = b"".join(
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{part}"; filename="f"\r\n'
            f"Content-Type: {kind}\r\n\r\n".encode()
            + data
            + b"\r\n"
            for part, kind, data in parts
        )
        return secrets.token_hex(16), body + f"--{BOUNDARY}--\r\n".encode()


def recordings() -> NDArray[np.int16]:
    """Return the bundled recordings, one after another, three times."""
    paths = sorted(data_dir().glob("demo-*.flac"))
    pieces = [soundfile.read(path, dtype="int16")[0] for path in paths]
    return np.concatenate(pieces * 3)


def _tree(process: int) -> list[int]:
    found = [process]
    for one in found:
        path = Path(f"/proc/{one}/task/{one}/children")
        found += [int(child) for child in path.read_text().split()]
    return found


def _cpu_seconds(process: int) -> float:
    ticks = 0
    for one in _tree(process):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _rss_mib(process: int) -> float:
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in _tree(process))
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
