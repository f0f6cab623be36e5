"""The store on a file system that fails, and killed at any moment: it opens again, consistent."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

ROOT = Path(__file__).parents[2]
SHIM = Path(__file__).parent / "faults/failing.c"
FIRST_CALLS = 2000
"""That the story has to make, so that each of them can fail."""
pytestmark = pytest.mark.slow


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where syncing costs nothing: in memory, if the machine has such a folder."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name, "store")


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What makes system calls fail."""
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler: apt install gcc")
    library = tmp_path_factory.mktemp("shim") / "failing.so"
    command = ["cc", "-std=gnu11", "-shared", "-fPIC", "-O1", "-o", library, SHIM, "-ldl"]
    subprocess.run(command, check=True)
    return library


def tell(folder: Path, *arguments: object, **environ: str) -> str:
    """Run the story; return what it says at its end."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.faults.story", folder, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize(("mode", "first", "step"), [("once", 1, 37), ("lasting", 20, 61)])
def test_each_system_call_may_fail(
    shim: Path, folder: Path, mode: str, first: int, step: int
) -> None:
    """One of them, or all from one on; what was reported saved is there, what was deleted is not.

    A part of them, for all take minutes: the story's module says how to run it whole.
    """
    said = tell(
        folder,
        mode,
        first,
        FIRST_CALLS,
        step,
        LD_PRELOAD=str(shim),
        FAILING_FOLDER=str(folder),
    )
    calls, failed = map(int, re.findall(r"\d+", said))
    assert calls >= FIRST_CALLS
    assert failed == len(range(first, FIRST_CALLS + 1, step))


def test_killed_at_any_moment(folder: Path) -> None:
    """Kill -9 loses nothing that was reported, and leaves nothing half."""
    assert tell(folder, "kill", 15) == "15 kills\n"
