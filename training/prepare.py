"""Recordings in, one prepared corpus out: ``clips.csv`` and ``audio.i16``.

All audio lies in one file of 16-bit samples at 16 kHz, read through a memory map, so that an epoch
never waits for a decoder.
"""

from __future__ import annotations

import csv
import logging
import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from stt_service.errors import DatasetError
from training import datasets
from training.codecs import Codec, codec_for, through
from training.features import SAMPLE_RATE
from training.manifest import (
    IMPULSE_SETS,
    Entry,
    clean,
    exports,
    held_out_speakers,
    read_sets,
)

logger = logging.getLogger(__name__)

MAX_SECONDS = 20.0
"""Longer speech clips are left out: one of them would fill a batch."""
MIN_SECONDS = 0.15
"""Shorter clips hold no word."""
TRIM_FRAME = 160
"""Samples per step when looking for where speech begins and ends (10 ms)."""
TRIM_FLOOR_DB = 30.0
"""Speech is what lies less than this below the clip's loudest step..."""
TRIM_NOISE_DB = 6.0
"""...and this above its quietest tenth."""
TRIM_MARGIN = 1920
"""Samples kept on either side of found speech (120 ms): soft consonants hide there."""


@dataclass(frozen=True)
class Clip:
    """One recording inside a prepared corpus."""

    set: str
    """Set it comes from."""
    path: str
    """Source file's name, for reports."""
    speaker: str
    """Speaker's name."""
    transcript: str
    """Words spoken; empty for noise."""
    split: str
    """``train``, ``dev`` (speakers never trained on) or ``noise``, ``impulse``."""
    offset: int
    """First sample in ``audio.i16``."""
    samples: int
    """Length in samples at 16 kHz."""
    begin: int
    """Sample of the clip where speech begins, margin included."""
    end: int
    """Sample of the clip after speech ends, margin included."""

    @property
    def n_words(self) -> int:
        """Number of words spoken."""
        return len(self.transcript.split())


def read_audio(path: Path) -> npt.NDArray[np.int16]:
    """Decode a recording to mono int16 at 16 kHz."""
    data, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = data.mean(axis=1)
    if rate != SAMPLE_RATE:
        mono = soxr.resample(mono, rate, SAMPLE_RATE)
    samples: npt.NDArray[np.int16] = np.round(np.clip(mono, -1.0, 32767 / 32768) * 32768).astype(
        np.int16
    )
    return samples


def speech_bounds(audio: npt.NDArray[np.int16]) -> tuple[int, int]:
    """Return (begin, end) in samples of what is loud; the whole clip where that is unclear."""
    steps = len(audio) // TRIM_FRAME
    if steps < 5:
        return 0, len(audio)
    power = (
        np.square(audio[: steps * TRIM_FRAME].astype(np.float32)).reshape(steps, -1).mean(axis=1)
    )
    level = 10 * np.log10(np.convolve(power, np.ones(3) / 3, mode="same") + 1.0)
    threshold = max(level.max() - TRIM_FLOOR_DB, float(np.quantile(level, 0.1)) + TRIM_NOISE_DB)
    loud = np.flatnonzero(level > threshold)
    if loud.size < 8:
        return 0, len(audio)
    begin = max(0, int(loud[0]) * TRIM_FRAME - TRIM_MARGIN)
    return begin, min(len(audio), (int(loud[-1]) + 1) * TRIM_FRAME + TRIM_MARGIN)


def _decode(source: tuple[Path, Codec | None]) -> npt.NDArray[np.int16] | str:
    path, codec = source
    try:
        audio = read_audio(path)
        return through(audio, codec) if codec else audio
    except (soundfile.LibsndfileError, OSError) as exc:
        return str(exc)


def decode_all(
    sources: Sequence[tuple[Path, Codec | None]], jobs: int
) -> Iterator[npt.NDArray[np.int16] | str]:
    """Decode in order with ``jobs`` processes; a clip that cannot be read yields the reason.

    A clip with a codec sounds as if it had come through it.
    """
    if jobs <= 1:
        yield from map(_decode, sources)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(_decode, sources, chunksize=32)


def prepare(
    folders: Sequence[Path], out: Path, jobs: int = 1, *, testing: bool = False
) -> list[Clip]:
    """Build a corpus from every set below ``folders`` and return its clips.

    Of sets that say so themselves only what is to be tested on is read when ``testing``, and
    only the rest otherwise. Unreadable, too short and too long recordings are logged and left out.
    Raises :exc:`~stt_service.errors.DatasetError` for exported datasets that must not be used.
    """
    entries = [
        entry
        for folder in folders
        for entry in read_sets(folder)
        if not entry.split or (entry.split == "test") == testing
    ]
    held_out = held_out_speakers(entries)
    splits = [_split(entry, held_out) for entry in entries]
    sources = [
        (entry.path, codec_for("/".join(entry.path.parts[-3:])) if split == "train" else None)
        for entry, split in zip(entries, splits, strict=True)
    ]
    out.mkdir(parents=True, exist_ok=True)
    clips: list[Clip] = []
    offset = 0
    part = out / "audio.i16.part"
    with part.open("wb") as sink:
        for entry, split, audio in zip(entries, splits, decode_all(sources, jobs), strict=True):
            if isinstance(audio, str):
                logger.warning("left out %s: %s", entry.path, audio)
                continue
            seconds = len(audio) / SAMPLE_RATE
            if entry.transcript and not MIN_SECONDS <= seconds <= MAX_SECONDS:
                logger.info("left out %s: %.1f s", entry.path, seconds)
                continue
            begin, end = speech_bounds(audio)
            clips.append(
                Clip(
                    entry.set, entry.path.name, entry.speaker, entry.transcript, split,
                    offset, len(audio), begin, end,
                )
            )  # fmt: skip
            sink.write(audio.tobytes())
            offset += len(audio)
    part.replace(out / "audio.i16")
    write_clips(out / "clips.csv", clips)
    datasets.remember(out, [export for folder in folders for export in exports(folder)])
    return clips


def _split(entry: Entry, held_out: frozenset[str]) -> str:
    if not entry.transcript:
        return "impulse" if entry.set.startswith(IMPULSE_SETS) else "noise"
    if entry.split:
        return "train" if entry.split == "train" else "dev"
    return "dev" if entry.speaker in held_out else "train"


def write_clips(path: Path, clips: Sequence[Clip]) -> None:
    """Write ``clips.csv``."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        names = [field.name for field in fields(Clip)]
        writer.writerow(names)
        writer.writerows([getattr(clip, name) for name in names] for clip in clips)


def read_clips(path: Path) -> list[Clip]:
    """Read ``clips.csv``."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Clip(
                row["set"], row["path"], row["speaker"], row["transcript"], row["split"],
                int(row["offset"]), int(row["samples"]), int(row["begin"]), int(row["end"]),
            )
            for row in csv.DictReader(file)
        ]  # fmt: skip


class Corpus:
    """A prepared corpus. The memory map is read-only and may be shared between processes."""

    def __init__(self, folder: Path) -> None:
        """Open a corpus.

        Raises :exc:`~stt_service.errors.DatasetError` when there is none, or when it has to be
        prepared anew because of what was withdrawn.
        """
        if not (folder / "clips.csv").exists():
            raise DatasetError(
                f"there is no corpus in {folder}",
                f"Run: python -m training prepare --out {folder.parent}",
            )
        self.clips = read_clips(folder / "clips.csv")
        datasets.check(folder, {Path(clip.path).stem for clip in self.clips})
        self._audio = np.memmap(folder / "audio.i16", dtype=np.int16, mode="r")

    def audio(self, clip: Clip, trimmed: bool = False) -> npt.NDArray[np.float32]:
        """Return a clip's samples, full scale 1.0; without its silent ends if ``trimmed``."""
        begin, end = (clip.begin, clip.end) if trimmed else (0, clip.samples)
        raw = self._audio[clip.offset + begin : clip.offset + end]
        return raw.astype(np.float32) * np.float32(1 / 32768)

    def select(self, split: str) -> list[Clip]:
        """Return the clips of one split."""
        return [clip for clip in self.clips if clip.split == split]


__all__ = ["Clip", "Corpus", "clean", "prepare", "read_audio", "read_clips", "speech_bounds"]
