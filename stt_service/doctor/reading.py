"""Reads small files of the kernel's and the system's, bounded."""

from __future__ import annotations

import subprocess
from pathlib import Path

MAX_BYTES = 1 << 20
"""Of one file; /proc/cpuinfo of the largest machine has half of it."""
COMMAND_SECONDS = 3.0
"""Given to a command that asks the firmware; it answers within milliseconds, or hangs."""


def read_text(path: Path) -> str | None:
    """Return a file's text; None where there is none or it may not be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return None


def ask(*command: str) -> str | None:
    """Return what a command prints; None where it is missing, fails or hangs."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            check=False,
            timeout=COMMAND_SECONDS,
            encoding="utf-8",
            errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout[:MAX_BYTES] if done.returncode == 0 else None


def existing(path: Path) -> Path:
    """Return the path, or the nearest folder above it that is there."""
    return next(place for place in (path, *path.parents) if place.exists())
