"""The whole way from store to collector, wronged: a bad line, killed processes, changed minds.

    store ──► worker (killed) ──► fault proxy ──► collector (killed)
                  withdrawals, at random moments

Real processes, the real store and the real collector; waits between attempts alone are left out.
Several such ways at once, each with a store and a collector of its own: most of the time each of
them waits for a disk or for the line.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import multiprocessing
import random
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np

from bench.fault_proxy import FaultProxy
from stt_service.collector.collection import Collection
from stt_service.collector.intake import Limits
from stt_service.collector.removal import GRACE_SECONDS
from stt_service.collector.serve import Plan, open_collection
from stt_service.errors import SttError
from stt_service.events import Transcript
from stt_service.store.consent import Ledger
from stt_service.store.db import Database
from stt_service.store.kept import Grace, NewUtterance, Quota, Saved
from stt_service.store.queue import Queue
from stt_service.store.sound import encode
from stt_service.store.utterances import Utterances
from tests.ports import free_port

HEADER = ("what", "value")
RATE = 16_000
SAMPLES = 8_000
SHARE = 0.3
"""Of the requests meet a fault."""
BITS = 4
QUOTA = Quota(1 << 40, 3650.0, 0)
GIVE_UP_SECONDS = 600.0
"""Without anything arriving, or without a receipt, and a second for each."""
SETTLED_SECONDS = 3.0
"""After the last receipt, before the last look: nothing may come any more."""
AGAIN_SECONDS = 0.05
"""After a failure: a collector that was killed takes longer to come back."""
LOOK_SECONDS = 0.02
"""Between looks at whether there is something to do, or whether it has been done."""
MOMENT = 0.6
"""Longest, in seconds, between two harms."""

Row = tuple[object, ...]


def run(utterances: int, kills: int, withdrawals: int, seed: int, ways: int = 1) -> Iterable[Row]:
    """Yield rows as :data:`HEADER` names them. Raises AssertionError for anything lost."""
    began = time.perf_counter()
    shares = [
        [n // ways + (one < n % ways) for n in (utterances, kills, withdrawals)]
        for one in range(ways)
    ]
    # Not forked: each way has threads and processes of its own.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(ways, mp_context=context) as pool:
        found = list(pool.map(_one_way, shares, range(seed, seed + ways)))
    for rows in zip(*found, strict=True):
        whats = [value for _, value in rows]
        yield rows[0][0], sum(whats[1:], start=whats[0])
    yield "seconds in all", round(time.perf_counter() - began)


def _one_way(share: list[int], seed: int) -> list[tuple[str, Any]]:
    return list(one_way(*share, seed))


def one_way(utterances: int, kills: int, withdrawals: int, seed: int) -> Iterator[tuple[str, int]]:
    """Yield what is found, in figures that can be added up."""
    with tempfile.TemporaryDirectory() as folder, staged(Path(folder), seed) as stage:
        began = time.perf_counter()
        stage.arrive(utterances, kills)
        yield "utterances", utterances
        yield "stored exactly once, bytes equal", stage.judge()
        yield "seconds of arriving, all ways", round(time.perf_counter() - began)
        began = time.perf_counter()
        stage.withdraw_all()
        yield "utterances asked back in the end", len(stage.receipts())
        yield "seconds of that, all ways", round(time.perf_counter() - began)
        began, before = time.perf_counter(), len(stage.receipts())
        for _ in range(withdrawals):
            stage.change_of_mind()
        yield "withdrawals at a random moment", withdrawals
        yield "utterances asked back in them", len(stage.receipts()) - before
        yield "worker and collector killed", stage.killed
        time.sleep(SETTLED_SECONDS)
        yield "still there in the end", stage.collection.sums().utterances
        yield "sound files of killed requests", len(list(stage.collection.objects.names()))
        # What the collector sweeps away by itself, later.
        list(stage.collection.removal.sweep(now=time.time() + 2 * GRACE_SECONDS))
        yield "sound files after the sweep", len(list(stage.collection.objects.names()))
        yield "receipts", len(stage.receipts())
        yield "seconds of the withdrawals, all ways", round(time.perf_counter() - began)
        yield from ((f"faults of the line: {name}", n) for name, n in stage.proxy.met.items())


def _serve(plan: Plan, port: int) -> None:
    import uvicorn  # noqa: PLC0415 -- the child's

    from stt_service.collector.api import make_app  # noqa: PLC0415

    app = make_app(open_collection(plan))
    uvicorn.run(app, host="127.0.0.1", port=port, log_config=None, access_log=False)


def _work(folder: Path, port: int) -> None:
    """Do as the daemon's thread does, without its waits."""
    from stt_service.upload.collector import CollectorTarget  # noqa: PLC0415
    from stt_service.upload.worker import Worker  # noqa: PLC0415

    with Database(folder) as database:
        kept = Utterances(database, QUOTA, sweep=False)
        queue = Queue(database, kept, Grace(0.0))
        worker = Worker(queue, kept, CollectorTarget(f"http://127.0.0.1:{port}"))
        while True:
            with suppress(SttError):
                step = worker.step()
                if step.did in ("failed", "paused"):
                    queue.resume()
                    queue.retry()
                    time.sleep(AGAIN_SECONDS)
                elif step.did not in ("sent", "deleted"):
                    time.sleep(LOOK_SECONDS)


@dataclass
class Stage:
    """One device and one collector. For one thread."""

    folder: Path
    plan: Plan
    collection: Collection
    proxy: FaultProxy
    chance: random.Random
    database: Database
    kept: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the sound of all that is to arrive."""
    asked_back: set[str] = field(default_factory=set)
    killed: int = 0
    _said: int = 0
    _processes: dict[str, BaseProcess] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        # So that to start again costs a tenth of a second, and not two.
        self._context.set_forkserver_preload(
            [
                "bench.collection",
                "uvicorn.protocols.http.h11_impl",
                "uvicorn.lifespan.on",
                "stt_service.collector.api",
                "stt_service.upload.collector",
                "stt_service.upload.worker",
            ]
        )
        self._utterances = Utterances(self.database, QUOTA)
        self._ledger = Ledger(self.database)
        self._start("collector", _serve, self.plan, self.proxy.upstream)
        self._start("worker", _work, self.database.folder, self.proxy.port)

    def _start(self, name: str, what: Any, *given: object) -> None:  # noqa: ANN401
        process = self._context.Process(target=what, args=given, daemon=True)
        process.start()
        self._processes[name] = process

    def _kill(self, name: str) -> None:
        self._processes[name].kill()
        self._processes[name].join()
        self.killed += 1
        if name == "collector":
            self._start(name, _serve, self.plan, self.proxy.upstream)
        else:
            self._start(name, _work, self.database.folder, self.proxy.port)

    def close(self) -> None:
        """End the processes."""
        for process in self._processes.values():
            process.kill()
            process.join()

    def keep(self, count: int) -> None:
        """Save so many utterances that may leave."""
        permit = self._ledger.give("publish", "asked")
        for _ in range(count):
            self._said += 1
            noise = np.random.default_rng(self._said).integers(-999, 999, SAMPLES, dtype=np.int16)
            sound = encode(noise, RATE)
            text = f"utterance {self._said}"
            length = SAMPLES / RATE
            said = Transcript(
                text=text,
                confidence=0.5,
                words=(),
                alternatives=(),
                rejected=False,
                start=0.0,
                end=length,
                model="m",
                scorer=None,
                engine="litert",
            )
            new = NewUtterance(said, length, 0, 0, {"source": "microphone", "rate": RATE})
            saved = self._utterances.save(new, sound, permit.id)
            assert isinstance(saved, Saved), saved
            one = self._utterances.find(saved.id)
            assert one is not None
            self._utterances.review(one, "accepted")
            self.kept[saved.id] = hashlib.sha256(sound).hexdigest()

    def _stored(self) -> int:
        with self.database.reading() as connection:
            query = "SELECT count(*) FROM deliveries WHERE state = 'done'"
            return int(connection.execute(query).fetchone()[0])

    def arrive(self, count: int, kills: int) -> None:
        """Have so many sent, while both sides are killed again and again."""
        self.keep(count)
        last, since = -1, time.monotonic()
        while (now := self._stored()) < count or self.killed < kills:
            if now != last:
                last, since = now, time.monotonic()
            assert time.monotonic() - since < GIVE_UP_SECONDS or now == count, f"stuck at {now}"
            if self.killed < kills and self.killed * count <= kills * now:
                self._kill(self.chance.choice(("worker", "collector")))
            time.sleep(self.chance.random() * MOMENT / 6)

    def judge(self) -> int:
        """Compare what the collector has with what was kept; return how many."""
        self.proxy.settle()
        here = list(self.collection.ids())
        assert len(here) == len(set(here)), "stored twice"
        assert set(here) == set(self.kept), "lost"
        for name, digest in self.kept.items():
            assert hashlib.sha256(self.collection.sound(name)).hexdigest() == digest, "changed"
        return len(here)

    def _waits(self) -> bool:
        """Return whether a deletion is still to be confirmed."""
        with self.database.reading() as connection:
            query = "SELECT EXISTS (SELECT 1 FROM tombstones)"
            return bool(connection.execute(query).fetchone()[0])

    def receipts(self) -> set[str]:
        """Return the ids of what was deleted elsewhere."""
        with self.database.reading() as connection:
            return {row[0] for row in connection.execute("SELECT utterance FROM receipts")}

    def withdraw_all(self) -> None:
        """Withdraw, and return when everything has its receipt and is gone."""
        with self.database.reading() as connection:
            rows = connection.execute("SELECT utterance FROM sent").fetchall()
        self._utterances.withdraw("owner", "asked")
        with self.database.reading() as connection:
            graves = connection.execute("SELECT utterance FROM tombstones").fetchall()
        # What the worker began between the two looks has a grave too.
        self.asked_back |= {row[0] for row in (*rows, *graves)}
        self.kept.clear()
        end = time.monotonic() + GIVE_UP_SECONDS + len(self.asked_back)
        while self._waits():
            assert time.monotonic() < end, "no receipt"
            time.sleep(LOOK_SECONDS)
        assert self.asked_back <= self.receipts(), "a receipt is missing"
        self.proxy.settle()
        assert list(self.collection.ids()) == [], "still there"

    def change_of_mind(self) -> None:
        """Agree, talk, and withdraw while it is sent."""
        self.keep(self.chance.randrange(1, 6))
        time.sleep(self.chance.random() * MOMENT)
        if self.chance.random() < 0.5:
            self._kill(self.chance.choice(("worker", "collector")))
        self.withdraw_all()


@contextmanager
def staged(folder: Path, seed: int) -> Iterator[Stage]:
    """Lend a device and a collector that are at work."""
    port = free_port()
    database = f"sqlite:///{folder / 'collector.db'}"
    limits = Limits(per_day=10**9)
    plan = Plan(database, str(folder / "objects"), bits=BITS, limits=limits)
    collection = open_collection(plan)
    with FaultProxy(port, share=SHARE, seed=seed) as proxy, Database(folder / "store") as store:
        stage = Stage(folder, plan, collection, proxy, random.Random(seed), store)
        try:
            yield stage
        finally:
            stage.close()
            collection.engine.dispose()
