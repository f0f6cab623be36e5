"""What happens to a store that is wronged: a story, and what must be true after it.

Told in a child process, whose every acknowledgement goes through a pipe; the parent then opens the
store on a file system that works, and compares.

    python -m tests.store.faults.story FOLDER once|lasting FIRST LAST STEP
        each call of them in turn fails; under LD_PRELOAD=failing.so FAILING_FOLDER=FOLDER
    python -m tests.store.faults.story FOLDER kill ROUNDS
        killed at a random moment
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from stt_service.errors import SttError
from stt_service.store import db
from stt_service.store.consent import Ledger
from stt_service.store.db import Database
from stt_service.store.kept import Kept, NotSaved, Quota, Saved
from stt_service.store.utterances import Utterances
from tests.store.things import new, sound

SOUNDS = [sound(seed, 200 + seed) for seed in range(60)]
QUOTA = Quota(bytes=9 * max(map(len, SOUNDS)), days=365.0, keep_free=0)
ROUNDS = 3
LONGEST = 1.0
"""Seconds that the story takes or so; killed in between."""

Step = tuple[str, Callable[[Utterances, Ledger], Any]]


def _save(number: int) -> Step:
    def save(utterances: Utterances, ledger: Ledger) -> object:
        live = ledger.standing().live
        saved = utterances.save(new(f"number {number}"), SOUNDS[number], live.id if live else "")
        if isinstance(saved, Saved):
            return [saved.id, saved.removed]
        return [None, 0] if isinstance(saved, NotSaved) else None

    return "save", save


def _on_oldest(name: str, change: Callable[[Utterances, Kept], object]) -> Step:
    def act(utterances: Utterances, ledger: Ledger) -> object:
        found = utterances.listing()
        if found:
            change(utterances, found[0])
        return [found[0].id] if found else []

    return name, act


def steps() -> Iterator[Step]:
    """Yield all that is done: consents, utterances beyond the quota, changes, a withdrawal."""
    for turn in range(ROUNDS):
        yield "give", lambda _, ledger: ledger.give("keep", "asked").id
        for number in range(15):
            yield _save(turn * 20 + number)
        yield _on_oldest("label", lambda store, one: store.label(one, "what was said"))
        yield _on_oldest("review", lambda store, one: store.review(one, "accepted"))
        yield _on_oldest("delete", lambda store, one: store.delete([one]))
        yield _save(turn * 20 + 15)
        yield "tidy", lambda store, _: store.tidy()
        yield "withdraw", lambda store, _: store.withdraw("owner", "asked")
    yield "give", lambda _, ledger: ledger.give("upload", "asked").id
    yield _save(59)


def tell(folder: Path, acknowledge: Callable[..., None]) -> None:
    """Do it all; what fails is told as such, and the next step is tried."""
    database: Database | None = None
    for name, step in steps():
        try:
            if database is None:
                database = Database(folder)
                utterances = Utterances(database, QUOTA)
            acknowledge("try", name)
            acknowledge("done", name, step(utterances, Ledger(database)))
        except SttError as error:
            acknowledge("failed", name, str(error))
            if database is not None:
                database.close()
            database = None  # as the recorder does: open anew
    if database is not None:
        database.close()


@dataclass
class Expected:
    """What must be there, may be there, and must not, as acknowledgements come in."""

    must: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    consents: set[str | None] = field(default_factory=lambda: {None})
    withdrawn: bool = False
    """The last thing acknowledged is a withdrawal."""

    def hear(self, kind: str, name: str, result: Any = None) -> None:
        """Take one acknowledgement in."""
        if kind == "try":
            self.withdrawn = False
        elif name == "give":
            self.consents = {result} if kind == "done" else {*self.consents, "new"}
        elif name == "save" and (kind == "failed" or result is None):
            self.must = self.must[1:]  # it may have been saved, and made room
        elif name == "save":
            self.must = self.must[result[1] :] + ([result[0]] if result[0] else [])
        elif name == "delete":
            self.must = (
                self.must[1:]
                if kind == "failed"
                else [one for one in self.must if one not in result]
            )
            self.gone |= set(result) if kind == "done" else set()
        elif name == "withdraw":
            done = kind == "done"
            self.gone |= set(self.must) if done else set()
            self.must = []
            self.consents = {None} if done else {*self.consents, None}
            self.withdrawn = done

    def check(self, folder: Path) -> None:
        """Open the store, and compare."""
        audio = folder / "audio"
        if self.withdrawn:
            assert not list(audio.iterdir()), "sound is left after a withdrawal"
        with Database(folder) as database:
            with database.reading() as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            utterances, ledger = Utterances(database, QUOTA), Ledger(database)
            live = ledger.standing().live
            assert (live.id if live else None) in self.consents or "new" in self.consents
            found = utterances.listing()
            for one in found:
                utterances.sound(one)
            names = {one.id for one in found}
            assert set(self.must) <= names, "an utterance that was reported saved is lost"
            assert not names & self.gone, "an utterance that was reported deleted is there"
            assert {path.name for path in audio.iterdir()} == {f"{one}.flac" for one in names}
            self._use(utterances, ledger)

    @staticmethod
    def _use(utterances: Utterances, ledger: Ledger) -> None:
        """It is a store like any other."""
        consent = ledger.give("keep", "asked")
        saved = utterances.save(new("again"), sound(99), consent.id)
        assert isinstance(saved, Saved), saved


def told_in_child(folder: Path, arm: Callable[[], None], kill_after: float | None) -> Expected:
    """Tell the story in a child, which may be killed; return what it has acknowledged.

    ``arm`` is called by the child; ``kill_after`` in seconds.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            with os.fdopen(writing, "w") as pipe:
                arm()
                tell(folder, lambda *what: print(json.dumps(what), file=pipe, flush=True))
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)
    os.close(writing)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reading) as pipe:
        lines = [json.loads(line) for line in pipe if line.endswith("\n")]
    _, ended = os.waitpid(child, 0)
    assert ended in (0, signal.SIGKILL), f"the child ended with {ended}: only StoreError may pass"
    expected = Expected()
    for line in lines:
        expected.hear(*line)
    if lines and lines[-1][0] == "try":
        expected.hear("failed", lines[-1][1])
    return expected


def judge(folder: Path, name: str, arm: Callable[[], None], kill_after: float | None) -> None:
    """Tell and compare; raise :exc:`AssertionError` that names what happened."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        told_in_child(folder, arm, kill_after).check(folder)
    except (AssertionError, SttError) as error:
        raise AssertionError(f"{name}: {error}") from error


def main(folder: Path, mode: str, *numbers: int) -> None:
    """Wrong the store in one way, many times; print what was done."""
    logging.disable()
    if mode == "kill":
        random = Random(5)
        for turn in range(numbers[0]):
            # Squared: most of what is delicate lies at the beginning.
            judge(folder, f"kill {turn}", lambda: None, LONGEST * random.random() ** 2)
        print(f"{numbers[0]} kills")
        return
    db.BUSY_SECONDS = 0.05  # there is nobody else to wait for
    shim = ctypes.CDLL(None)
    first, last, step = numbers
    for number in range(first, last + 1, step):
        arm = partial(shim.failing_arm, ctypes.c_long(number), mode == "lasting")
        judge(folder, f"call {number}, {mode}", arm, None)
    shim.failing_arm(ctypes.c_long(-1), 0)
    shutil.rmtree(folder)
    tell(folder, lambda *_: None)
    print(f"{shim.failing_disarm()} calls, of which {len(range(first, last + 1, step))} failed")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:]))
