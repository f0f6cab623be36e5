"""The composition root's part for what leaves: settings in; queue, target, worker out."""
# ruff: noqa: PLC0415 -- as in stt_service.app

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stt_service.errors import ConfigError
from stt_service.events import Fault, Recovered
from stt_service.settings import Settings

if TYPE_CHECKING:
    from stt_service.store.queue import Queue
    from stt_service.upload.api import Target
    from stt_service.upload.service import Sending
    from stt_service.upload.worker import Rules, Worker


def make_sending(settings: Settings, report: Callable[[Fault | Recovered], None]) -> Sending | None:
    """Return a thread that sends, for the caller to close; None where there is no target.

    Raises :exc:`ConfigError`.
    """
    if settings.upload.target == "none":
        return None
    from stt_service.app_store import has_store
    from stt_service.upload.service import Sending

    make_rules(settings)  # what is wrong with it is said at once
    make_target(settings).close()
    return Sending(lambda: has_store(settings), lambda: open_worker(settings), report)


@contextmanager
def open_queue(settings: Settings) -> Iterator[Queue]:
    """Open the queue of the store, which is made where it is missing. Raises StoreError."""
    from stt_service.app_store import make_shelf
    from stt_service.store.db import Database
    from stt_service.store.queue import Queue

    shelf = make_shelf(settings)
    with Database(shelf.folder) as database:
        yield Queue(database, shelf.utterances(database, sweep=False), shelf.grace)


@contextmanager
def open_worker(settings: Settings) -> Iterator[Worker]:
    """Open queue and target. Raises :exc:`SttError`."""
    from stt_service.app_store import make_shelf
    from stt_service.store.db import Database
    from stt_service.store.queue import Queue
    from stt_service.upload.metered import is_metered
    from stt_service.upload.worker import Worker

    shelf = make_shelf(settings)
    with Database(shelf.folder) as database, make_target(settings) as target:
        utterances = shelf.utterances(database, sweep=False)
        queue = Queue(database, utterances, shelf.grace)
        yield Worker(
            queue,
            utterances,
            target,
            make_rules(settings),
            is_metered,
            former=lambda name: make_target(settings, name),
        )


def network_is_metered() -> bool | None:
    """Return whether the network costs money by the byte, None where nobody knows."""
    from stt_service.upload.metered import is_metered

    return is_metered()


def make_target(settings: Settings, name: str | None = None) -> Target:
    """Return where utterances go, or another target by its name. Raises :exc:`ConfigError`."""
    from stt_service.upload.bucket import SCHEME, BucketTarget
    from stt_service.upload.collector import CollectorTarget

    upload = settings.upload
    url = name or upload.target
    if url == "none":
        raise ConfigError("upload.target is not set", "Set it to a collector's address")
    if url.startswith(SCHEME):
        endpoint = None if upload.endpoint == "none" else upload.endpoint
        return BucketTarget(url, endpoint=endpoint, authority=_path(upload.authority))
    return CollectorTarget(
        url,
        invitation=upload.invitation,
        authority=_path(upload.authority),
        certificate=_path(upload.certificate),
    )


def make_rules(settings: Settings) -> Rules:
    """Return when utterances may leave. Raises :exc:`ConfigError`."""
    from stt_service.store.filters import parse_hours
    from stt_service.upload.worker import Rules

    upload = settings.upload
    hours = tuple(parse_hours(one, "upload.hours") for one in upload.hours)
    return Rules(hours, upload.kib_per_second << 10, upload.metered)


def _path(value: str | Path) -> Path | None:
    return None if value == "none" else Path(value).expanduser()
