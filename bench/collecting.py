"""How fast a collector receives: real processes, real database, several devices at once.

Every utterance is 5 s of the bundled recordings, another each time. All are made before the clock
starts, and go over bare sockets: what sends shares its processors with what is measured.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import math
import multiprocessing
import os
import re
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from stt_service.app import data_dir
from stt_service.collector.serve import known_texts
from tests.ports import free_port

HEADER = ("what", "value")
SECONDS = 5
RATE = 16_000
BITS = 4
START_SECONDS = 300.0
ANSWER_SECONDS = 60.0
BOUNDARY = "utterance"
MOST_PER_SECOND = 300
"""Utterances that are made ready for each second; when they are used up, the clock stops."""
FEW = 32
"""Sounds of each device where it is memory that counts, and not time."""
LOOKS = 8
LOOK_SECONDS = 0.2
MAX_ANSWER = 65_536
"""Bytes; an answer has a few hundred."""

Row = tuple[object, ...]


def run(
    database: str, workers: int, clients: int, seconds: float, utterances: int = 0
) -> Iterable[Row]:
    """Yield rows as :data:`HEADER` names them; ``database`` is a URL, or empty for SQLite.

    With ``utterances`` so many are sent, however long it takes: that is about memory.
    """
    each = utterances and min(FEW, utterances // clients)
    each = each or int(seconds * MOST_PER_SECOND / clients)
    with multiprocessing.Pool() as pool:
        sounds = pool.starmap(encoded, ((seed, each) for seed in range(clients)))
    with tempfile.TemporaryDirectory() as folder:
        url = database or f"sqlite:///{folder}/collector.db"
        with served(url, Path(folder) / "objects", workers) as (port, process):
            senders = [Sender(port, sound, utterances // clients) for sound in sounds]
            for sender in senders:
                sender.join()
            before, began = _spent(process), time.perf_counter()
            end = math.inf if utterances else began + seconds
            threads = [
                threading.Thread(target=sender.send_until, args=(end,)) for sender in senders
            ]
            for thread in threads:
                thread.start()
            memory = [(0, before["memory"]), *_watched(process, senders, threads, utterances)]
            for thread in threads:
                thread.join()
            wall, after = time.perf_counter() - began, _spent(process)
    took = sorted(one for sender in senders for one in sender.took)
    count = len(took)
    yield "received per second", f"{count / wall:.0f}"
    yield "acknowledged after ms, median", f"{1000 * statistics.median(took):.0f}"
    yield "acknowledged after ms, 99 %", f"{1000 * took[int(count * 0.99)]:.0f}"
    for who in ("collector", "database", "senders"):
        yield f"CPU ms for one: {who}", f"{1000 * (after[who] - before[who]) / count:.2f}"
    memory.append((count, after["memory"]))
    for sent, found in memory:
        yield f"memory of all processes MiB, after {sent}", f"{found:.0f}"
    yield "not acknowledged", sum(sender.refused for sender in senders)


def _watched(
    process: int, senders: list[Sender], threads: list[threading.Thread], utterances: int
) -> Iterator[tuple[int, float]]:
    """Yield memory after each eighth of what is sent."""
    goal = utterances // LOOKS
    while utterances and any(thread.is_alive() for thread in threads):
        sent = sum(len(sender.took) for sender in senders)
        if sent >= goal:
            goal += utterances // LOOKS
            yield sent, _spent(process)["memory"]
        time.sleep(LOOK_SECONDS)


@contextmanager
def served(url: str, objects: Path, workers: int) -> Iterator[tuple[int, int]]:
    """Run a collector for as long as the block lasts; lend its port and its process id."""
    port = free_port()
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

    def __init__(self, port: int, sounds: Sequence[bytes], count: int = 0) -> None:
        """``count`` utterances are made while they are sent; 0: all before."""
        self._port = port
        self._pseudonym, self._token = secrets.token_hex(16), secrets.token_hex(32)
        made = (request(self._token, sounds[one % len(sounds)]) for one in range(count))
        self._requests = made if count else iter([request(self._token, one) for one in sounds])
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

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> dict[str, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_SECONDS)
        connection.request(method, path, body, headers)
        found: dict[str, str] = json.loads(connection.getresponse().read())
        connection.close()
        return found

    def send_until(self, end: float) -> None:
        """Send one utterance after another, over one connection, until then or until the last."""
        with socket.create_connection(("127.0.0.1", self._port), ANSWER_SECONDS) as connection:
            for whole in self._requests:
                began = time.perf_counter()
                if began >= end:
                    break
                connection.sendall(whole)
                answer = answered(connection)
                self.took.append(time.perf_counter() - began)
                self.refused += not answer.startswith(b"HTTP/1.1 201 ")


def answered(connection: socket.socket) -> bytes:
    """Return an answer, its body with it. Raises ConnectionError when it does not come whole."""
    answer = b""
    while len(answer) < MAX_ANSWER:
        piece = connection.recv(MAX_ANSWER)
        if not piece:
            break
        answer += piece
        head, found, body = answer.partition(b"\r\n\r\n")
        if found:
            length = re.search(rb"\r\ncontent-length: *(\d+)", head.lower())
            if length is not None and len(body) >= int(length[1]):
                return answer
    raise ConnectionError("the collector has hung up")


def encoded(seed: int, count: int) -> list[bytes]:
    """Return pieces of the bundled recordings as FLAC."""
    sound, chance = recordings(), np.random.default_rng(seed)
    found = []
    for start in chance.integers(len(sound) - SECONDS * RATE, size=count):
        memory = io.BytesIO()
        piece = sound[start : start + SECONDS * RATE]
        soundfile.write(memory, piece, RATE, format="FLAC", subtype="PCM_16")
        found.append(memory.getvalue())
    return found


def request(token: str, flac: bytes) -> bytes:
    """Return a sending, as it goes over the line."""
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
    body += f"--{BOUNDARY}--\r\n".encode()
    head = (
        f"PUT /v1/utterances/{secrets.token_hex(16)} HTTP/1.1\r\nHost: collector\r\n"
        f"Authorization: Bearer {token}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def recordings() -> NDArray[np.int16]:
    """Return the bundled recordings, one after another, three times."""
    paths = sorted(data_dir().glob("demo-*.flac"))
    pieces = [soundfile.read(path, dtype="int16")[0] for path in paths]
    return np.concatenate(pieces * 3)


def _spent(collector: int) -> dict[str, float]:
    """Return seconds of processor time until now, and the collector's memory in MiB."""
    here = _tree(collector)
    # Where the database runs elsewhere, there are none and that is nothing.
    names = {path.parent: path for path in Path("/proc").glob("[0-9]*/comm")}
    database = [int(one.name) for one, path in names.items() if _is_postgres(path)]
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in here)
    return {
        "collector": sum(map(_cpu_seconds, here)),
        "database": sum(map(_cpu_seconds, database)),
        "senders": time.process_time(),
        "memory": pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
    }


def _is_postgres(comm: Path) -> bool:
    try:
        return comm.read_text() == "postgres\n"
    except OSError:
        return False  # ended meanwhile


def _tree(process: int) -> list[int]:
    found = [process]
    for one in found:
        path = Path(f"/proc/{one}/task/{one}/children")
        found += [int(child) for child in path.read_text().split()]
    return found


def _cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
