"""A daemon that is wronged at random, and the seconds after which it listens again.

    player (stands for the microphone) ──► `stt-service run` ──► WebSocket ──► levels, finals

The player says one sentence again and again in real time, and does what it is told: vanish, hang,
deliver zeros, deliver too much. The daemon is stopped, reloaded and killed, its disk is filled, its
clock set. It listens again when it tells the level of a sound that was made after the fault, and
hears again when it has heard a whole sentence that was begun after it.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import random
import shlex
import signal
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from bench.player import FLOOD_SECONDS, HANG_SECONDS, ZERO_SECONDS
from stt_service.audio.microphone import BLOCK_SECONDS
from tests.ports import free_port
from tests.running import RATE, ROOT, TEXT, Running, sentence

PAUSE_SECONDS = 0.5
"""Before and after each sentence."""
NOISE = 3
"""Loudest sample of the pause: nothing but zeros would be a fault of the microphone's."""
SILENCE_DB = -99.0
"""Levels below are the zeros of a fault."""
UNDER_WAY_SECONDS = 0.5
"""In which a level may come that was measured before the fault."""
PATIENCE = 90.0
"""Seconds after which a daemon that has not been heard of counts as hung."""
RETRY_SECONDS = 0.05
"""Between attempts of the watcher to connect."""
DISK_BYTES = 8 << 20
"""Of the disk that is filled."""
FULL_SECONDS = 2.0
FAKE_CLOCK = "usr/lib/*/faketime/libfaketimeMT.so.1"
"""Sets one program's clock: Debian's libfaketime, or what STT_FAKETIME names."""

HEADER = (
    "fault",
    "times",
    "listens again after s: median",
    "worst",
    "sentence heard whole began after s: median",
    "worst",
    "hung",
)


@dataclass
class _Fault:
    wrong: Callable[[_Stage], None]
    lasts: float = 0.0
    """Seconds beyond the doing."""
    listens: list[float] = field(default_factory=list)
    hears: list[float] = field(default_factory=list)
    hung: int = 0


class _Stage:
    """One daemon after another in one folder, and somebody who watches them."""

    def __init__(self, folder: Path) -> None:
        self.order = folder / "order"
        self.clock = folder / "clock"
        self.state = folder / "state"
        self._folder = folder
        self.clock.write_text("+0")
        loop = sentence(PAUSE_SECONDS, NOISE)
        self.spoken = (len(loop) / RATE) - PAUSE_SECONDS
        """Seconds from the begin of a sentence to its final, about."""
        (folder / "loop").write_bytes(loop.tobytes())
        self.port = free_port()
        self.came: queue.SimpleQueue[tuple[float, str]] = queue.SimpleQueue()
        """When something came, on the monotonic clock, and which: ``level`` or ``final``."""
        self.done = threading.Event()
        self.start()
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def start(self) -> None:
        loop, begin, order = (str(self._folder / name) for name in ("loop", "begin", "order"))
        python = ("env", "-u", "LD_PRELOAD", sys.executable, "-I", "-S")
        sound = (loop, str(RATE), str(BLOCK_SECONDS))
        player = (*python, str(ROOT / "bench/player.py"), *sound, begin, order)
        environ = {}
        if (library := fake_clock()) is not None:
            environ = {
                "LD_PRELOAD": library,
                "FAKETIME_TIMESTAMP_FILE": str(self.clock),
                "FAKETIME_CACHE_DURATION": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
        self.daemon = Running(
            self._folder,
            *("--source", f"cmd:{shlex.join(player)}", "--port", str(self.port)),
            server=True,
            **environ,
        )

    def _watch(self) -> None:
        while not self.done.is_set():
            with contextlib.suppress(OSError, WebSocketException, TimeoutError):
                address = self.url + "/v1/transcripts?kinds=level,final"
                with connect(address, open_timeout=2, ping_interval=None) as client:
                    for text in client:
                        self._note(json.loads(text))
            time.sleep(RETRY_SECONDS)

    def _note(self, message: dict[str, object]) -> None:
        now = time.monotonic()
        if message["type"] == "level" and float(str(message["rms_db"])) > SILENCE_DB:
            self.came.put((now, "level"))
        elif message["type"] == "final" and message["text"] == TEXT:
            self.came.put((now, "final"))

    def next(self, kind: str, after: float) -> float:
        """Return when the next one came. Raises :exc:`queue.Empty` when none does."""
        deadline = time.monotonic() + PATIENCE
        while True:
            when, what = self.came.get(timeout=max(0.01, deadline - time.monotonic()))
            if what == kind and when >= after:
                return when

    def tell_player(self, what: str) -> None:
        """Have the player do something wrong; it looks before each block."""
        temporary = self.order.with_suffix(".new")
        temporary.write_text(what)
        temporary.replace(self.order)

    def again(self, number: int) -> None:
        """End the daemon with a signal and start another."""
        self.daemon.process.send_signal(number)
        self.daemon.process.wait()
        self.daemon.close()
        self.start()

    def resident(self) -> float:
        """Return the daemon's memory in megabytes."""
        with contextlib.suppress(OSError):
            pages = Path(f"/proc/{self.daemon.process.pid}/statm").read_text().split()[1]
            return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6
        return 0.0


def fake_clock() -> str | None:
    """Return the library that sets a program's clock, None where there is none."""
    found = sorted(map(str, Path("/").glob(FAKE_CLOCK)))
    return os.environ.get("STT_FAKETIME", found[0] if found else None)


def _stop(stage: _Stage) -> None:
    stage.daemon.process.send_signal(signal.SIGSTOP)
    time.sleep(5)
    stage.daemon.process.send_signal(signal.SIGCONT)


def _clients_killed(stage: _Stage) -> None:
    """Die in the middle of their audio, without a word."""
    dying = []
    for number in range(4):
        client = connect(stage.url + "/v1/recognize", open_timeout=30, ping_interval=None)
        client.send(json.dumps({"type": "start", "rate": RATE}))
        client.send(bytes(3200 * number))
        dying.append(client)
    for client in dying:
        linger = struct.pack("ii", 1, 0)  # a reset instead of an end
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        client.socket.shutdown(socket.SHUT_RDWR)
        client.socket.close()


def _disk_full(stage: _Stage) -> None:
    filler = stage.state / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with connect(stage.url + "/v1/transcripts?kinds=", open_timeout=30) as client:
        for command in ("mute", "unmute"):  # what it would remember
            client.send(json.dumps({"type": command, "reason": "full"}))
            time.sleep(FULL_SECONDS / 2)
    filler.unlink()


def _clock_jump(stage: _Stage) -> None:
    stage.clock.write_text(random.choice(("+86400", "-86400", "+3600", "+0")))
    time.sleep(1.2)  # until it has noticed


def _faults() -> dict[str, _Fault]:
    found = {
        "microphone gone": _Fault(lambda stage: stage.tell_player("vanish")),
        f"microphone hangs {HANG_SECONDS:.0f} s": _Fault(
            lambda stage: stage.tell_player("hang"), HANG_SECONDS
        ),
        f"zeros for {ZERO_SECONDS:.0f} s": _Fault(
            lambda stage: stage.tell_player("zeros"), ZERO_SECONDS
        ),
        f"{FLOOD_SECONDS:.0f} s of audio at once": _Fault(lambda stage: stage.tell_player("flood")),
        "4 clients killed": _Fault(_clients_killed),
        "disk full": _Fault(_disk_full),
        "clock set by up to a day": _Fault(_clock_jump),
        "SIGSTOP for 5 s": _Fault(_stop),
        "SIGHUP": _Fault(lambda stage: stage.daemon.process.send_signal(signal.SIGHUP)),
        "kill -9 and restart": _Fault(lambda stage: stage.again(signal.SIGKILL)),
        "SIGTERM and restart": _Fault(lambda stage: stage.again(signal.SIGTERM)),
    }
    if os.getuid() != 0:
        del found["disk full"]  # only root may have a disk of its own
    if fake_clock() is None:
        del found["clock set by up to a day"]
    return found


@contextlib.contextmanager
def _small_disk(place: Path) -> Iterator[None]:
    place.mkdir()
    if os.getuid() != 0:
        yield
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "x", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def run(count: int, seed: int) -> list[tuple[object, ...]]:
    """Return rows as HEADER names them."""
    draw = random.Random(seed)
    faults = _faults()
    with TemporaryDirectory() as place, _small_disk(Path(place) / "state"):
        stage = _Stage(Path(place))
        try:
            stage.next("final", 0)
            before, loads = stage.resident(), [os.getloadavg()[0]]
            for _ in range(count):
                _wrong(stage, faults[draw.choice(list(faults))], draw.random() * 2)
                loads.append(os.getloadavg()[0])
            after = stage.resident()
        finally:
            stage.done.set()
            stage.daemon.close()
    rows: list[tuple[object, ...]] = [
        (name, len(one.listens), *_figures(one.listens), *_figures(one.hears), one.hung)
        for name, one in faults.items()
        if one.listens
    ]
    return [
        *rows,
        ("memory, MB before and after", "", f"{before:.0f}", f"{after:.0f}", "", "", ""),
        ("load of the machine, median", "", f"{statistics.median(loads):.1f}", "", "", "", ""),
    ]


def _wrong(stage: _Stage, fault: _Fault, wait: float) -> None:
    time.sleep(wait)
    fault.wrong(stage)
    over = time.monotonic() + fault.lasts
    # A fault that is over late is not over before; else the last gasp may be under way.
    begin = over if fault.lasts else over + UNDER_WAY_SECONDS
    try:
        fault.listens.append(max(0.0, stage.next("level", begin) - begin))
        heard = stage.next("final", over)
        fault.hears.append(max(0.0, heard - stage.spoken - over))
    except queue.Empty:
        fault.hung += 1
        print("hung; its log ends:", stage.daemon.log[-2000:], file=sys.stderr)
        stage.again(signal.SIGKILL)
        stage.next("final", 0)


def _figures(times: list[float]) -> tuple[str, str]:
    return f"{statistics.median(times or [0]):.1f}", f"{max(times, default=0):.1f}"
