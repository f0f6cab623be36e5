"""A tiny corpus of made-up speech: each letter is a tone, so that a small network can learn it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import soundfile

WORDS = ("go", "no", "on", "off")
HERTZ = {"f": 500, "g": 900, "n": 1600, "o": 2900}
"""Of each letter's tone: further apart than training moves them by tempo and vocal tract."""
SPEAKERS = ("ann", "bob", "cid", "dan", "eve")


def tones(word: str, pitch: float, rate: int = 16000) -> np.ndarray:
    """Return the sound of a word: 0.16 s per letter, at the letter's frequency."""
    t = np.arange(int(0.16 * rate)) / rate
    letters = [np.sin(2 * np.pi * pitch * HERTZ[letter] * t) for letter in word]
    gap = np.zeros(int(0.05 * rate))
    return 0.3 * np.concatenate([gap, *(part for letter in letters for part in (letter, gap))])


def write_set(folder: Path, speakers: tuple[str, ...] = SPEAKERS, takes: int = 3) -> Path:
    """Write ``folder/train/tones`` and a set of noise; return ``folder``."""
    tones_folder = folder / "train" / "tones"
    tones_folder.mkdir(parents=True)
    rng = np.random.default_rng(5)
    rows = []
    for number, speaker in enumerate(speakers):
        for word in WORDS:
            for take in range(takes):
                audio = tones(word, 1 + 0.01 * number) + 0.003 * rng.standard_normal(1)
                name = f"{speaker}_{word}_{take}.flac"
                soundfile.write(tones_folder / name, audio, 16000)
                rows.append((name, speaker, word, f"{len(audio) / 16000:.2f}"))
    _write_manifest(tones_folder, rows)
    noise_folder = folder / "train" / "noise"
    noise_folder.mkdir()
    soundfile.write(noise_folder / "hiss.flac", 0.05 * rng.standard_normal(32000), 16000)
    _write_manifest(noise_folder, [("hiss.flac", "noise", "hiss", "2.0")])
    return folder


def _write_manifest(folder: Path, rows: list[tuple[str, ...]]) -> None:
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "speaker", "transcript", "seconds"))
        writer.writerows(rows)
