"""What a release consists of fits together: versions, locks, scripts, Debian's files."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from stt_service import __version__

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(ROOT.glob("packaging/*.sh"))
LOCKS = sorted(ROOT.glob("packaging/lock-*.txt"))
PINNED = re.compile(r"^([a-z0-9-]+)==(\S+) \\$", re.MULTILINE)
EXPLAINED = {"chroots.sh": ". packaging/chroots.sh"}
"""Scripts that are not called but read."""


def needs() -> list[Requirement]:
    """Return what setup.py asks for, with the extras that the package of Debian has inside."""
    text = (ROOT / "setup.py").read_text(encoding="utf-8")
    listed = text.partition("install_requires=[")[2].partition("\n    ]")[0]
    inside = re.search(r"for extra in \(([^)]+)\) for need", text)
    assert inside is not None
    for extra in re.findall(r'"(\w+)"', inside[1]):
        found = re.search(rf'^    "{extra}": \[(.*?)\],$', text, re.MULTILINE | re.DOTALL)
        assert found is not None, extra
        listed += found[1]
    return [Requirement(found) for found in re.findall(r'"([^"]+)"', listed)]


def test_debian_names_the_same_version() -> None:
    """One version, in both places."""
    first = (ROOT / "debian/changelog").read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith(f"stt-service ({__version__}) ")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_locks_fulfil_what_is_asked_for(lock: Path) -> None:
    """Each library, in a version that will do, with hashes."""
    text = lock.read_text(encoding="utf-8")
    pinned = {name: Version(version) for name, version in PINNED.findall(text)}
    asked = needs()
    assert len(asked) > 10
    wrong = [
        str(need)
        for need in asked
        if need.name not in pinned or not need.specifier.contains(pinned[need.name])
    ]
    assert wrong == []
    assert text.count("--hash=sha256:") >= len(pinned)
    assert not re.search(r"^--|://", text, re.MULTILINE)  # no index is named


def test_every_debian_that_is_built_for_has_a_lock() -> None:
    """For the Python that it has."""
    script = (ROOT / "packaging/deb.sh").read_text(encoding="utf-8")
    versions = set(re.findall(r"VERSION=(\d\.\d+)", script))
    assert versions == {lock.stem.removeprefix("lock-") for lock in LOCKS}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_valid_and_say_what_they_need(script: Path) -> None:
    """By the shell's own parser; with usage and needs at the head."""
    subprocess.run(["sh", "-n", str(script)], check=True, timeout=60)
    text = script.read_text(encoding="utf-8")
    head = "\n".join(line for line in text.splitlines()[:30] if line.startswith("#"))
    if script.name.startswith("inside"):
        assert "prove-apt.sh" in head
        return
    assert EXPLAINED.get(script.name, f"packaging/{script.name}") in head.replace(
        "make release-check", "packaging/release-check.sh"
    )


@pytest.mark.parametrize("name", ["postinst", "postrm", "prerm"])
def test_maintainer_scripts_are_valid_and_ask_nothing(name: str) -> None:
    """They stop at mistakes, read nothing, and leave room for what debhelper adds."""
    path = ROOT / f"debian/stt-service.{name}"
    subprocess.run(["sh", "-n", str(path)], check=True, timeout=60)
    text = path.read_text(encoding="utf-8")
    assert "\nset -e\n" in text
    assert text.count("#DEBHELPER#") == 1
    assert not re.search(r"\bread\b [a-z]|debconf", text)


def test_the_settings_of_the_package_are_valid() -> None:
    """They change nothing, and what they show as an example exists."""
    text = (ROOT / "debian/config.toml").read_text(encoding="utf-8")
    assert tomllib.loads(text) == {}
    example = "\n".join(re.findall(r"^# (\[\w+\]|\w+ = .*)$", text, re.MULTILINE))
    shipped = tomllib.loads((ROOT / "stt_service/default.toml").read_text(encoding="utf-8"))
    shown = tomllib.loads(example)
    assert shown
    for section, keys in shown.items():
        assert set(keys) <= set(shipped[section])


def test_each_script_is_told_of() -> None:
    """The page on releases names each that people call."""
    text = (ROOT / "docs/releasing.md").read_text(encoding="utf-8")
    inner = {"chroots.sh", "inside.sh", "inside-chroot.sh", "throwaway-key.sh"}
    assert [one.name for one in SCRIPTS if one.name not in inner and one.name not in text] == []
