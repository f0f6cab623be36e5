"""How long a daemon takes from its start until it says that it is ready, with its server.

A process that starts anew, with its files in memory as after a restart; where it is asked for, also
with all that is cached thrown out of memory before, as after a boot: root may do that, and it slows
down whatever else runs here.
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
"""That the median may take."""
DROP = Path("/proc/sys/vm/drop_caches")
PAUSE_SECONDS, NOISE = 2.0, 20
"""Of the recording that stands in for a microphone."""


class TooSlowError(Exception):
    """The median is above the limit."""


def _drop() -> None:
    subprocess.run(["sync"], check=True)
    DROP.write_text("3")


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


def run(times: int, *, boot: bool) -> Iterator[tuple[object, ...]]:
    """Yield rows of HEADER. Raises :exc:`TooSlowError`."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "loop").write_bytes(sentence(PAUSE_SECONDS, NOISE).tobytes())
        player = (sys.executable, "-I", "-S", str(ROOT / "bench/player.py"))
        sound = (str(folder / "loop"), str(RATE), str(BLOCK_SECONDS), str(folder / "begin"))
        source = "cmd:" + shlex.join((*player, *sound))
        # The first start of all tries the model in a child process, once for each model.
        yield "the first of all", *_series(folder, source, 1, cold=False)
        found = _series(folder, source, times, cold=False)
        yield "as after a restart", *found
        if boot:
            yield "as after a boot", *_series(folder, source, times, cold=True)
    if found[0] > LIMIT_SECONDS:
        raise TooSlowError(f"{found[0]:.2f} s, more than {LIMIT_SECONDS:g}")
