"""A device that keeps utterances, and a collector on a real port."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import uvicorn

from stt_service.collector.api import make_app
from stt_service.collector.collection import Collection
from stt_service.collector.serve import Plan, open_collection
from stt_service.events import Transcript
from stt_service.store.consent import Ledger, Scope
from stt_service.store.db import Database
from stt_service.store.kept import Grace, Kept, NewUtterance, Quota, Saved
from stt_service.store.passing import Ticks, tick
from stt_service.store.queue import Queue
from stt_service.store.sound import encode
from stt_service.store.utterances import Utterances
from stt_service.upload.collector import CollectorTarget
from stt_service.upload.worker import Worker

NOW = 1_790_000_000.0
BITS = 6
NO_GRACE = Grace(0.0)


class Device:
    """A store with a queue. For one thread."""

    def __init__(self, folder: Path, grace: Grace = NO_GRACE, ticks: Ticks = tick) -> None:
        self.database = Database(folder)
        quota = Quota(1 << 30, 365.0, 0)
        self.ledger = Ledger(self.database)
        self.utterances = Utterances(self.database, quota, clock=lambda: NOW, ticks=ticks)
        self.queue = Queue(self.database, self.utterances, grace)

    def give(self, scope: Scope) -> None:
        self.ledger.give(scope, "asked")

    def keep(self, number: int, *, accepted: bool = True) -> Kept:
        """Save an utterance of its own sound."""
        consent = self.ledger.standing().live
        assert consent is not None
        noise = np.random.default_rng(number).integers(-3000, 3000, 8000, dtype=np.int16)
        said = Transcript(
            text=f"utterance {number}",
            words=(),
            confidence=0.5,
            alternatives=(),
            rejected=False,
            start=0.0,
            end=0.5,
            model="m",
            scorer=None,
            engine="litert",
        )
        new = NewUtterance(said, 0.5, 0, 0, {"source": "microphone", "rate": 16000})
        saved = self.utterances.save(new, encode(noise, 16_000), consent.id)
        assert isinstance(saved, Saved)
        kept = self.utterances.get(saved.id)
        if accepted:
            self.utterances.review(kept, "accepted")
        return self.utterances.get(saved.id)

    def worker(self, port: int, **more: object) -> Worker:
        target = CollectorTarget(f"http://127.0.0.1:{port}")
        return Worker(self.queue, self.utterances, target, clock=lambda: NOW, **more)  # type: ignore[arg-type]


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    one = Device(tmp_path / "store")
    yield one
    one.database.close()


class Running:
    """A collector that serves."""

    def __init__(self, folder: Path) -> None:
        plan = Plan(f"sqlite:///{folder / 'c.db'}", str(folder / "objects"), bits=BITS)
        self.collection: Collection = open_collection(plan)
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(make_app(self.collection), log_config=None, access_log=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
        self.collection.engine.dispose()


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Running]:
    (tmp_path / "collector").mkdir()
    one = Running(tmp_path / "collector")
    yield one
    one.close()


def drain(worker: Worker, until: Callable[[], bool], steps: int = 10_000) -> list[str]:
    """Step until something holds; waits are skipped by letting go on what is only paused."""
    did = []
    while not until():
        assert len(did) < steps, did[-20:]
        step = worker.step()
        did.append(step.did)
        if step.did in ("failed", "paused"):
            worker.queue.resume()
            worker.queue.retry()
    return did
