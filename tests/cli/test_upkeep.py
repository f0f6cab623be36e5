"""What is done every night, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stt_service.collector.dataset_export import Plan, export
from stt_service.collector.dataset_manifest import read
from tests.cli.conftest import Run
from tests.collector.dataset_source import FakeSource
from tests.upload.conftest import Device

DAYS = 30


def test_nothing_is_kept_and_looking_makes_no_files(run: Run, tmp_path: Path) -> None:
    """Where nobody ever agreed."""
    done = run("upkeep", "--state-dir", tmp_path / "none")
    assert (done.status, done.out) == (
        0,
        "store: nothing is kept\npersonal: nothing is kept to learn from\n",
    )
    assert not (tmp_path / "none").exists()


def test_what_is_too_old_goes(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """File and row; what is not too old stays."""
    device = Device(tmp_path / "state" / "store")
    device.give("keep")
    for number in range(3):
        device.keep(number)
    device.database.close()
    assert run("upkeep", "--state-dir", tmp_path / "state").out.startswith("store: 0 deleted, 3 ")
    monkeypatch.setenv("STT_SERVICE_STORE__KEEP_DAYS", "0.000001")
    assert run("upkeep", "--state-dir", tmp_path / "state").out.startswith("store: 3 deleted, 0 ")
    assert not list((tmp_path / "state" / "store" / "audio").rglob("*.flac"))


def test_datasets_are_refreshed_and_one_that_fails_holds_up_no_other(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Withdrawn clips go; the copy is good for as many days as before."""
    source = FakeSource(12, 6)
    newer, copy = tmp_path / "newer", tmp_path / "copy"
    plan = Plan("deepspeech", collector=str(newer), days=DAYS)
    export(copy, source, plan)
    source.revoke(source.all[0])
    export(newer, source, plan)
    monkeypatch.setenv("STT_SERVICE_UPKEEP__DATASETS", f"{tmp_path / 'none'},{copy}")
    done = run("upkeep")
    assert done.status == 1
    assert f"{copy}: 1 taken out, good until {read(copy).refresh_by}\n" in done.out
    assert str(tmp_path / "none") in done.err
    assert "1 task failed" in done.err
    manifest = read(copy)
    assert (manifest.refresh_by - manifest.refreshed.date()).days == DAYS
