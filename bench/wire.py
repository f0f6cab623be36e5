"""Rubbish on the wire of a running daemon: frames, requests and audio that are damaged at random.

Nothing may answer 5xx but "busy", nothing may hang, nothing may reach the log as a traceback, and
the daemon must hear as well as before.
"""

from __future__ import annotations

import itertools
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from tests.running import DEMO, TEXT, Running
from tests.wire import Answer, talk

AT_ONCE = 6
"""Conversations: fewer than the clients that are served, so that few are turned away as busy."""
BUSY = 503
LOG_CHARACTERS = 10_000
"""Of the log that are shown, from the first traceback on."""


def run(frames: int, seed: int, advance: Callable[[int], None]) -> list[tuple[object, ...]]:
    """Return rows of what happened and how often. Raises :exc:`SystemExit` where that is wrong."""
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as place:
        daemon = Running(Path(place), "--source", "stdin", server=True)
        try:
            daemon.wait_for("READY=1")
            port = int(daemon.url.rpartition(":")[2])
            heard = [_hears(daemon)]
            before = _resident(daemon)
            seeds = itertools.count(seed)
            with ThreadPoolExecutor(AT_ONCE) as pool:
                while counts["frames"] < frames:
                    some = list(itertools.islice(seeds, 10 * AT_ONCE))
                    for one, answer in zip(
                        some, pool.map(lambda n: talk(port, n), some), strict=True
                    ):
                        _count(counts, one, answer)
                        advance(answer.sent)
                    if daemon.process.poll() is not None:
                        raise SystemExit(f"it has died near seed {some[0]}: {daemon.log[-2000:]}")
            heard.append(_hears(daemon))
            after = _resident(daemon)
            counts["tracebacks in the log"] = daemon.log.count("Traceback")
            if counts["tracebacks in the log"]:
                print(daemon.log[daemon.log.index("Traceback") :][:LOG_CHARACTERS])
        finally:
            daemon.close()
    rows: list[tuple[object, ...]] = list(counts.items())
    rows.append(("heard right before, after", ", ".join("yes" if one else "no" for one in heard)))
    rows.append(("memory, MB before, after", f"{before:.0f}, {after:.0f}"))
    return rows


def _count(counts: Counter[str], seed: int, answer: Answer) -> None:
    counts["frames"] += answer.sent
    counts["conversations"] += 1
    for wrong, what in (
        (answer.hung, "hung"),
        (answer.status >= 500 and answer.status != BUSY, "answered 5xx"),
    ):
        counts[what] += wrong
        if wrong:
            print(f"seed {seed}: {what}: {answer}")


def _hears(daemon: Running) -> bool:
    answer = httpx.post(daemon.url + "/v1/transcribe", content=DEMO.read_bytes(), timeout=60)
    if answer.status_code == 200 and answer.json()["text"] == TEXT:
        return True
    print(f"it does not hear: {answer.status_code} {answer.text[:300]}")
    return False


def _resident(daemon: Running) -> float:
    for line in httpx.get(daemon.url + "/metrics").text.splitlines():
        if line.startswith("stt_resident_memory_bytes "):
            return float(line.split()[1]) / 1e6
    return 0.0
