"""The composition root's part for what is kept: settings in; ledger, utterances, recorder out."""
# ruff: noqa: PLC0415 -- as in stt_service.app

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stt_service.settings import Settings

if TYPE_CHECKING:
    from stt_service.models.store import InstalledModel
    from stt_service.store.filters import Rules
    from stt_service.store.learned import Version
    from stt_service.store.recorder import Recorder
    from stt_service.store.shelf import Shelf, Store
    from stt_service.store.utterances import Utterances

FOLDER = "store"
"""In the state folder."""


def make_shelf(settings: Settings) -> Shelf:
    """Return where all that is kept lies, and how much that may be."""
    from stt_service.store.kept import Grace, Quota
    from stt_service.store.shelf import Shelf

    store = settings.store
    quota = Quota(store.quota_mib << 20, store.keep_days, store.keep_free_mib << 20)
    grace = Grace(store.grace_hours, store.send_unreviewed)
    key_file = None if store.key_file == "none" else Path(store.key_file).expanduser()
    return Shelf(store_folder(settings), quota, grace, key_file)


def store_folder(settings: Settings) -> Path:
    """Return where all that is kept lies. It may not exist."""
    return settings.paths.state_dir / FOLDER


def has_store(settings: Settings) -> bool:
    """Return whether anybody has ever agreed to anything: only then there is a store."""
    return make_shelf(settings).exists()


@contextmanager
def open_store(settings: Settings) -> Iterator[Store]:
    """Open the store, made where it is missing, and close it. Raises :exc:`StoreError`."""
    with make_shelf(settings).open() as store:
        yield store


def learned_version(settings: Settings, model: InstalledModel) -> Version | None:
    """Return what was learned of the owner and is in force, None where it is of no use.

    It is none for another scorer than the one that it was made of, as after an update.
    """
    from stt_service.decoder.ngram_file import fingerprint
    from stt_service.store.learned import read_state

    wanted = settings.scorer.personal and settings.scorer.path == "auto"
    if not wanted or settings.engine.name != "litert" or model.scorer is None:
        return None
    version = read_state(store_folder(settings)).current
    if version is None or not scorer_file(settings, version).is_file():
        return None
    return version if fingerprint(model.scorer) == version.base else None


def scorer_file(settings: Settings, version: Version) -> Path:
    """Return where the scorer of a version lies."""
    from stt_service.store.learned import scorer_path

    return scorer_path(store_folder(settings), version)


def learned_stamp(settings: Settings) -> int:
    """Return a number that changes when something else is in force; cheap enough to ask often."""
    from stt_service.store.learned import stamp

    return stamp(store_folder(settings))


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
        "vad_max_gain": vad.max_gain,
    }
    return Recorder(Habits(make_shelf(settings), _rules(settings), capture))


def _rules(settings: Settings) -> Rules:
    from stt_service.store.filters import Rules, parse_hours

    store = settings.store
    quiet = tuple(parse_hours(hours, "store.quiet_hours") for hours in store.quiet_hours)
    return Rules(quiet, store.drop_digits, store.drop_names)
