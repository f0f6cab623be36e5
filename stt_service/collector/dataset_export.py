"""Writes a dataset: what a source has agreed upon and may be published, in one of the layouts.

    Source ──clip by clip──► Tree ──► Staging ──► what was withdrawn meanwhile is taken out, until
    nothing was ──► done, before anybody can withdraw anything more

So whoever has a receipt is in no export that is finished later. Memory does not grow with the
number of clips.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import soundfile

from stt_service.collector import dataset_manifest as manifests
from stt_service.collector.dataset_card import Tally, card
from stt_service.collector.dataset_layouts import TREES, Clip, Tree
from stt_service.collector.dataset_manifest import Layout, Manifest, Revocation
from stt_service.collector.dataset_refresh import refresh, since
from stt_service.collector.dataset_writer import Staging, unwritable
from stt_service.errors import DatasetError

NO_SUMS = "0" * 64
"""Stands for the hash of SHA256SUMS until there is one."""


class Source(ABC):
    """Where a dataset comes from. For one thread."""

    @abstractmethod
    def clips(self) -> Iterator[Clip]:
        """Yield what is valid, may be published and was not withdrawn, always in one order."""

    @abstractmethod
    def sound(self, clip: Clip) -> bytes | None:
        """Return the FLAC of a clip; None when it has gone meanwhile. Raises ``SttError``."""

    @abstractmethod
    def revocations(self, after: int) -> Iterator[Revocation]:
        """Yield what was withdrawn, in the order of numbers, beginning after one of them."""

    @abstractmethod
    def at_rest(self, after: int) -> AbstractContextManager[bool]:
        """Say whether nothing was withdrawn after a number, and let nothing be while that counts.

        Who withdraws within the block waits for its end, and has no receipt before.
        """


@dataclass(frozen=True, slots=True)
class Plan:
    """How a dataset is to be."""

    layout: Layout = "common-voice"
    language: str = "en"
    """BCP 47."""
    collector: str | None = None
    """Address at which copies ask what was withdrawn."""
    days: int = manifests.REFRESH_DAYS
    """That a copy may be used without asking."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What became of an export."""

    manifest: Manifest
    damaged: int
    """Clips left out because their sound is not what was received."""


def export(
    target: Path,
    source: Source,
    plan: Plan,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    advance: Callable[[], None] = lambda: None,
) -> Exported:
    """Write a new folder; it is whole, or not there. Raises :exc:`DatasetError`.

    Calls ``advance`` for each clip.
    """
    with Staging(target) as staging:
        try:
            last = _revocations(staging, source)
            tally, damaged = _clips(TREES[plan.layout](staging, plan.language), source, advance)
            made = now().astimezone(UTC).replace(microsecond=0)
            manifest = Manifest(
                layout=plan.layout,
                language=plan.language,
                made=made,
                refreshed=made,
                refresh_by=made.date() + timedelta(days=plan.days),
                collector=plan.collector,
                revocations=last,
                sums_sha256=NO_SUMS,
                splits=tally.counts(),
            )
            staging.add(manifests.CARD, card(manifest, tally).encode())
            staging.finish_tables()
            sums = staging.finish_sums()
            manifest = manifest.model_copy(update={"sums_sha256": sums})
            staging.describe(manifest)
            manifest = _finish(staging, source, plan.days, now)
        except OSError as error:
            raise unwritable(staging.folder, error) from error
    return Exported(manifest, damaged)


def _finish(staging: Staging, source: Source, days: int, now: Callable[[], datetime]) -> Manifest:
    """Give the folder its name at a moment in which nothing of it is withdrawn."""
    while True:
        late = source.revocations(since(manifests.read(staging.folder)))
        refresh(staging.folder, late, days=days, now=now())
        manifest = manifests.read(staging.folder)
        if not sum(count.clips for count in manifest.splits.values()):
            raise DatasetError(
                "there is nothing to export: no clip is both agreed upon and to be published",
                "Let two people tag clips of contributors who chose `publish`",
            )
        with source.at_rest(manifest.revocations) as rests:
            if rests:
                staging.finish()
                return manifest


def _revocations(staging: Staging, source: Source) -> int:
    last = 0
    table = staging.table(manifests.REVOCATIONS, manifests.REVOCATION_COLUMNS)
    for one in source.revocations(0):
        table.add(one.number, one.id, one.audio_sha256, one.deleted)
        last = one.number
    return last


def _clips(tree: Tree, source: Source, advance: Callable[[], None]) -> tuple[Tally, int]:
    tally, damaged = Tally(), 0
    for clip in source.clips():
        flac = source.sound(clip)
        if flac is not None and _add(tree, clip, flac):
            tally.add(clip.split, clip.speaker, round(clip.seconds, 3), clip.agree, clip.against)
        elif flac is not None:
            damaged += 1
        advance()
    tree.finish()
    return tally, damaged


def _add(tree: Tree, clip: Clip, flac: bytes) -> bool:
    """Write a clip; return whether its sound was what was received."""
    if hashlib.sha256(flac).hexdigest() != clip.audio_sha256:
        return False
    try:
        tree.add(clip, flac)
    except soundfile.LibsndfileError:
        return False
    return True
