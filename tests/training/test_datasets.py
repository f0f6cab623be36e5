"""Exported datasets in training: read as any set, refused when too old or withdrawn from."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

from stt_service.collector.dataset_export import Plan, export
from stt_service.collector.dataset_layouts import TREES
from stt_service.collector.dataset_manifest import FILE, REVOCATIONS
from stt_service.collector.dataset_refresh import refresh
from stt_service.errors import DatasetError
from tests.collector.dataset_source import FakeSource, make_clip
from training.manifest import read_sets
from training.prepare import Corpus, prepare


def make(folder: Path, source: FakeSource, name: str = "given", layout: str = "deepspeech") -> Path:
    export(folder / name, source, Plan(layout=layout))
    return folder / name


def make_old(dataset: Path) -> None:
    path = dataset / FILE
    said = json.loads(path.read_text())
    said["refresh_by"] = str((datetime.now(UTC) - timedelta(days=1)).date())
    path.write_text(json.dumps(said))


@pytest.fixture
def source() -> FakeSource:
    fake = FakeSource(0, 0)
    for number in range(24):
        clip, flac = make_clip(number, number, seconds=0.3)
        fake.all.append(clip)
        fake.sounds[clip.id] = flac
    return fake


@pytest.mark.parametrize("layout", TREES)
def test_an_export_is_a_set(layout: str, source: FakeSource, tmp_path: Path) -> None:
    """In each of its layouts: what is to be tested on is not trained on."""
    make(tmp_path / "data", source, layout=layout)
    clips = prepare([tmp_path / "data"], tmp_path / "corpus")
    splits = {clip.id: clip.split for clip in source.all}
    assert len(clips) == sum(split != "test" for split in splits.values())
    assert all(splits[Path(clip.path).stem] == clip.split for clip in clips)
    tests = prepare([tmp_path / "data"], tmp_path / "tests", testing=True)
    assert {Path(clip.path).stem for clip in tests} == {
        name for name, split in splits.items() if split == "test"
    }
    assert len(Corpus(tmp_path / "corpus").clips) == len(clips)


def test_a_folder_without_a_corpus_says_how_to_make_one(tmp_path: Path) -> None:
    """Who trains before preparing is told so."""
    with pytest.raises(DatasetError, match=r"no corpus in .*prepare --out"):
        Corpus(tmp_path / "corpus")


def test_a_dataset_past_its_date_is_not_read(source: FakeSource, tmp_path: Path) -> None:
    """With the remedy."""
    make_old(make(tmp_path, source))
    with pytest.raises(DatasetError, match="dataset refresh"):
        read_sets(tmp_path)


def test_a_withdrawn_clip_is_not_read(source: FakeSource, tmp_path: Path) -> None:
    """Even if only another dataset beside knows that it was."""
    make(tmp_path, source, "older")
    source.revoke(source.all[0])
    make(tmp_path, source, "newer")
    with pytest.raises(DatasetError, match=r"older.* was withdrawn"):
        read_sets(tmp_path)
    refresh(tmp_path / "older", source.revocations(0))
    assert len(read_sets(tmp_path)) == 46


def test_a_corpus_made_before_is_refused(source: FakeSource, tmp_path: Path) -> None:
    """The withdrawn clip is still in its audio."""
    dataset = make(tmp_path / "data", source)
    clips = prepare([tmp_path / "data"], tmp_path / "corpus")
    names = {Path(clip.path).stem for clip in clips}
    source.revoke(next(clip for clip in source.all if clip.id not in names))
    refresh(dataset, source.revocations(0))
    Corpus(tmp_path / "corpus")
    source.revoke(next(clip for clip in source.all if clip.id in names))
    refresh(dataset, source.revocations(1))
    with pytest.raises(DatasetError, match="prepare the corpus anew"):
        Corpus(tmp_path / "corpus")
    prepare([tmp_path / "data"], tmp_path / "corpus")
    Corpus(tmp_path / "corpus")


def test_a_corpus_is_as_good_as_its_dataset(source: FakeSource, tmp_path: Path) -> None:
    """Past the date it is refused, also when the dataset is not there any more."""
    dataset = make(tmp_path / "data", source)
    make_old(dataset)
    noted = tmp_path / "corpus"
    with pytest.raises(DatasetError, match="dataset refresh"):
        prepare([tmp_path / "data"], noted)
    refresh(dataset, ())
    prepare([tmp_path / "data"], noted)
    rows = json.loads((noted / "datasets.json").read_text())
    rows[0]["refresh_by"] = "2020-01-01"
    (noted / "datasets.json").write_text(json.dumps(rows))
    Corpus(noted)  # the dataset itself was refreshed since
    (dataset / FILE).unlink()
    with pytest.raises(DatasetError, match="refreshed by 2020-01-01"):
        Corpus(noted)


def test_recordings_of_other_kinds_need_no_dataset(source: FakeSource, tmp_path: Path) -> None:
    """A folder without dataset.json is what it always was."""
    dataset = make(tmp_path / "data", source)
    (dataset / FILE).unlink()
    (dataset / REVOCATIONS).unlink()
    prepare([tmp_path / "data"], tmp_path / "corpus")
    Corpus(tmp_path / "corpus")
