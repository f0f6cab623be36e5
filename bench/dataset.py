"""A collector with many clips: how fast datasets are written, and how soon somebody gets a clip.

The database is filled with made-up rows, the folder of sound with links to a few recordings of
noise, which do not compress and so are larger than speech.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import random
import shutil
import statistics
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection as Transaction
from sqlalchemy import Engine, event, func, insert, select, text

from stt_service.collector import tagging_next, tagging_people
from stt_service.collector.database import open_engine
from stt_service.collector.dataset_database import DatabaseSource
from stt_service.collector.dataset_export import Plan, export
from stt_service.collector.dataset_manifest import Layout
from stt_service.collector.dataset_refresh import refresh
from stt_service.collector.dataset_verify import verify
from stt_service.collector.objects import Folder, object_name
from stt_service.collector.tables import contributors, metadata, utterances
from stt_service.collector.tagging_tables import clips, taggers, votes
from stt_service.store.sound import encode

HEADER = ("what", "clips", "figure")
SOUNDS = 64
SECONDS = 2.0
SPEAKERS = 5000
BATCH = 5000
WORDS = ("turn", "on", "off", "the", "light", "lamp", "kitchen", "hall", "please", "now", "what")
SAMPLES = 300
"""Requests for a clip that are timed."""
VOTED = 20_000
"""Clips on which the person who asks has voted already, and that are still open."""


def _sounds() -> list[tuple[bytes, str]]:
    chance = np.random.default_rng(1)
    made = []
    for _ in range(SOUNDS):
        samples = chance.integers(-2000, 2000, int(SECONDS * 16_000), dtype=np.int16)
        flac = encode(samples, 16_000)
        made.append((flac, hashlib.sha256(flac).hexdigest()))
    return made


def _pseudonym(number: int) -> str:
    return hashlib.sha256(f"speaker {number}".encode()).hexdigest()[:32]


def _rows(count: int, state: str, sounds: list[tuple[bytes, str]]) -> Iterator[list[Any]]:
    chance = random.Random(1)
    for begin in range(0, count, BATCH):
        spoken, tagged = [], []
        for number in range(begin, min(count, begin + BATCH)):
            name = f"{chance.getrandbits(128):032x}"
            said = " ".join(chance.choices(WORDS, k=chance.randint(1, 6)))
            spoken.append(
                {
                    "number": number + 1, "id": name, "pseudonym": _pseudonym(number % SPEAKERS),
                    "received": "2026-11-23T12:00:00Z", "consent": "c" * 64, "scope": "publish",
                    "text_version": 1, "text_sha256": "d" * 64, "since": "2026-11-22T12:00:00Z",
                    "deletion_sha256": "e" * 64, "audio_sha256": sounds[number % SOUNDS][1],
                    "bytes": len(sounds[number % SOUNDS][0]), "seconds": SECONDS, "text": said,
                    "confidence": 0.5, "alternatives": "[]", "capture": "{}", "model": "m",
                    "engine": "litert", "clipped": 0, "overflows": 0,
                }
            )  # fmt: skip
            tagged.append(
                {
                    "utterance": name, "pseudonym": _pseudonym(number % SPEAKERS),
                    "seconds": SECONDS, "state": state, "voters": 0 if state == "open" else 2,
                    "priority": chance.random(), "shuffle": chance.random(), "leased_until": 0,
                    "text": said if state == "valid" else "", "agree": 2, "against": 0,
                    "gold": False,
                }
            )  # fmt: skip
        yield [spoken, tagged]


def fill(engine: Engine, folder: Path, count: int, state: str) -> None:
    """Make a collector with many clips; a database that exists is emptied."""
    sounds = _sounds()
    metadata.drop_all(engine)
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(
            insert(contributors),
            [
                {
                    "pseudonym": _pseudonym(number), "token_sha256": f"{number:064x}",
                    "barred": False, "joined": 20_000,
                }
                for number in range(SPEAKERS)
            ],
        )  # fmt: skip
    objects = Folder(folder) if state == "valid" else None
    originals: dict[int, Path] = {}
    for begin, (spoken, tagged) in enumerate(_rows(count, state, sounds)):
        with engine.begin() as connection:
            connection.execute(insert(utterances), spoken)
            connection.execute(insert(clips), tagged)
        if objects is None:
            continue
        for at, one in enumerate(spoken):
            kind = (begin * BATCH + at) % SOUNDS
            name = object_name(one["id"], one["audio_sha256"])
            if kind not in originals:
                objects.put(name, sounds[kind][0])
                originals[kind] = folder / name
            else:
                (folder / name).parent.mkdir(exist_ok=True)
                _link(originals, kind, folder / name)
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))


def _link(originals: dict[int, Path], kind: int, place: Path) -> None:
    """Link to a recording; a file has 65,000 names at most, so begin another in time."""
    if originals[kind].stat().st_nlink > 30_000:
        shutil.copyfile(originals[kind], place)
        originals[kind] = place
    else:
        place.hardlink_to(originals[kind])


def _export(url: str, folder: str, target: str, layout: Layout, pipe: Connection) -> None:
    engine = open_engine(url)
    begin, cpu = time.monotonic(), time.process_time()
    export(Path(target), DatabaseSource(engine, Folder(Path(folder))), Plan(layout))
    taken = time.monotonic() - begin
    pipe.send((taken, time.process_time() - cpu, _peak()))


def _peak() -> float:
    """Return MiB of this process at most; getrusage says that of its parent, if it was larger."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def exported(url: str, work: Path, layout: Layout) -> tuple[float, float, float]:
    """Export to work/LAYOUT in another process; return its seconds, seconds of CPU, and MiB."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    target = work / layout
    shutil.rmtree(target, ignore_errors=True)
    process = context.Process(
        target=_export, args=(url, str(work / "objects"), str(target), layout, there)
    )
    process.start()
    taken, cpu, memory = here.recv()
    process.join()
    return float(taken), float(cpu), float(memory)


def exports(url: str, work: Path, count: int) -> Iterator[tuple[object, ...]]:
    """Fill a collector, and yield how fast its datasets are written, checked and refreshed."""
    engine = open_engine(url)
    for size in (count // 10, count):
        shutil.rmtree(work / "objects", ignore_errors=True)
        fill(engine, work / "objects", size, "valid")
        for layout in ("common-voice", "audiofolder", "deepspeech"):
            taken, cpu, memory = exported(url, work, layout)
            rates = f"{size / taken:.0f}/s, {size / cpu:.0f} per second of CPU"
            yield f"export {layout}", size, f"{rates}; {memory:.0f} MiB at most"
            if layout != "common-voice":
                shutil.rmtree(work / layout)
    begin = time.monotonic()
    assert list(verify(work / "common-voice")) == []
    yield "verify", count, f"{count / (time.monotonic() - begin):.0f}/s"
    begin = time.monotonic()
    refresh(work / "common-voice", ())
    yield "refresh", count, f"{time.monotonic() - begin:.1f} s"


def next_clips(url: str, count: int) -> Iterator[tuple[object, ...]]:
    """Fill a collector with open clips, and yield how long somebody waits for the next one."""
    engine = open_engine(url)
    fill(engine, Path(), count, "open")
    with engine.begin() as connection:
        keys = []
        for _ in range(2):
            code = tagging_people.invite(connection, time.time())
            keys.append(tagging_people.join(connection, code, time.time()))
        old, new = (tagging_people.find(connection, key) for key in keys)
        _vote(connection, old.number, min(VOTED, count // 10))
    for who, tagger in (("a newcomer", new), ("somebody with 20,000 open votes", old)):
        yield f"next clip, {engine.dialect.name}, {who}", count, timed(engine, tagger)


def timed(engine: Engine, tagger: tagging_people.Tagger) -> str:
    """Return how long somebody waits: for the query that finds a clip, and for all of it."""
    queries, whole, cpu = [], [], []

    @event.listens_for(engine, "before_cursor_execute")
    def begun(*given: Any) -> None:  # noqa: ANN401 -- SQLAlchemy's
        given[4].begun = time.perf_counter()

    @event.listens_for(engine, "after_cursor_execute")
    def done(*given: Any) -> None:  # noqa: ANN401
        if "FROM tagging_clips" in given[2]:
            queries.append(1000 * (time.perf_counter() - given[4].begun))

    for _ in range(SAMPLES):
        with engine.begin() as connection:
            begin, used = time.perf_counter(), time.process_time()
            held = tagging_next.assign(connection, tagger, (), time.time())
            whole.append(1000 * (time.perf_counter() - begin))
            cpu.append(1000 * (time.process_time() - used))
            assert held is not None
            tagging_next.note_done(connection, held.ticket, right=None)
    event.remove(engine, "before_cursor_execute", begun)
    event.remove(engine, "after_cursor_execute", done)
    return (
        f"query {_spread(queries)}; with lease and ticket {_spread(whole)}, "
        f"of which {statistics.median(cpu):.1f} ms of our CPU"
    )


def _spread(values: list[float]) -> str:
    values.sort()
    return f"{statistics.median(values):.1f} ms (p99 {values[int(0.99 * len(values))]:.1f} ms)"


def _vote(connection: Transaction, number: int, count: int) -> None:
    names = (
        connection.execute(select(clips.c.utterance).order_by(clips.c.priority.desc()).limit(count))
        .scalars()
        .all()
    )
    connection.execute(
        insert(votes),
        [
            {
                "utterance": name, "tagger": number, "kind": "text", "text": "on", "plain": "on",
                "reason": None, "day": 20_000,
            }
            for name in names
        ],
    )  # fmt: skip
    chosen = select(votes.c.utterance).where(votes.c.tagger == number)
    connection.execute(clips.update().where(clips.c.utterance.in_(chosen)).values(voters=1))
    assert connection.execute(select(func.count()).select_from(taggers)).scalar_one() == 2
