"""Exports: each layout exactly as its readers want it, whole or not there, without what is gone."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
import soundfile

from stt_service.collector import dataset_manifest as manifests
from stt_service.collector.dataset_export import Plan, export
from stt_service.collector.dataset_layouts import TREES, Clip, sentence_id
from stt_service.collector.dataset_verify import verify
from stt_service.errors import DatasetError
from tests.collector.dataset_source import NOW, FakeSource

LAYOUTS = pytest.mark.parametrize("layout", TREES)


def make(folder: Path, source: FakeSource, layout: str = "common-voice") -> Path:
    target = folder / "out"
    export(target, source, Plan(layout=layout), now=lambda: NOW)
    return target


def table(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def header(path: Path) -> str:
    return path.read_text(encoding="utf-8").partition("\n")[0]


@LAYOUTS
def test_an_export_is_what_it_says(layout: str, tmp_path: Path) -> None:
    """Every byte is listed, every clip is in it, and nothing beside."""
    source = FakeSource()
    folder = make(tmp_path, source, layout)
    assert list(verify(folder, now=NOW)) == []
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    rows = {row["id"]: row for row in manifests.read_clips(folder)}
    assert rows.keys() == source.sounds.keys()
    for clip in source.all:
        row = rows[clip.id]
        assert (row["speaker"], row["transcript"], row["split"]) == (
            clip.speaker,
            clip.text,
            clip.split,
        )
        assert (folder / row["path"]).is_file()
    manifest = manifests.read(folder)
    assert sum(count.clips for count in manifest.splits.values()) == 40
    assert sum(count.speakers for count in manifest.splits.values()) == 20
    assert sum(count.seconds for count in manifest.splits.values()) == pytest.approx(4.0)
    assert str(manifest.refresh_by) == "2027-02-21"


@LAYOUTS
def test_speakers_are_in_one_split(layout: str, tmp_path: Path) -> None:
    """Which does not change as the dataset grows."""
    (tmp_path / "more").mkdir()
    small = manifests.read_clips(make(tmp_path, FakeSource(20, 20), layout))
    large = manifests.read_clips(make(tmp_path / "more", FakeSource(60, 30), layout))
    before = {row["speaker"]: row["split"] for row in small}
    after: dict[str, set[str]] = {}
    for row in large:
        after.setdefault(row["speaker"], set()).add(row["split"])
    assert all(after[speaker] == {split} for speaker, split in before.items())
    assert {len(splits) for splits in after.values()} == {1}


def test_common_voice(tmp_path: Path) -> None:
    """Names, columns and tabs of a release; the clips byte for byte."""
    source = FakeSource()
    folder = make(tmp_path, source) / "en"
    assert sorted(path.name for path in folder.iterdir()) == [
        "clip_durations.tsv", "clips", "dev.tsv", "invalidated.tsv", "other.tsv", "reported.tsv",
        "test.tsv", "train.tsv", "unvalidated_sentences.tsv", "validated.tsv",
        "validated_sentences.tsv",
    ]  # fmt: skip
    columns = (
        "client_id path sentence_id sentence sentence_domain up_votes down_votes age gender "
        "accents variant locale segment"
    )
    for name in ("train", "dev", "test", "validated", "invalidated", "other"):
        assert header(folder / f"{name}.tsv") == columns.replace(" ", "\t")
    assert header(folder / "clip_durations.tsv") == "clip\tduration[ms]"
    assert header(folder / "reported.tsv") == "sentence_id\tsentence\tlocale\treason"
    validated = {row["path"]: row for row in table(folder / "validated.tsv", "\t")}
    split = [
        row["path"]
        for name in ("train", "dev", "test")
        for row in table(folder / f"{name}.tsv", "\t")
    ]
    assert sorted(split) == sorted(validated)
    for clip in source.all:
        row = validated[f"{clip.id}.flac"]
        assert (row["sentence"], row["locale"]) == (clip.text, "en")
        assert (row["up_votes"], row["down_votes"]) == ("2", str(int(clip.against)))
        assert (folder / "clips" / row["path"]).read_bytes() == source.sounds[clip.id]
    sentences = table(folder / "validated_sentences.tsv", "\t")
    assert {row["sentence"]: row["clips_count"] for row in sentences} == dict.fromkeys(
        {clip.text for clip in source.all}, "10"
    )
    assert all(row["sentence_id"] == sentence_id(row["sentence"]) for row in sentences)
    durations = table(folder / "clip_durations.tsv", "\t")
    assert {row["duration[ms]"] for row in durations} == {"100"}


def test_deepspeech(tmp_path: Path) -> None:
    """WAV at 16 kHz of the very same samples; sizes in bytes; paths relative to the CSV."""
    source = FakeSource()
    folder = make(tmp_path, source, "deepspeech")
    rows = []
    for name in ("train", "dev", "test"):
        assert header(folder / f"{name}.csv") == "wav_filename,wav_filesize,transcript"
        rows += table(folder / f"{name}.csv")
    assert len(rows) == 40
    for row in rows:
        path = folder / row["wav_filename"]
        assert path.stat().st_size == int(row["wav_filesize"])
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
        samples, _ = soundfile.read(path, dtype="int16")
        original, _ = soundfile.read(io.BytesIO(source.sounds[path.stem]), dtype="int16")
        assert (samples == original).all()


def test_audiofolder(tmp_path: Path) -> None:
    """A folder for each split, metadata beside the sound, a card that names the folders."""
    source = FakeSource()
    folder = make(tmp_path, source, "audiofolder")
    for name, split in (("train", "train"), ("validation", "dev"), ("test", "test")):
        rows = table(folder / name / "metadata.csv")
        assert header(folder / name / "metadata.csv").startswith("file_name,transcription,")
        assert {row["file_name"] for row in rows} == {
            f"{clip.id}.flac" for clip in source.all if clip.split == split
        }
        assert all((folder / name / row["file_name"]).is_file() for row in rows)
    card = (folder / "README.md").read_text()
    assert card.startswith("---\nlicense: cc0-1.0\n")
    assert "  - split: validation\n    path: validation/**\n" in card


def test_the_card_has_the_figures(tmp_path: Path) -> None:
    """Hours, speakers, agreement, licence, and until when the copy is good."""
    card = (make(tmp_path, FakeSource()) / "README.md").read_text()
    assert "0.1 min of 20 speakers" in card
    assert "90.9% of all votes" in card
    assert "on 80.0% of the clips" in card
    assert "CC0-1.0" in card
    assert "good until 2027-02-21" in card


@LAYOUTS
def test_who_withdraws_while_it_runs_is_not_in_it(layout: str, tmp_path: Path) -> None:
    """Whether the sound had been copied already or not; nor is the text."""
    source = FakeSource()
    early, late = source.all[3], source.all[30]
    early = source.all[3] = Clip(**{**_fields(early), "text": "nobody else says this"})

    def withdraw(clip: Clip) -> None:
        if clip.id == source.all[10].id and not source.revoked:
            source.revoke(early)
            source.revoke(late)

    source.while_running = withdraw
    folder = make(tmp_path, source, layout)
    assert list(verify(folder, now=NOW)) == []
    everything = b"".join(
        path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".flac", ".wav")
    )
    assert b"nobody else says this" not in everything
    left = {path.stem for path in folder.rglob("*") if path.suffix in (".flac", ".wav")}
    assert left == {clip.id for clip in source.all}
    assert {row["id"] for row in manifests.read_clips(folder)} == left


def _fields(clip: Clip) -> dict[str, object]:
    return {name: getattr(clip, name) for name in Clip.__slots__}


def test_sound_that_was_changed_is_left_out(tmp_path: Path) -> None:
    """And counted."""
    source = FakeSource()
    source.sounds[source.all[0].id] = b"fLaC but not really"
    done = export(tmp_path / "out", source, Plan(), now=lambda: NOW)
    assert done.damaged == 1
    assert sum(count.clips for count in done.manifest.splits.values()) == 39


def test_nothing_to_export(tmp_path: Path) -> None:
    """Says what is missing, and leaves nothing behind."""
    with pytest.raises(DatasetError, match="nothing to export"):
        make(tmp_path, FakeSource(0))
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """Not even an empty folder."""
    (tmp_path / "out").mkdir()
    with pytest.raises(DatasetError, match="exists"):
        make(tmp_path, FakeSource())


def test_a_fault_leaves_nothing(tmp_path: Path) -> None:
    """A folder of that name is whole or not there."""
    source = FakeSource()

    def fail(_: Clip) -> None:
        raise OSError(28, "No space left on device")

    source.while_running = fail
    with pytest.raises(DatasetError, match="No space left"):
        make(tmp_path, source)
    assert list(tmp_path.iterdir()) == []
