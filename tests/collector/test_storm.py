"""Nothing that was acknowledged is lost: killed collectors, crashing databases, full disks."""

from __future__ import annotations

import hashlib
import os
import random
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

pytest.importorskip("sqlalchemy", reason="the collector needs the extra 'collector'")

from stt_service.collector.api import make_app
from stt_service.collector.collection import Collection
from stt_service.collector.removal import GRACE_SECONDS
from stt_service.collector.serve import Plan, open_collection
from tests.collector.conftest import BITS, Device, flac, meta_of
from tests.collector.processes import Running, own_postgres, small_disk

KILLS = int(os.environ.get("STT_TEST_KILLS", "4"))
"""Of the storm; more of them is a longer test, and no other one."""
SENDERS = 3
SOUNDS = [flac(0.2, seed) for seed in range(8)]
GIVE_UP_SECONDS = 900.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@dataclass
class Sender:
    """A device that sends, and takes back every fourth; again and again until it is answered."""

    url: str
    seed: int
    stop: threading.Event
    acknowledged: dict[str, bytes] = field(default_factory=dict)
    deleted: dict[str, str] = field(default_factory=dict)
    unknown: list[int] = field(default_factory=list)
    """Answers that nobody should get."""

    def run(self) -> None:
        with httpx.Client(base_url=self.url, timeout=30) as client:
            device = Device(client)  # type: ignore[arg-type] -- answers the same calls
            self.ask(lambda: client.post("/v1/enrol", json=device.work()))
            while not self.stop.is_set():
                name, token = secrets.token_hex(16), secrets.token_hex(16)
                sound = SOUNDS[(len(self.acknowledged) + self.seed) % len(SOUNDS)]
                meta = meta_of(sound, token)
                # Bound to this round's values: the lambdas are called before the next.
                self.ask(lambda n=name, s=sound, m=meta: device.put(n, s, m))
                self.acknowledged[name] = sound
                if len(self.acknowledged) % 4 == 0:
                    answer = self.ask(lambda n=name, t=token: device.delete(n, t))
                    self.deleted[name] = answer.json()["receipt"]

    def ask(self, request: Any) -> httpx.Response:
        end = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < end:
            try:
                answer = request()
            except (httpx.TransportError, KeyError):
                time.sleep(0.05)  # down, or the challenge could not be had
                continue
            if answer.status_code in (200, 201):
                return answer
            if answer.status_code not in (408, 429, 503):
                self.unknown.append(answer.status_code)
            time.sleep(0.05)
        raise AssertionError("the collector never answered")


@dataclass
class Storm:
    """Senders at work while somebody does harm."""

    url: str
    stop: threading.Event = field(default_factory=threading.Event)
    senders: list[Sender] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Storm:
        self.senders = [Sender(self.url, seed, self.stop) for seed in range(SENDERS)]
        self.threads = [threading.Thread(target=one.run, daemon=True) for one in self.senders]
        for one in self.threads:
            one.start()
        return self

    def count(self) -> int:
        return sum(len(one.acknowledged) for one in self.senders)

    def more(self, number: int) -> None:
        """Return when so many more were acknowledged."""
        goal, end = self.count() + number, time.monotonic() + GIVE_UP_SECONDS
        while self.count() < goal:
            assert time.monotonic() < end, "nothing is acknowledged any more"
            time.sleep(0.02)

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for one in self.threads:
            one.join(GIVE_UP_SECONDS)
            assert not one.is_alive()

    def judge(self, collection: Collection) -> None:
        """Compare what was acknowledged with what is there."""
        sent = {name: data for one in self.senders for name, data in one.acknowledged.items()}
        gone = {name: said for one in self.senders for name, said in one.deleted.items()}
        assert [one.unknown for one in self.senders] == [[]] * SENDERS
        here = list(collection.ids())
        assert len(here) == len(set(here))
        assert set(here) == set(sent) - set(gone)
        for name in here:
            assert collection.sound(name) == sent[name]
        assert {one.id for one in collection.removal.revocations(0)} == set(gone)
        assert all(len(said) == len(hashlib.sha256().hexdigest()) for said in gone.values())
        # What lies there besides is left over from a request that was killed, and can be swept.
        list(collection.removal.sweep(now=time.time() + 2 * GRACE_SECONDS))
        assert len(list(collection.objects.names())) == len(here)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'c.db'}"
        return
    with own_postgres() as server:
        yield server.url


def test_kill_9_loses_nothing_that_was_acknowledged(database: str, tmp_path: Path) -> None:
    """Two processes, killed together at random moments; each utterance is there once, and whole."""
    chance = random.Random(1)
    running = Running(database, tmp_path / "objects", workers=2).start()
    with ExitStack() as stack:
        stack.callback(running.kill)
        running.wait()
        with Storm(running.url) as storm:
            for _ in range(KILLS):
                storm.more(chance.randrange(1, 12))
                time.sleep(chance.random() * 0.1)
                running.kill()
                running.start().wait()
            storm.more(5)
    collection = open_collection(Plan(database, str(tmp_path / "objects")))
    storm.judge(collection)
    collection.engine.dispose()


def test_postgres_may_crash_under_load(tmp_path: Path) -> None:
    """It restarts and recovers; the collector goes on by itself, without being restarted."""
    with own_postgres() as server, ExitStack() as stack:
        running = Running(server.url, tmp_path / "objects").start().wait()
        stack.callback(running.kill)
        with Storm(running.url) as storm:
            for mode in ("immediate", "fast"):
                storm.more(10)
                server.stop(mode)
                time.sleep(0.5)
                assert httpx.get(f"{running.url}/readyz", timeout=60).status_code == 503
                assert httpx.get(f"{running.url}/healthz", timeout=60).status_code == 200
                server.start()
            storm.more(10)
        collection = open_collection(Plan(server.url, str(tmp_path / "objects")))
        storm.judge(collection)
        collection.engine.dispose()


@pytest.mark.parametrize("full", ["objects", "database"])
def test_a_full_disk_takes_nothing_that_it_cannot_keep(tmp_path: Path, full: str) -> None:
    """Devices are told to come later; what was acknowledged can be read; room helps at once."""
    with small_disk(tmp_path / "small", "2m") as small:
        place = {"objects": tmp_path, "database": tmp_path, full: small}
        plan = Plan(
            f"sqlite:///{place['database'] / 'c.db'}", str(place["objects"] / "objects"), bits=BITS
        )
        collection = open_collection(plan)
        client = TestClient(make_app(collection), raise_server_exceptions=False)
        device = Device(client).join()
        ballast = small / "ballast"
        ballast.write_bytes(bytes(1_300_000))
        kept: dict[str, bytes] = {}
        for number in range(400):
            sound, name = flac(2.0 if full == "objects" else 0.1, number), secrets.token_hex(16)
            meta = meta_of(sound, "t" * 16, text="a " * 2000)
            answer = device.put(name, sound, meta)
            if answer.status_code != 201:
                break
            kept[name] = sound
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert len(kept) > 0
        assert client.get("/healthz").status_code == 200
        ballast.unlink()
        assert device.put(name, sound, meta).status_code == 201
        assert {one: collection.sound(one) for one in collection.ids()} == {**kept, name: sound}
        collection.engine.dispose()
