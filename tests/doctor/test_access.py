"""Sound cards and the state folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stt_service.doctor.access import Cards, judge_cards, judge_state, read_cards, read_state


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    folder = tmp_path / "dev/snd"
    folder.mkdir(parents=True)
    for name in ("pcmC0D0c", "pcmC1D0c", "pcmC1D0p", "controlC0"):
        (folder / name).touch()
    return tmp_path


def test_capture_devices_are_counted(cards: Path) -> None:
    """Not those that play."""
    found = read_cards(cards)
    assert (found.nodes, found.usable) == (2, 2)
    assert judge_cards(found).status == "ok"


@pytest.mark.skipif(os.getuid() == 0, reason="root may open everything")
def test_those_that_may_not_be_opened_are_not_usable(cards: Path) -> None:
    """Their group is the one to join."""
    for node in cards.glob("dev/snd/pcm*"):
        node.chmod(0)
    assert read_cards(cards).usable == 0


@pytest.mark.parametrize(
    ("found", "status", "code", "remedy"),
    [
        (Cards(0, 0, None, granted=False), "ok", "fine", ""),
        (Cards(2, 1, "audio", granted=False), "ok", "fine", ""),
        (Cards(2, 0, "audio", granted=False), "fail", "sound-forbidden", "usermod -aG audio"),
        (Cards(2, 0, None, granted=False), "fail", "sound-forbidden", "usermod -aG audio"),
        (Cards(2, 0, "audio", granted=True), "fail", "login-again", "Log out and in"),
    ],
)
def test_permissions(found: Cards, status: str, code: str, remedy: str) -> None:
    """Who has just been put into the group has to log in again."""
    finding = judge_cards(found)
    assert (finding.status, finding.code) == (status, code)
    assert remedy in finding.remedy


def test_a_state_folder_that_is_not_there_yet_is_not_made(tmp_path: Path) -> None:
    """It counts whether it could be."""
    assert read_state(tmp_path / "state/deep") == (tmp_path, True)
    assert list(tmp_path.iterdir()) == []
    assert judge_state(tmp_path, writable=True).status == "ok"
    assert judge_state(tmp_path, writable=False).code == "state-unwritable"


def test_a_file_in_the_place_of_the_folder_cannot_be_written_into(tmp_path: Path) -> None:
    """Not by root either."""
    file = tmp_path / "state"
    file.touch(mode=0o600)
    assert read_state(file / "below") == (file, False)
