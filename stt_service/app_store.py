"""The composition root's part for what is kept: settings in; ledger, utterances, recorder out."""
# ruff: noqa: PLC0415 -- as in stt_service.app

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stt_service.settings import Settings

if TYPE_CHECKING:
    from stt_service.store.consent import Ledger
    from stt_service.store.filters import Rules
    from stt_service.store.kept import Grace, Quota
    from stt_service.store.recorder import Recorder
    from stt_service.store.utterances import Utterances

FOLDER = "store"
"""In the state folder."""


@dataclass(frozen=True, slots=True)
class Store:
    """What is kept and why it may be."""

    folder: Path
    ledger: Ledger
    utterances: Utterances
    grace: Grace
    """What :meth:`Utterances.leaving` is to be asked with."""


def store_folder(settings: Settings) -> Path:
    """Return where all that is kept lies. It may not exist."""
    return settings.paths.state_dir / FOLDER


def has_store(settings: Settings) -> bool:
    """Return whether anybody has ever agreed to anything: only then there is a store."""
    from stt_service.store.db import FILE

    return (store_folder(settings) / FILE).exists()


@contextmanager
def open_store(settings: Settings) -> Iterator[Store]:
    """Open the store, made where it is missing, and close it. Raises :exc:`StoreError`."""
    from stt_service.store.consent import Ledger
    from stt_service.store.db import Database
    from stt_service.store.utterances import Utterances

    with Database(store_folder(settings)) as database:
        utterances = Utterances(database, _quota(settings))
        yield Store(database.folder, Ledger(database), utterances, grace_of(settings))


def opted_in(path: Path) -> bool:
    """Return what ``opt_in`` of a Mycroft configuration says. Raises :exc:`StoreError`."""
    from stt_service.store import mycroft

    return mycroft.opted_in(path)


def play_sound(flac: bytes) -> None:
    """Play a FLAC file's content. Raises :exc:`StoreError`."""
    from stt_service.store import taken_out

    taken_out.play(flac)


def export_to(utterances: Utterances, folder: Path) -> int:
    """Copy all utterances into a folder; return how many. Raises :exc:`StoreError`."""
    from stt_service.store import taken_out

    return taken_out.export(utterances, folder)


def make_recorder(settings: Settings) -> Recorder:
    """Return a recorder that does not run yet. Raises :exc:`ConfigError`."""
    from stt_service.store.recorder import Habits, Recorder

    source, vad = settings.source, settings.vad
    capture = {
        # The kind alone: names of devices and commands may tell a serial number or a host.
        "source": source.name.partition(":")[0],
        "channel": source.channel,
        "vad_aggressiveness": vad.aggressiveness,
        "vad_frame_ms": vad.frame_ms,
    }
    folder = store_folder(settings)
    return Recorder(Habits(folder, _quota(settings), _rules(settings), capture))


def grace_of(settings: Settings) -> Grace:
    """Return when what is kept may leave."""
    from stt_service.store.kept import Grace

    return Grace(settings.store.grace_hours, settings.store.send_unreviewed)


def _quota(settings: Settings) -> Quota:
    from stt_service.store.kept import Quota

    store = settings.store
    return Quota(store.quota_mib << 20, store.keep_days, store.keep_free_mib << 20)


def _rules(settings: Settings) -> Rules:
    from stt_service.store.filters import Rules, parse_hours

    store = settings.store
    quiet = tuple(parse_hours(hours) for hours in store.quiet_hours)
    return Rules(quiet, store.drop_digits, store.drop_names)
