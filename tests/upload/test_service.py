"""The daemon's thread: nothing is opened before somebody agreed; faults are told once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stt_service.errors import StoreError
from stt_service.events import Fault, Recovered
from stt_service.upload import service
from stt_service.upload.service import Sending
from stt_service.upload.worker import Worker
from tests.upload.conftest import Device, Running

SECONDS = 30.0


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


@contextmanager
def nothing_to_open() -> Iterator[Worker]:
    raise AssertionError("opened although nobody agreed")
    yield


def test_nothing_is_opened_before_somebody_agreed() -> None:
    """It looks, and sleeps; closing does not wait for the next look."""
    looked = threading.Event()

    def exists() -> bool:
        looked.set()
        return False

    with Sending(exists, nothing_to_open, print):
        assert looked.wait(SECONDS)
        began = time.monotonic()
    assert time.monotonic() - began < service.STOP_SECONDS


def test_what_may_leave_is_sent_and_taken_back(tmp_path: Path, collector: Running) -> None:
    """By itself; the store is the daemon's and the command line's at once."""
    device = Device(tmp_path / "store")
    device.give("upload")
    device.keep(1)

    @contextmanager
    def opened() -> Iterator[Worker]:
        own = Device(tmp_path / "store")
        yield own.worker(collector.port)
        own.database.close()

    with Sending(lambda: True, opened, print):
        until(lambda: collector.collection.sums().utterances == 1)
    device.utterances.withdraw("owner", "asked")
    with Sending(lambda: True, opened, print):
        until(lambda: len(device.queue.receipts()) == 1)
    assert collector.collection.sums().utterances == 0
    device.database.close()


def test_a_store_that_fails_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is tried again."""
    monkeypatch.setattr(service, "IDLE_SECONDS", 0.01)
    tried: list[int] = []
    told: list[Fault | Recovered] = []

    @contextmanager
    def broken() -> Iterator[Worker]:
        tried.append(1)
        raise StoreError("it is damaged", "mend it")
        yield

    with Sending(lambda: True, broken, told.append):
        until(lambda: len(tried) > 3)
    assert told == [Fault("upload", "nothing can be sent: it is damaged", "mend it")]
