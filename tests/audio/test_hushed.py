"""Chatter of libraries kept off standard error, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stt_service.audio.hushed import hushed


def write(text: str) -> None:
    os.write(2, text.encode())


def test_chatter_is_kept_and_everything_else_passes(capfd: pytest.CaptureFixture[str]) -> None:
    """Our own lines come out as they were, a moment later."""
    with hushed() as said:
        write("ALSA lib pcm.c:2666:(snd_pcm_open_noupdate) Unknown PCM cards.pcm.rear\n")
        write("WARNING stt_service.x: mind the gap\n")
        write("Traceback, too\n")
        write("jack server is not running or cannot be started\n")
    write("afterwards\n")
    assert capfd.readouterr().err == (
        "WARNING stt_service.x: mind the gap\nTraceback, too\nafterwards\n"
    )
    assert [line.partition(" ")[0] for line in said] == ["ALSA", "jack"]


def test_a_failure_inside_restores_it(capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever happens, standard error is itself again, and no descriptor is lost."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match="broken"), hushed():
        raise OSError("broken")
    write("heard\n")
    assert capfd.readouterr().err == "heard\n"
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_closed_standard_error_is_no_trouble() -> None:
    """As `2>&-` leaves it."""
    code = (
        "import os; os.close(2)\n"
        "from stt_service.audio.hushed import hushed\n"
        "with hushed() as said: pass\n"
        "print(said)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout == "[]\n"
