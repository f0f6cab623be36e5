"""The interpreter, the packages, and whether the compiled search is there."""

from __future__ import annotations

import importlib.util
import platform
import re
import sys
from dataclasses import dataclass
from importlib import metadata

from stt_service.doctor.api import Finding

OLDEST = (3, 11)
NEWEST = (3, 13)
"""The newest that the release was tested with."""
PROJECT = "stt-service"
MAX_NAMED = 5
"""Packages named in one line."""

_REQUIREMENT = re.compile(r"([\w.-]+)\s*(?:>=\s*([\d.]+))?")


@dataclass(frozen=True, slots=True)
class Interpreter:
    """What runs us."""

    version: tuple[int, int]
    bits: int
    libc: str
    """``glibc``, or empty where it is another, such as Alpine's."""
    virtual: bool
    """In an environment of its own."""


@dataclass(frozen=True, slots=True)
class Package:
    """One that we need."""

    name: str
    wanted: tuple[int, ...]
    """The oldest version that will do; empty for any."""
    found: tuple[int, ...] | None
    """None where it is missing."""


def read_interpreter() -> Interpreter:
    """Ask Python about itself."""
    return Interpreter(
        version=sys.version_info[:2],
        bits=64 if sys.maxsize > 1 << 32 else 32,
        libc=platform.libc_ver()[0],
        virtual=sys.prefix != sys.base_prefix,
    )


def judge_interpreter(found: Interpreter) -> Finding:
    """Say whether this Python will do."""
    name = ".".join(map(str, found.version))
    facts = {"bits": found.bits, "glibc": found.libc == "glibc", "virtual": found.virtual}
    facts |= {"major": found.version[0], "minor": found.version[1]}
    if found.version < OLDEST:
        return Finding(
            "python",
            "fail",
            "python-old",
            f"Python {name} is too old",
            "Install Python 3.11 or newer: Debian 12 and Raspberry Pi OS Bookworm have it",
            facts,
        )
    if found.bits != 64:
        return Finding(
            "python",
            "fail",
            "python-32-bit",
            f"Python {name} is a 32-bit program, for which there is no recogniser",
            "Install the 64-bit Raspberry Pi OS, which the Pi 3, 4, 5 and Zero 2 W run",
            facts,
        )
    if found.libc != "glibc":
        return Finding(
            "python",
            "warn",
            "libc-other",
            f"Python {name} without glibc: the packages have no builds for that",
            "Take a Debian, Ubuntu or Fedora, or a container of one",
            facts,
        )
    if found.version > NEWEST:
        return Finding(
            "python",
            "warn",
            "python-untested",
            f"Python {name} is newer than those this release was tested with",
            "If something fails: python3.13 -m venv, and install there",
            facts,
        )
    where = "in an environment of its own" if found.virtual else "the system's"
    return Finding("python", "ok", "fine", f"Python {name}, 64 bit, {where}", "", facts)


def read_packages(project: str = PROJECT) -> list[Package] | None:
    """Compare what is installed with what is asked for; None for a plain checkout."""
    try:
        needs = metadata.requires(project) or []
    except metadata.PackageNotFoundError:
        return None
    found = []
    for need in needs:
        match = _REQUIREMENT.match(need)
        if match is None or ";" in need:
            continue  # an extra, which nobody has to have
        found.append(Package(match[1], release(match[2] or ""), installed(match[1])))
    return found


def installed(name: str) -> tuple[int, ...] | None:
    """Return a package's version; None where it is missing."""
    try:
        return release(metadata.version(name))
    except metadata.PackageNotFoundError:
        return None


def release(version: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with."""
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def judge_packages(packages: list[Package] | None) -> Finding:
    """Say what is missing, or older than it may be."""
    if packages is None:
        return Finding("packages", "ok", "not-told", "a checkout: nothing says what it needs")
    missing = [one.name for one in packages if one.found is None]
    old = [one.name for one in packages if one.found is not None and one.found < one.wanted]
    facts = {"needed": len(packages), "missing": len(missing), "old": len(old)}
    for code, names, what in (
        ("package-missing", missing, "missing"),
        ("package-old", old, "too old"),
    ):
        if names:
            return Finding(
                "packages",
                "fail",
                code,
                f"{what}: {', '.join(names[:MAX_NAMED])}",
                "Install stt-service again, in the environment in which it runs",
                facts,
            )
    return Finding("packages", "ok", "fine", f"all {len(packages)} are there", "", facts)


def read_search() -> bool:
    """Return whether the compiled search is installed."""
    return importlib.util.find_spec("stt_service.decoder._kernel") is not None


def judge_search(*, compiled: bool) -> Finding:
    """Say which of the two searches runs."""
    if compiled:
        return Finding("search", "ok", "fine", "compiled", "", {"compiled": True})
    return Finding(
        "search",
        "warn",
        "search-slow",
        "not compiled: NumPy searches, with the same results, many times slower",
        "sudo apt install gcc python3-dev, then install stt-service again; or take the .deb",
        {"compiled": False},
    )
