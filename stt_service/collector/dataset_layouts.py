"""The three forms of an export: one clip in, its sound and its lines in all tables out.

common-voice   LANGUAGE/clips/ID.flac and the TSV files of Common Voice's releases
deepspeech     clips/ID.wav, 16 kHz, and train.csv, dev.csv, test.csv of DeepSpeech's training
audiofolder    train/ID.flac and train/metadata.csv..., as Hugging Face ``datasets`` loads it

Sources: common-voice/cv-dataset datasets/scripted-speech/README.md (columns of each TSV);
mozilla/DeepSpeech doc/TRAINING.rst and training/deepspeech_training/util/sample_collections.py
(CSV); huggingface.co/docs/datasets/audio_dataset (AudioFolder).
"""

from __future__ import annotations

import hashlib
import io
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import soundfile
import soxr

from stt_service.closing import Closing
from stt_service.collector.dataset_manifest import CLIP_COLUMNS, CLIPS, Layout
from stt_service.collector.dataset_split import SPLITS, Split
from stt_service.collector.dataset_writer import Staging, Table

RATE = 16_000
"""Hz that DeepSpeech's training asks for."""
MAX_SAMPLES = 48_000 * 300
"""Of a clip that is decoded: longer than any that a collector accepts."""
CV_CLIPS = (
    "client_id", "path", "sentence_id", "sentence", "sentence_domain", "up_votes", "down_votes",
    "age", "gender", "accents", "variant", "locale", "segment",
)  # fmt: skip
CV_SENTENCES = (
    "sentence_id", "sentence", "variant", "sentence_domain", "source", "is_used", "clips_count",
)  # fmt: skip
CV_UNVALIDATED = (
    "sentence_id", "sentence", "variant", "sentence_domain", "source", "up_votes", "down_votes",
    "status",
)  # fmt: skip
CV_REPORTED = ("sentence_id", "sentence", "locale", "reason")
CV_DURATIONS = ("clip", "duration[ms]")
DEEPSPEECH = ("wav_filename", "wav_filesize", "transcript")
METADATA = ("file_name", "transcription", "speaker_id", "seconds", "agree", "against")
SOURCE = "spoken freely"
"""Where sentences come from: nobody read them from a list."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One utterance of a dataset, without its sound."""

    id: str
    """Of the utterance, 32 digits."""
    speaker: str
    """As published: :func:`~stt_service.collector.dataset_split.speaker_id`."""
    split: Split
    text: str
    """Agreed upon and normalised: letters, apostrophes and single spaces."""
    seconds: float
    agree: int
    """People, the owner included, who say so."""
    against: int
    """People who say something else."""
    audio_sha256: str
    """Of the FLAC."""


@dataclass(frozen=True, slots=True)
class Where:
    """How a table of a layout names its clips."""

    column: str
    delimiter: str = ","


class Tree(ABC):
    """Writes one layout. For its staging's thread."""

    layout: ClassVar[Layout]

    def __init__(self, staging: Staging, language: str) -> None:
        """Begin an export. Raises :exc:`OSError`."""
        self.staging = staging
        self.language = language
        self._clips = staging.table(CLIPS, CLIP_COLUMNS)

    def add(self, clip: Clip, flac: bytes) -> None:
        """Write one clip. Raises :exc:`OSError`, :exc:`soundfile.LibsndfileError`."""
        path = self.write(clip, flac)
        self._clips.add(
            path, clip.speaker, clip.text, f"{clip.seconds:.3f}", clip.split, clip.id,
            clip.audio_sha256, clip.agree, clip.against,
        )  # fmt: skip

    @abstractmethod
    def write(self, clip: Clip, flac: bytes) -> str:
        """Write sound and lines; return where the sound lies, below the export."""

    def finish(self) -> None:  # noqa: B027 -- most have nothing to add
        """Write what can be said only after the last clip. Raises :exc:`OSError`."""


class _Texts(Closing):
    """Counts different texts in a file, so that memory does not grow with them. For one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = sqlite3.connect(path, isolation_level=None)
        # It lives for one export: nothing of it has to outlive a crash.
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute(
            "CREATE TABLE texts (text TEXT PRIMARY KEY, clips INTEGER) STRICT, WITHOUT ROWID"
        )
        self._connection.execute("BEGIN")

    def add(self, text: str) -> None:
        """Count a clip of a text."""
        self._connection.execute(
            "INSERT INTO texts VALUES (?, 1) ON CONFLICT DO UPDATE SET clips = clips + 1", (text,)
        )

    def all(self) -> Iterator[tuple[str, int]]:
        """Yield the texts in order, and how many clips they have."""
        yield from self._connection.execute("SELECT text, clips FROM texts ORDER BY text")

    def close(self) -> None:
        self._connection.close()
        self._path.unlink(missing_ok=True)


class CommonVoice(Tree):
    """The tree of a Common Voice release."""

    layout = "common-voice"

    def __init__(self, staging: Staging, language: str) -> None:
        super().__init__(staging, language)
        self._splits = {split: self._table(split, CV_CLIPS) for split in SPLITS}
        self._validated = self._table("validated", CV_CLIPS)
        self._durations = self._table("clip_durations", CV_DURATIONS)
        self._sentences = self._table("validated_sentences", CV_SENTENCES)
        # What nobody agreed upon never leaves the collector: these have a header only.
        for name in ("invalidated", "other"):
            self._table(name, CV_CLIPS)
        self._table("reported", CV_REPORTED)
        self._table("unvalidated_sentences", CV_UNVALIDATED)
        self._texts = _Texts(staging.folder / ".texts")

    def _table(self, name: str, columns: Iterable[str]) -> Table:
        return self.staging.table(f"{self.language}/{name}.tsv", columns, "\t")

    def write(self, clip: Clip, flac: bytes) -> str:
        name = f"{clip.id}.flac"
        path = f"{self.language}/clips/{name}"
        self.staging.copy(path, flac, clip.audio_sha256)
        line = (
            clip.speaker, name, sentence_id(clip.text), clip.text, "", clip.agree, clip.against,
            "", "", "", "", self.language, "",
        )  # fmt: skip
        self._splits[clip.split].add(*line)
        self._validated.add(*line)
        self._durations.add(name, round(clip.seconds * 1000))
        self._texts.add(clip.text)
        return path

    def finish(self) -> None:
        for text, count in self._texts.all():
            self._sentences.add(sentence_id(text), text, "", "", SOURCE, 1, count)
        self._texts.close()


class DeepSpeech(Tree):
    """CSV files and WAV, as DeepSpeech's training reads them."""

    layout = "deepspeech"

    def __init__(self, staging: Staging, language: str) -> None:
        super().__init__(staging, language)
        self._splits = {split: staging.table(f"{split}.csv", DEEPSPEECH) for split in SPLITS}

    def write(self, clip: Clip, flac: bytes) -> str:
        wav = to_wav(flac)
        path = f"clips/{clip.id}.wav"
        self.staging.add(path, wav)
        self._splits[clip.split].add(path, len(wav), clip.text)
        return path


class AudioFolder(Tree):
    """A folder for each split, with the sound and its metadata."""

    layout = "audiofolder"
    names: ClassVar[dict[Split, str]] = {"train": "train", "dev": "validation", "test": "test"}
    """Splits, as Hugging Face calls them."""

    def write(self, clip: Clip, flac: bytes) -> str:
        folder = self.names[clip.split]
        name = f"{clip.id}.flac"
        self.staging.copy(f"{folder}/{name}", flac, clip.audio_sha256)
        # Begun with the first clip: `datasets` stumbles over metadata of nothing.
        self.staging.table(f"{folder}/metadata.csv", METADATA).add(
            name, clip.text, clip.speaker, f"{clip.seconds:.3f}", clip.agree, clip.against
        )
        return f"{folder}/{name}"


TREES: dict[Layout, type[Tree]] = {
    tree.layout: tree for tree in (CommonVoice, DeepSpeech, AudioFolder)
}


def tables_of(layout: Layout, language: str) -> dict[str, Where]:
    """Return the tables of a layout that name clips, beside manifest.csv."""
    if layout == "common-voice":
        names = (*SPLITS, "validated")
        tables = {f"{language}/{name}.tsv": Where("path", "\t") for name in names}
        return tables | {f"{language}/clip_durations.tsv": Where("clip", "\t")}
    if layout == "deepspeech":
        return {f"{split}.csv": Where("wav_filename") for split in SPLITS}
    return {f"{name}/metadata.csv": Where("file_name") for name in AudioFolder.names.values()}


def sentence_id(text: str) -> str:
    """Return the name of a text, 64 digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def to_wav(flac: bytes) -> bytes:
    """Return a recording as mono 16-bit WAV at 16 kHz. Raises ``LibsndfileError``."""
    samples, rate = soundfile.read(
        io.BytesIO(flac), frames=MAX_SAMPLES, dtype="int16", always_2d=True
    )
    mono = samples[:, 0]
    if rate != RATE:
        mono = soxr.resample(mono, rate, RATE)
    size = len(mono) * 2
    header = b"RIFF%bWAVEfmt %b\x01\0\x01\0%b%b\x02\0\x10\0data%b" % tuple(
        number.to_bytes(4, "little") for number in (36 + size, 16, RATE, RATE * 2, size)
    )
    return header + np.ascontiguousarray(mono, "<i2").tobytes()
