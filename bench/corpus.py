"""The recordings that the measurements run on: ``manifest.csv`` folders and plain WAV folders."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from training.manifest import held_out_speakers, read_sets

SHARED = Path(os.environ.get("STT_SHARED", Path(__file__).resolve().parents[2] / "shared"))
"""Folder with ``speech/`` and ``genuine/``; they are not part of the project."""

RATE = 16_000
"""Hertz; every model here works at this rate."""


@dataclass(frozen=True)
class Clip:
    """One recording with what is said in it."""

    path: Path
    speaker: str
    transcript: str

    def samples(self) -> NDArray[np.int16]:
        """Return mono audio at :data:`RATE`, shape (n,)."""
        audio, rate = soundfile.read(self.path, dtype="float32", always_2d=True)
        mono = audio.mean(axis=1)
        if rate != RATE:
            mono = soxr.resample(mono, rate, RATE)
        return np.clip(np.rint(mono * 32768), -32768, 32767).astype(np.int16)


def speech(name: str, limit: int | None = None) -> list[Clip]:
    """Return the clips of ``shared/speech/<name>``, for example ``test/an4``."""
    return clips_in(SHARED / "speech" / name, limit)


def clips_in(folder: Path, limit: int | None = None) -> list[Clip]:
    """Return the clips of a folder with a ``manifest.csv``."""
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    clips = [Clip(folder / row["path"], row["speaker"], row["transcript"]) for row in rows]
    return clips[:limit]


def speakers_left_out() -> frozenset[str]:
    """Return the speakers of the shared recordings whom training leaves out."""
    return held_out_speakers(read_sets(SHARED / "speech" / "train"))


def left_out(*sets: str) -> list[Clip]:
    """Return their clips in some of the sets to train on, for example ``fsdd``."""
    speakers = speakers_left_out()
    return [c for name in sets for c in speech(f"train/{name}") if c.speaker in speakers]


def commands() -> list[Clip]:
    """Return the single-word clips that go with the genuine model; the name says the word."""
    folder = SHARED / "genuine" / "wav"
    return [Clip(path, "unknown", path.stem.split("_")[0]) for path in sorted(folder.glob("*.wav"))]


def seconds(audio: list[NDArray[np.int16]]) -> float:
    """Return the duration of some clips together."""
    return sum(len(samples) for samples in audio) / RATE
