"""What was withdrawn is taken out of a copy, and a copy that may hold it is refused."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from stt_service.collector import dataset_manifest as manifests
from stt_service.collector import dataset_refresh
from stt_service.collector.dataset_export import Plan, export
from stt_service.collector.dataset_layouts import TREES, sentence_id
from stt_service.collector.dataset_manifest import Revocation, admit
from stt_service.collector.dataset_refresh import refresh, since
from stt_service.collector.dataset_verify import verify
from stt_service.errors import DatasetError
from tests.collector.dataset_source import NOW, FakeSource

LAYOUTS = pytest.mark.parametrize("layout", TREES)
LATER = NOW + timedelta(days=30)


def make(folder: Path, source: FakeSource, layout: str = "common-voice") -> Path:
    export(folder / "out", source, Plan(layout=layout), now=lambda: NOW)
    return folder / "out"


def everything(folder: Path) -> bytes:
    """Return all names and content, but for what lists what was withdrawn."""
    return b"\n".join(
        path.name.encode() + path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != manifests.REVOCATIONS
    )


@LAYOUTS
def test_what_was_withdrawn_is_gone(layout: str, tmp_path: Path) -> None:
    """Sound, lines, figures; all else stays, and it is as if it had never been exported."""
    source = FakeSource()
    folder = make(tmp_path, source, layout)
    gone = [source.all[2], source.all[17]]
    for clip in gone:
        source.revoke(clip)
    assert refresh(folder, source.revocations(0), now=LATER) == 2
    assert list(verify(folder, now=LATER)) == []
    for clip in gone:
        assert clip.id.encode() not in everything(folder)
    (tmp_path / "anew").mkdir()
    anew = make(tmp_path / "anew", source, layout)
    for path in anew.rglob("*"):
        if path.suffix in (".tsv", ".csv", ".flac", ".wav"):
            assert (folder / path.relative_to(anew)).read_bytes() == path.read_bytes()
    assert manifests.read(folder).splits == manifests.read(anew).splits
    assert str(manifests.read(folder).refresh_by) == "2027-03-23"


def test_a_sentence_that_nobody_says_any_more_goes_too(tmp_path: Path) -> None:
    """A text can tell as much as a voice."""
    source = FakeSource(8, 8)
    folder = make(tmp_path, source)
    text = source.all[0].text
    for clip in [one for one in source.all if one.text == text]:
        source.revoke(clip)
    refresh(folder, source.revocations(0), now=NOW)
    assert sentence_id(text).encode() not in everything(folder)
    assert text.encode() not in everything(folder)


def test_the_same_sound_under_another_name_goes_too(tmp_path: Path) -> None:
    """The list has hashes."""
    source = FakeSource()
    folder = make(tmp_path, source)
    clip = source.all[5]
    again = Revocation(1, "f" * 32, clip.audio_sha256, "2026-11-23T12:00:00Z")
    assert refresh(folder, [again], now=NOW) == 1
    assert clip.id.encode() not in everything(folder)
    assert list(verify(folder, now=NOW)) == []


def test_refreshing_again_changes_nothing(tmp_path: Path) -> None:
    """And asks only for what is new."""
    source = FakeSource()
    folder = make(tmp_path, source)
    source.revoke(source.all[0])
    refresh(folder, source.revocations(0), now=NOW)
    before = manifests.read(folder)
    assert before.revocations == 1
    assert refresh(folder, source.revocations(1), now=NOW) == 0
    after = manifests.read(folder)
    assert after.model_copy(update={"sums_sha256": before.sums_sha256}) == before
    assert list(verify(folder, now=NOW)) == []


def test_what_comes_out_of_order_is_not_missed(tmp_path: Path) -> None:
    """The number before the last one may be given later, by another process of the collector."""
    source = FakeSource()
    folder = make(tmp_path, source)
    early, late = source.all[0], source.all[1]
    source.revoke(early)
    source.revoke(late)
    first, second = source.revoked
    source.revoked = [second]
    assert refresh(folder, source.revocations(since(manifests.read(folder))), now=NOW) == 1
    source.revoked = [first, second]
    assert refresh(folder, source.revocations(since(manifests.read(folder))), now=NOW) == 1
    assert list(verify(folder, now=NOW)) == []


STEPS = ("_filter", "_recount", "_sum_up", "write_atomically")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("after", [False, True])
def test_interrupted_it_is_refused_and_can_be_ended(
    step: str, after: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At any of its steps: nobody trains on a copy that is half refreshed."""
    source = FakeSource()
    folder = make(tmp_path, source)
    clip = source.all[7]
    source.revoke(clip)
    real = getattr(dataset_refresh, step)

    def interrupted(*args: object, **more: object) -> object:
        if after:
            real(*args, **more)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(dataset_refresh, step, interrupted)
        with pytest.raises(KeyboardInterrupt):
            refresh(folder, source.revocations(0), now=NOW)
    if step != "write_atomically":
        with pytest.raises(DatasetError, match="was withdrawn"):
            admit(folder, now=NOW)
    refresh(folder, source.revocations(since(manifests.read(folder))), now=NOW)
    assert list(verify(folder, now=NOW)) == []
    assert clip.id.encode() not in everything(folder)
    admit(folder, now=NOW)


def test_a_copy_past_its_date_is_refused(tmp_path: Path) -> None:
    """On its last day it is good; the remedy brings it back."""
    source = FakeSource()
    folder = make(tmp_path, source)
    admit(folder, now=NOW + timedelta(days=90))
    late = NOW + timedelta(days=91)
    with pytest.raises(DatasetError, match=f"dataset refresh {folder}"):
        admit(folder, now=late)
    assert list(verify(folder, now=late)) == ["it was to be refreshed by 2027-02-21"]
    refresh(folder, [], now=late)
    admit(folder, now=late)


def test_a_copy_with_a_withdrawn_clip_is_refused(tmp_path: Path) -> None:
    """Whoever puts the newer list of withdrawals into an older copy."""
    source = FakeSource()
    folder = make(tmp_path, source)
    clip = source.all[0]
    with (folder / manifests.REVOCATIONS).open("a") as file:
        file.write(f"1,{clip.id},,2026-11-23T12:00:00Z\n")
    with pytest.raises(DatasetError, match=f"{clip.id}.flac was withdrawn"):
        admit(folder, now=NOW)


def test_verify_sees_every_change(tmp_path: Path) -> None:
    """Of content, names, splits, sums; and what does not belong."""
    source = FakeSource()
    original = make(tmp_path, source)
    name = f"en/clips/{source.all[0].id}.flac"

    def after(change: object) -> list[str]:
        folder = tmp_path / "changed"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(original, folder)
        change(folder)
        return list(verify(folder, now=NOW))

    def append(file: str, text: str) -> object:
        return lambda folder: (folder / file).open("a").write(text)

    assert after(append(name, "x")) == [f"{name} was changed"]
    assert after(lambda folder: (folder / name).unlink()) == [f"{name} is missing"]
    assert after(append("en/stray.txt", "x")) == ["en/stray.txt is no part of it"]
    assert "SHA256SUMS is not the one that was exported" in after(
        append(manifests.SUMS, f"{'0' * 64}  ../../etc/passwd\n")
    )
    moved = "test" if source.all[0].split == "train" else "train"

    def move(folder: Path) -> None:
        path = folder / manifests.CLIPS
        lines = path.read_text().splitlines()
        lines[1] = lines[1].replace(f",{source.all[0].split},", f",{moved},")
        path.write_text("\n".join(lines) + "\n")

    assert f"{name} is in the split of other speakers" in after(move)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        (manifests.FILE, "{}"),
        (manifests.FILE, "not json"),
        (manifests.FILE, "x" * (manifests.MAX_BYTES + 1)),
        (manifests.CLIPS, "path\n"),
        (manifests.CLIPS, ",".join(manifests.CLIP_COLUMNS) + "\na,b\n"),
        (manifests.CLIPS, "\xff\xfe"),
        (manifests.REVOCATIONS, "number\n"),
        (manifests.SUMS, "no sum\n"),
    ],
)
def test_damage_is_a_fault_with_a_remedy(file: str, content: str, tmp_path: Path) -> None:
    """Never anything else."""
    folder = make(tmp_path, FakeSource(4, 4))
    (folder / file).write_bytes(content.encode("latin-1"))
    with pytest.raises(DatasetError, match="Export it anew"):
        list(verify(folder, now=NOW))


def test_no_export(tmp_path: Path) -> None:
    """Is said."""
    with pytest.raises(DatasetError, match="no exported dataset"):
        admit(tmp_path)


def test_nothing_outside_is_deleted(tmp_path: Path) -> None:
    """Though a table names it."""
    source = FakeSource(4, 4)
    folder = make(tmp_path, source)
    clip = source.all[0]
    precious = tmp_path / f"{clip.id}.flac"
    precious.write_text("mine")
    path = folder / manifests.CLIPS
    path.write_text(path.read_text().replace(f"en/clips/{clip.id}", f"../{clip.id}"))
    source.revoke(clip)
    with pytest.raises(DatasetError, match="no clip's name"):
        refresh(folder, source.revocations(0), now=NOW)
    assert precious.exists()
