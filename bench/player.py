"""Stands for a microphone: says one recording again and again, in real time, to standard output.

    python player.py RAW RATE BLOCK BEGIN [ORDER]

RAW holds mono samples of 16 bits. BLOCK is how many seconds of them come at once, when the last of
them would. BEGIN is written when it begins: the time of the first sample on the monotonic clock.
ORDER is a file that tells it what to do wrong. Nothing but the standard library, so that it starts
as quickly as a recorder does.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

HANG_SECONDS = 7.0
ZERO_SECONDS = 3.0
FLOOD_SECONDS = 36.0


def order(path: Path | None) -> str:
    """Return what is to be done wrong now, and forget it."""
    if path is None or not path.exists():
        return ""
    what = path.read_text()
    path.unlink()
    return what


def play(loop: bytes, rate: int, seconds: float, path: Path | None, begun: Path) -> None:
    """Say ``seconds`` at a time. Never returns, unless told to vanish."""
    out = sys.stdout.buffer
    size = 2 * int(seconds * rate)
    at = given = 0
    begin = time.monotonic()
    begun.write_text(repr(begin))
    while (what := order(path)) != "vanish":
        if what == "hang":
            time.sleep(HANG_SECONDS)
        wanted = {"flood": FLOOD_SECONDS, "zeros": ZERO_SECONDS}.get(what)
        long = size if wanted is None else 2 * int(wanted * rate)
        block = (loop[at:] + loop * (long // len(loop) + 1))[:long]
        at = (at + long) % len(loop)
        given += long
        if what == "flood":
            begin -= FLOOD_SECONDS  # all of it is there at once
        else:
            time.sleep(max(0.0, begin + given / 2 / rate - time.monotonic()))
        out.write(bytes(long) if what == "zeros" else block)
        out.flush()


if __name__ == "__main__":
    raw, hertz, block_seconds, begin_file, *orders = sys.argv[1:]
    order_file = Path(orders[0]) if orders else None
    sound = Path(raw).read_bytes()
    play(sound, int(hertz), float(block_seconds), order_file, Path(begin_file))
