"""What an idle daemon sends to the network: nothing. Watched by strace, in a network of its own.

strace sees every attempt to send or to connect; the kernel counts what passes, loopback included.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.soak import NOISE, PAUSE_SECONDS
from stt_service.audio.microphone import BLOCK_SECONDS
from tests.running import RATE, ROOT, Running, sentence

HEADER = ("what", "how often")
_SENDING = re.compile(r"(?:connect|sendto|sendmsg|sendmmsg)\(\d+(?:<[^>]*>)?, .*AF_INET")

_SENT = re.compile(r"^ *lo:(?: +\d+){8} +\d+ +(\d+)", re.MULTILINE)


def run(seconds: float) -> Iterator[tuple[object, ...]]:
    """Yield rows of HEADER for a daemon that hears speech for a while, and nobody connected."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "loop").write_bytes(sentence(PAUSE_SECONDS, NOISE).tobytes())
        player = (sys.executable, "-I", "-S", str(ROOT / "bench/player.py"))
        sound = (str(folder / "loop"), str(RATE), str(BLOCK_SECONDS))
        words = (*player, *sound, str(folder / "begin"))
        trace, counters = folder / "trace", folder / "counters"
        script = "; ".join(
            (
                "ip link set lo up",
                f"strace -f -qq -e trace=network -o {trace} " + '"$@"',
                f"cat /proc/net/dev > {counters}",
            )
        )
        daemon = Running(
            folder,
            *("--source", "cmd:" + shlex.join(words)),
            server=True,
            wrap=("unshare", "--net", "sh", "-c", script, "sh"),
        )
        try:
            daemon.wait_for("READY=1")
            time.sleep(seconds)
            subprocess.run(["pkill", "-TERM", "-P", _strace(daemon.process.pid)], check=True)
            daemon.process.wait(30)
        finally:
            daemon.close()
        calls = trace.read_text(errors="replace").splitlines()
        yield "seconds watched", f"{seconds:g}"
        yield "network calls of any kind", len(calls)
        yield "of those, sent or connected over IP", sum(bool(_SENDING.search(c)) for c in calls)
        yield "packets, loopback included", _SENT.findall(counters.read_text())[0]


def _strace(parent: int) -> str:
    found = subprocess.run(
        ["pgrep", "-P", str(parent), "strace"], capture_output=True, text=True, check=True
    )
    return found.stdout.split()[0]
