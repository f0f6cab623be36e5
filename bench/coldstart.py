"""How long a daemon takes from its start until it says that it is ready, with its server.

A cold start: what it reads is thrown out of memory before, where this may be done (root); and a
start like after any other.
"""

from __future__ import annotations

import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from stt_service.audio.microphone import BLOCK_SECONDS
from tests.running import RATE, ROOT, Running, sentence

HEADER = ("start to READY", "median, s", "worst, s", "CPU s")
LIMIT_SECONDS = 1.5
"""That the median of cold starts may take."""
DROP = Path("/proc/sys/vm/drop_caches")
PAUSE_SECONDS, NOISE = 2.0, 20
"""Of the recording that stands in for a microphone."""


class TooSlowError(Exception):
    """The median is above the limit."""


def _drop() -> bool:
    subprocess.run(["sync"], check=True)
    try:
        DROP.write_text("3")
    except OSError:
        return False
    return True


def _start(folder: Path, source: str) -> float:
    begin = time.perf_counter()
    daemon = Running(folder, "--source", source, server=True)
    try:
        daemon.wait_for("READY=1")
        return time.perf_counter() - begin
    finally:
        daemon.process.terminate()
        daemon.process.wait(30)
        daemon.close()


def _series(folder: Path, source: str, times: int, *, cold: bool) -> tuple[float, float, float]:
    taken = []
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(times):
        if cold:
            _drop()
        taken.append(_start(folder, source))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / times
    return statistics.median(taken), max(taken), cpu


def run(times: int) -> Iterator[tuple[object, ...]]:
    """Yield rows of HEADER. Raises :exc:`TooSlowError`."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "loop").write_bytes(sentence(PAUSE_SECONDS, NOISE).tobytes())
        player = (sys.executable, "-I", "-S", str(ROOT / "bench/player.py"))
        sound = (str(folder / "loop"), str(RATE), str(BLOCK_SECONDS), str(folder / "begin"))
        source = "cmd:" + shlex.join((*player, *sound))
        # The first start of all tries the model in a child process, once for each model.
        _start(folder, source)
        warm = _series(folder, source, times, cold=False)
        yield "as after a restart", *warm
        if not _drop():
            yield "cold: not measured, needs root", *(("?",) * 3)
            slow = warm[0]
        else:
            cold = _series(folder, source, times, cold=True)
            yield "with nothing of it in memory", *cold
            slow = cold[0]
    if slow > LIMIT_SECONDS:
        raise TooSlowError(f"{slow:.2f} s, more than {LIMIT_SECONDS:g}")
