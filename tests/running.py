"""A daemon in a process of its own, with everything that it writes in one folder."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "models/demo-1-turn-on-the-kitchen-light.flac"
TEXT = "turn on the kitchen light"
RATE = 16_000
PATIENCE = 300.0
"""Seconds until a test gives up; the machine may be busy."""
_SERVING = re.compile(r"serving (\S+)")


def sentence(silence: float = 1.0, noise: int = 0) -> np.ndarray:
    """Return a bundled recording, mono int16, with seconds of silence on both sides.

    ``noise`` is the loudest sample of white noise that fills the silence.
    """
    samples, rate = soundfile.read(DEMO, dtype="int16")
    assert rate == RATE
    draw = np.random.default_rng(1)
    around = [
        draw.integers(-noise, noise + 1, int(silence * RATE)).astype(np.int16) for _ in range(2)
    ]
    return np.concatenate((around[0], samples, around[1]))


class Running:
    """One daemon, without a server unless it is asked for one, at any port that is free."""

    def __init__(
        self,
        folder: Path,
        *options: str,
        server: bool = False,
        wrap: tuple[str, ...] = (),
        **environ: str,
    ) -> None:
        """``options`` are those of ``run``; ``wrap`` a command that runs the daemon's."""
        self.folder = folder
        self.errors = folder / f"errors{len(list(folder.glob('errors*')))}"
        self._notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = folder / f"n{time.monotonic_ns()}"
        self._notices.bind(str(address))
        self._notices.settimeout(PATIENCE)
        where = ("--port", "0") if server else ("--no-server",)
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [*wrap, sys.executable, "-m", "stt_service", "-v", "run", *where, *options],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(folder),
                    "XDG_RUNTIME_DIR": str(folder),
                    "STT_SERVICE_PATHS__STATE": str(folder / "state"),
                    "STT_SERVICE_SOURCE__RATE": str(RATE),
                    "NOTIFY_SOCKET": str(address),
                    **environ,
                },
            )

    @property
    def log(self) -> str:
        """What it has said so far."""
        return self.errors.read_text()

    @property
    def url(self) -> str:
        """Where its server is, without a slash at the end: ``http://127.0.0.1:43210``."""
        end = time.monotonic() + PATIENCE
        while not (found := _SERVING.search(self.log)):
            assert self.process.poll() is None, self.log
            assert time.monotonic() < end, self.log
            time.sleep(0.02)
        return found[1].rstrip("/")

    @property
    def ws(self) -> str:
        """The same for WebSockets."""
        return "ws" + self.url.removeprefix("http")

    def wait_for(self, notice: str) -> None:
        """Wait until systemd is told this."""
        while notice not in self._notices.recv(4096).decode():
            assert self.process.poll() is None, self.log

    def say(self, samples: np.ndarray) -> None:
        """Let it hear something: for ``--source stdin``."""
        self.pipe.write(samples.tobytes())
        self.pipe.flush()

    @property
    def pipe(self) -> Any:
        """Its standard input, for bytes."""
        assert self.process.stdin is not None
        return self.process.stdin.buffer

    def end(self, number: int | None = None) -> tuple[int, str]:
        """Send a signal; return the status and what was printed."""
        if number is not None:
            self.process.send_signal(number)
        printed, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, printed

    def close(self) -> None:
        """Kill it."""
        self._notices.close()
        self.process.kill()
        self.process.communicate()
