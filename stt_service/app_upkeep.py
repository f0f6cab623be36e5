"""The composition root's part for what a night's rest is for: settings in; tasks, each a line, out.

A task that fails holds up no other: the next night it is tried again.
"""
# ruff: noqa: PLC0415 -- as in stt_service.app

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stt_service.settings import Settings


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do each night."""

    name: str
    """For people: ``store``, or the dataset's folder."""
    do: Callable[[], str]
    """Does it and returns what was done, in a few words. Raises :exc:`SttError`."""


def tasks(settings: Settings) -> list[Task]:
    """Return what there is to do by these settings, in order."""
    return [
        Task("store", partial(keep_to_quota, settings)),
        *([Task("personal", partial(learn_words, settings))] if settings.scorer.personal else ()),
        *(
            Task(name, partial(refresh_dataset, Path(name).expanduser()))
            for name in settings.upkeep.datasets
        ),
    ]


def keep_to_quota(settings: Settings) -> str:
    """Delete what is older or more than the settings allow. Raises :exc:`StoreError`."""
    from stt_service.app_store import has_store, open_store

    if not has_store(settings):  # nobody agreed: looking makes no files
        return "nothing is kept"
    with open_store(settings) as store:
        gone = store.utterances.tidy()
        found = store.utterances.stats()
    return f"{gone} deleted, {found.utterances} kept: {found.bytes / 2**20:.1f} MiB"


def learn_words(settings: Settings) -> str:
    """Learn from what is kept and was corrected or accepted. Raises :exc:`SttError`."""
    from stt_service.app_personal import learn

    return learn(settings).said


def refresh_dataset(folder: Path) -> str:
    """Take out of a copy what was withdrawn since. Raises :exc:`DatasetError`.

    It is good for as long again as it was after the last time.
    """
    from stt_service.collector.dataset_manifest import read
    from stt_service.collector.dataset_refresh import refresh, since
    from stt_service.collector.dataset_remote import withdrawn

    manifest = read(folder)
    days = max(1, (manifest.refresh_by - manifest.refreshed.date()).days)
    gone = refresh(folder, withdrawn(manifest.collector, since(manifest)), days=days)
    return f"{gone} taken out, good until {read(folder).refresh_by}"
