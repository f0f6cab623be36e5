"""Sound cards and the state folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stt_service.doctor.access import (
    Cards,
    Servers,
    judge_cards,
    judge_servers,
    judge_state,
    read_cards,
    read_servers,
    read_state,
)


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


def test_a_sound_server_is_found_by_its_process(tmp_path: Path) -> None:
    """Whose it is, its owner tells; other programs do not matter."""
    for number, name in enumerate(("bash", "pipewire", "pipewire-pulse"), 100):
        folder = tmp_path / f"proc/{number}"
        folder.mkdir(parents=True)
        (folder / "comm").write_text(f"{name}\n")
    me = os.getuid()
    assert read_servers(tmp_path, me) == Servers("PipeWire", None)
    for folder in tmp_path.glob("proc/*"):
        if me == 0:
            os.chown(folder, 1000, 1000)
    other = 0 if me else 1
    assert read_servers(tmp_path, other).own is None


@pytest.mark.parametrize(
    ("found", "user", "code"),
    [
        (Servers(None, "PipeWire"), 999, "sound-elsewhere"),
        (Servers(None, "PulseAudio"), 0, "sound-elsewhere"),
        (Servers("PipeWire", "PipeWire"), 999, "fine"),
        (Servers(None, "PipeWire"), 1001, "fine"),
        (Servers(None, None), 999, "fine"),
    ],
)
def test_a_service_beside_a_desktop_is_told_of(found: Servers, user: int, code: str) -> None:
    """The system's alone: people have a sound server of their own, or none."""
    finding = judge_servers(found, user)
    assert finding.code == code
    assert ("systemctl --user" in finding.remedy) == (code != "fine")
