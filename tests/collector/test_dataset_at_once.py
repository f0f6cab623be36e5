"""Contributors withdraw while a dataset is exported: a receipt counts for every later copy."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy", reason="the collector needs the extra 'collector'")

from sqlalchemy import Engine, insert

from stt_service.collector import dataset_manifest as manifests
from stt_service.collector.collection import Collection
from stt_service.collector.dataset_database import DatabaseSource
from stt_service.collector.dataset_export import Plan, export
from stt_service.collector.dataset_refresh import refresh, since
from stt_service.collector.dataset_verify import verify
from stt_service.collector.dataset_writer import Staging
from stt_service.collector.objects import object_name
from stt_service.collector.tagging_tables import clips
from stt_service.errors import DatasetError
from tests.collector.databases import collection, databases, receive, row
from tests.collector.dataset_source import NOW, FakeSource, make_clip

engine = databases
CLIPS = 120


def fill(everything: Collection) -> dict[str, str]:
    """Put clips there that may be published; return their deletion tokens."""
    rows, tagged, tokens = [], [], {}
    for number in range(1, CLIPS + 1):
        clip, flac = make_clip(number, number % 7)
        token = f"{number:032x}"
        secret = hashlib.sha256(token.encode()).hexdigest()
        digest = clip.audio_sha256
        one = row(
            number,
            id=clip.id,
            audio_sha256=digest,
            deletion_sha256=secret,
            bytes=len(flac),
            seconds=clip.seconds,
        )
        everything.objects.put(object_name(clip.id, digest), flac)
        rows.append(one)
        tokens[clip.id] = token
        tagged.append(
            {
                "utterance": clip.id,
                "pseudonym": one["pseudonym"],
                "seconds": clip.seconds,
                "state": "valid",
                "voters": 2,
                "priority": 0.5,
                "shuffle": 0.5,
                "leased_until": 0,
                "text": clip.text,
                "agree": 2,
                "against": 0,
                "gold": False,
            }
        )
    receive(everything.engine, *rows)
    with everything.engine.begin() as connection:
        connection.execute(insert(clips), tagged)
    return tokens


@dataclass
class Leavers:
    """People who withdraw one clip after another, and remember which were confirmed."""

    everything: Collection
    tokens: dict[str, str]
    receipts: list[str] = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)
    faults: list[BaseException] = field(default_factory=list)

    def run(self, names: list[str]) -> None:
        self.go.wait()
        try:
            for name in names:
                self.everything.removal.delete(name, self.tokens[name])
                self.receipts.append(name)
        except BaseException as error:
            self.faults.append(error)
            raise

    @contextmanager
    def at_work(self, names: list[str], people: int) -> Iterator[None]:
        threads = [
            threading.Thread(target=self.run, args=(names[one::people],)) for one in range(people)
        ]
        for one in threads:
            one.start()
        yield
        for one in threads:
            one.join()
        assert self.faults == []


def ids(folder: Path) -> set[str]:
    """Return the ids of all sound in a folder, whatever its tables say."""
    return {path.stem for path in folder.rglob("*") if path.suffix == ".flac"}


@pytest.mark.parametrize("seed", range(3))
def test_whoever_has_a_receipt_is_in_no_later_export(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Whenever in the export it came; who comes later is taken out by the next refresh."""
    everything = collection(engine, tmp_path / "objects")
    leavers = Leavers(everything, fill(everything))
    names = list(leavers.tokens)
    random.Random(seed).shuffle(names)
    confirmed: set[str] = set()
    finish = Staging.finish

    def finishing(staging: Staging) -> None:
        confirmed.update(leavers.receipts)
        finish(staging)

    monkeypatch.setattr(Staging, "finish", finishing)
    source = DatabaseSource(engine, everything.objects)
    copied = iter(range(CLIPS))

    def advance() -> None:
        if next(copied) == 40 * seed:
            leavers.go.set()

    target = tmp_path / "out"
    with leavers.at_work(names[: CLIPS * 2 // 3], people=3):
        export(target, source, Plan(), now=lambda: NOW, advance=advance)
        there = ids(target)
        leavers.go.set()
    assert confirmed & there == set()
    assert {one["id"] for one in manifests.read_clips(target)} == there
    assert list(verify(target, now=NOW)) == []
    refresh(target, source.revocations(since(manifests.read(target))), now=NOW)
    assert ids(target) == set(names) - set(leavers.receipts)
    assert list(verify(target, now=NOW)) == []


def test_who_withdraws_in_the_last_moment_waits_for_it(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the last look and the folder's name: no receipt comes before the copy is there."""
    everything = collection(engine, tmp_path / "objects")
    leavers = Leavers(everything, fill(everything))
    name = next(iter(leavers.tokens))
    order = []
    finish = Staging.finish

    def finishing(staging: Staging) -> None:
        leavers.go.set()
        thread.join(0.5)
        assert thread.is_alive()
        finish(staging)
        order.append("copy")

    def withdraw() -> None:
        leavers.run([name])
        order.append("receipt")

    monkeypatch.setattr(Staging, "finish", finishing)
    thread = threading.Thread(target=withdraw)
    thread.start()
    source = DatabaseSource(engine, everything.objects)
    export(tmp_path / "out", source, Plan(), now=lambda: NOW)
    thread.join()
    assert order == ["copy", "receipt"]
    last = manifests.read(tmp_path / "out").revocations
    assert [one.id for one in source.revocations(last)] == [name]


def test_it_is_looked_again_until_nobody_withdraws(tmp_path: Path) -> None:
    """Each time somebody does while the last ones are taken out."""
    source = FakeSource()
    late = [*source.all[:5]]

    def somebody() -> None:
        if late:
            source.revoke(late.pop())

    source.at_the_end = somebody
    export(tmp_path / "out", source, Plan(), now=lambda: NOW)
    assert ids(tmp_path / "out") == {clip.id for clip in source.all}
    assert len(source.all) == 35
    assert manifests.read(tmp_path / "out").revocations == 5


def test_when_the_last_one_withdraws_there_is_nothing_to_export(tmp_path: Path) -> None:
    """Which is said, and nothing is left."""
    source = FakeSource(1, 1)
    source.at_the_end = lambda: [source.revoke(one) for one in source.all] and None
    with pytest.raises(DatasetError, match="nothing to export"):
        export(tmp_path / "out", source, Plan(), now=lambda: NOW)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_export_left_goes_with_the_next(tmp_path: Path) -> None:
    """No refresh would ever reach it; what another one is making just now stays."""
    source = FakeSource()
    left, other = tmp_path / "out.part-999999999", tmp_path / "out.part-1"
    for folder in (left, other):
        (folder / "clips").mkdir(parents=True)
        (folder / "clips/a.flac").write_bytes(b"fLaC")
    export(tmp_path / "out", source, Plan(), now=lambda: NOW)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out.part-1"]
