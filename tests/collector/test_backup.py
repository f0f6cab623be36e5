"""A collection as files and back, on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from stt_service.collector.collection import Collection
from stt_service.collector.serve import Plan, open_collection
from tests.cli.conftest import Run
from tests.collector.conftest import Device, flac, meta_of

TOKEN = "a secret of this utterance"
IDS = [f"{number:032x}" for number in range(3)]


@pytest.fixture
def full(device: Device) -> dict[str, bytes]:
    """Three utterances, of which the last was deleted."""
    sounds = {name: flac(seed=number) for number, name in enumerate(IDS)}
    for name, sound in sounds.items():
        assert device.put(name, sound, meta_of(sound, TOKEN)).status_code == 201
    assert device.delete(IDS[2], TOKEN).status_code == 200
    return sounds


def places(folder: Path) -> list[str]:
    return ["--database", f"sqlite:///{folder / 'c.db'}", "--objects", str(folder / "objects")]


def test_a_back_up_fills_another_collection(
    run: Run, tmp_path: Path, full: dict[str, bytes], gathering: Collection, device: Device
) -> None:
    """Sound, tombstones and tokens are the same there, and numbers go on."""
    done = run("collector", "backup", *places(tmp_path), tmp_path / "copy")
    assert (done.out, done.err) == ("2 utterances\n", "")
    (tmp_path / "other").mkdir()
    done = run("collector", "restore", *places(tmp_path / "other"), tmp_path / "copy")
    assert done.out.strip() == "2 utterances"
    new = places(tmp_path / "other")
    other = open_collection(Plan(new[1], new[3]))
    assert [other.sound(name) for name in IDS[:2]] == [full[name] for name in IDS[:2]]
    assert list(other.ids()) == IDS[:2]
    assert other.key == gathering.key
    assert other.intake.open(device.token, "f" * 32, 0).pseudonym == device.pseudonym
    assert other.removal.delete(IDS[2], TOKEN) == gathering.removal.delete(IDS[2], TOKEN)
    assert other.sums() == gathering.sums()
    other.engine.dispose()


def test_a_collection_that_holds_anything_is_not_filled(
    run: Run, tmp_path: Path, full: dict[str, bytes]
) -> None:
    """Nothing that is stored is lost by mistake; neither is an earlier copy."""
    assert full
    run("collector", "backup", *places(tmp_path), tmp_path / "copy")
    done = run("collector", "restore", *places(tmp_path), tmp_path / "copy")
    assert done.status == 1
    assert "not empty" in done.err
    done = run("collector", "backup", *places(tmp_path), tmp_path / "copy")
    assert done.status == 1
    assert "there already" in done.err


def test_check_names_what_is_damaged(run: Run, tmp_path: Path, full: dict[str, bytes]) -> None:
    """By its id; the rest is whole."""
    assert full
    found = sorted((tmp_path / "objects").glob(f"*/{IDS[0]}-*"))
    found[0].write_bytes(b"something else")
    done = run("collector", "check", *places(tmp_path))
    assert done.status == 1
    assert IDS[0] in done.out
    assert IDS[1] not in done.out


@pytest.mark.parametrize("url", ["nonsense", "sqlite://", "mysql://host/name"])
def test_what_is_no_database_is_named(run: Run, tmp_path: Path, url: str) -> None:
    """With what would be one."""
    done = run("collector", "init", "--database", url, "--objects", tmp_path)
    assert done.status == 1
    assert url in done.err
    assert "sqlite:////" in done.err
