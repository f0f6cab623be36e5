"""A daemon that is wronged at random, and the seconds after which it listens again.

    player (stands for the microphone) ──► `stt-service run --source cmd:...` ──► printed finals

The player says one sentence again and again in real time, and does what the folder tells it:
vanish, hang, deliver zeros, deliver too much. The daemon is stopped, reloaded and killed.
"""

from __future__ import annotations

import contextlib
import os
import queue
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import soundfile

ROOT = Path(__file__).parents[1]
SENTENCE = ROOT / "models/demo-1-turn-on-the-kitchen-light.flac"
TEXT = "turn on the kitchen light"
PAUSE = 1.0
"""Seconds between two sentences of the player."""
PATIENCE = 90.0
"""Seconds after which a daemon that has not been heard of counts as hung."""

PLAYER = """
import sys, time, pathlib
import numpy as np, soundfile
order = pathlib.Path(sys.argv[1])
samples, rate = soundfile.read(sys.argv[2], dtype="int16")
loop = np.concatenate((samples, np.zeros(int(rate * float(sys.argv[3])), np.int16)))
out, at, begin, given = sys.stdout.buffer, 0, time.monotonic(), 0
while True:
    what = order.read_text() if order.exists() else ""
    if what:
        order.unlink()
    if what == "vanish":
        sys.exit(1)
    if what == "hang":
        time.sleep(7)
    block = np.roll(loop, -at)[: rate // 20]
    if what == "flood":
        block = np.tile(loop, 12)
    if what == "zeros":
        block = np.zeros(3 * rate, np.int16)
    out.write(block.tobytes())
    out.flush()
    at = (at + len(block)) % len(loop)
    given += len(block)
    time.sleep(max(0.0, begin + given / rate - time.monotonic()) if what != "flood" else 0)
    if what == "flood":
        begin, given = time.monotonic(), 0
"""


class Daemon:
    """One daemon after another, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.order = folder / "order"
        self._folder = folder
        (folder / "player.py").write_text(PLAYER)
        self.finals: queue.SimpleQueue[float] = queue.SimpleQueue()
        """When each final was printed, in seconds of the monotonic clock."""
        self.starts = 0
        self.start()

    def start(self) -> None:
        """Begin anew."""
        player = f"{sys.executable} {self._folder}/player.py {self.order} {SENTENCE} {PAUSE}"
        self.starts += 1
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "stt_service", "run", "--no-server", "--print"),
                *("--source", f"cmd:{player}", "--state-dir", str(self._folder / "state")),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={
                **os.environ,
                "XDG_RUNTIME_DIR": str(self._folder),
                "STT_SERVICE_SOURCE__RATE": "16000",
            },
        )
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == TEXT:
                self.finals.put(time.monotonic())

    def wait(self) -> float:
        """Return when the next whole sentence was printed. Raises :exc:`queue.Empty`."""
        while not self.finals.empty():
            self.finals.get()
        return self.finals.get(timeout=PATIENCE)

    def rss(self) -> float:
        """Return the resident memory in megabytes."""
        with contextlib.suppress(OSError):
            pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
            return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6
        return 0.0


def _tell_player(what: str) -> Callable[[Daemon], None]:
    return lambda daemon: daemon.order.write_text(what) and None


def _stop(daemon: Daemon) -> None:
    daemon.process.send_signal(signal.SIGSTOP)
    time.sleep(5)
    daemon.process.send_signal(signal.SIGCONT)


def _reload(daemon: Daemon) -> None:
    daemon.process.send_signal(signal.SIGHUP)


def _kill(daemon: Daemon) -> None:
    daemon.process.kill()
    daemon.process.wait()
    daemon.start()


def _terminate(daemon: Daemon) -> None:
    daemon.process.terminate()
    daemon.process.wait()
    daemon.start()


FAULTS: dict[str, tuple[Callable[[Daemon], None], float]] = {
    "microphone gone": (_tell_player("vanish"), 0.0),
    "microphone hangs 7 s": (_tell_player("hang"), 7.0),
    "zeros for 3 s": (_tell_player("zeros"), 3.0),
    "36 s of audio at once": (_tell_player("flood"), 0.0),
    "SIGSTOP for 5 s": (_stop, 0.0),
    "SIGHUP": (_reload, 0.0),
    "kill -9 and restart": (_kill, 0.0),
    "SIGTERM and restart": (_terminate, 0.0),
}
"""What is done, and the seconds that it lasts beyond the doing."""


def run(count: int, seed: int) -> list[tuple[object, ...]]:
    """Return a row for each kind of fault: how often, seconds to listening, hung ones."""
    draw = random.Random(seed)
    samples, rate = soundfile.read(SENTENCE)
    # A sentence that is heard whole began this long before its final, and up to a whole round of
    # the player may pass until one begins.
    spoken = len(samples) / rate + 0.6
    found: dict[str, list[float]] = {name: [] for name in FAULTS}
    hung = dict.fromkeys(FAULTS, 0)
    with TemporaryDirectory() as folder:
        daemon = Daemon(Path(folder))
        try:
            daemon.wait()
            before = daemon.rss()
            for _ in range(count):
                name = draw.choice(list(FAULTS))
                wrong, lasts = FAULTS[name]
                time.sleep(draw.random() * 2)
                wrong(daemon)
                over = time.monotonic() + lasts
                try:
                    while (heard := daemon.wait()) < over:
                        pass
                    found[name].append(max(0.0, heard - spoken - over))
                except queue.Empty:
                    hung[name] += 1
                    daemon.process.kill()
                    daemon.process.wait()
                    daemon.start()
            after = daemon.rss()
        finally:
            daemon.process.kill()
    rows: list[tuple[object, ...]] = [
        (name, len(times), f"{statistics.median(times):.1f}", f"{max(times):.1f}", hung[name])
        for name, times in found.items()
        if times
    ]
    return [*rows, ("memory, MB before and after", "", f"{before:.0f}", f"{after:.0f}", "")]
