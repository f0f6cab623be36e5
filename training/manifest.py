"""What there is to train on: manifests in, a list of clips with split and weight out.

A corpus folder holds one folder per set, each with a ``manifest.csv`` of
``path,speaker,transcript,seconds``. An exported dataset is such a set, with splits of its own.
"""

from __future__ import annotations

import csv
import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stt_service.collector.dataset_manifest import admit, is_export
from stt_service.errors import DatasetError
from training.letters import ALPHABET

NOISE_SETS = "noise"
"""Sets whose names begin so are mixed under speech."""
IMPULSE_SETS = "room_impulses"
"""Sets whose names begin so are room impulse responses."""
SYNTHETIC_SETS = "synthetic"
"""Sets whose names begin so are spoken by synthetic voices. They give no speaker away..."""
LEFT_OUT_SETS = "left_out"
"""...but for those whose names also end so: of them all speakers are held out."""

HELD_OUT_SHARE = 0.05
"""Share of a set's speakers kept for validation."""
MIN_SPEAKERS = 4
"""Sets with fewer named speakers give none away: one voice less would hurt more than it tells."""
WORDS_PER_TRANSCRIPT = 120
"""Clips of one transcript in one set that count fully in an epoch; more are weighted down to it."""


@dataclass(frozen=True)
class Entry:
    """One row of a manifest."""

    set: str
    """Name of the set: the folder's name."""
    path: Path
    """The recording."""
    speaker: str
    """Speaker's name, or a name starting with ``unknown``."""
    transcript: str
    """Lower-case words of the alphabet with single spaces; empty for noise."""
    seconds: float
    """Length as the manifest says."""
    split: str = ""
    """``train``, ``dev`` or ``test`` where the set itself says so, as exported datasets do."""

    @property
    def speaker_known(self) -> bool:
        """Whether the source names the speaker, so that a split by speaker means something."""
        return not self.speaker.startswith("unknown")


def clean(transcript: str) -> str | None:
    """Return the transcript in the model's letters; None where it has others (digits, accents)."""
    text = " ".join(
        transcript.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").replace("-", " ").split()
    )
    return text if text and all(letter in ALPHABET for letter in text) else None


def read_manifest(folder: Path) -> list[Entry]:
    """Read one set. Rows whose transcript cannot be spelled in the alphabet are left out."""
    entries = []
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            silent = folder.name.startswith((NOISE_SETS, IMPULSE_SETS))
            transcript = "" if silent else clean(row["transcript"])
            if transcript is not None:
                entries.append(
                    Entry(
                        folder.name,
                        folder / row["path"],
                        row["speaker"],
                        transcript,
                        float(row["seconds"]),
                        row.get("split") or "",
                    )
                )
    return entries


def read_sets(folder: Path) -> list[Entry]:
    """Read every set below ``folder`` in name order.

    Raises :exc:`~stt_service.errors.DatasetError` when one of them is an exported dataset that has
    to be refreshed, or holds what was withdrawn.
    """
    manifests = sorted(folder.glob("*/manifest.csv"))
    if not manifests:
        raise DatasetError(
            f"there is no SET/manifest.csv below {folder}",
            "See training/README.md for the layout of recordings",
        )
    admit(*exports(folder))
    return [entry for manifest in manifests for entry in read_manifest(manifest.parent)]


def exports(folder: Path) -> list[Path]:
    """Return the sets below ``folder`` that are exported datasets."""
    return [path.parent for path in sorted(folder.glob("*/manifest.csv")) if is_export(path.parent)]


def _rank(speaker: str) -> str:
    return hashlib.sha256(speaker.encode()).hexdigest()


def held_out_speakers(entries: Iterable[Entry]) -> frozenset[str]:
    """Choose the validation speakers, by hash of their names: the same ones at every run.

    A speaker who occurs in several sets is held out of all of them.
    """
    speakers: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        if entry.transcript and entry.speaker_known and not entry.split:
            speakers[entry.set].add(entry.speaker)
    chosen: set[str] = set()
    for set_name, names in speakers.items():
        if set_name.startswith(SYNTHETIC_SETS):
            chosen.update(names if set_name.endswith(LEFT_OUT_SETS) else ())
        elif len(names) >= MIN_SPEAKERS:
            count = math.ceil(len(names) * HELD_OUT_SHARE)
            chosen.update(sorted(names, key=_rank)[:count])
    return frozenset(chosen)


def clip_weights(sets: Sequence[str], transcripts: Sequence[str]) -> list[float]:
    """Return how often each clip is to be heard per epoch (0..1): often repeated words less."""
    counts = Counter(zip(sets, transcripts, strict=True))
    return [
        min(1.0, WORDS_PER_TRANSCRIPT / counts[key]) for key in zip(sets, transcripts, strict=True)
    ]
