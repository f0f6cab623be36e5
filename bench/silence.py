"""Proof that no sound is written where nobody agreed: the daemon under strace, then the disk.

    hours of speech ──► `stt-service run` under strace ──► every write, every connection judged
                                                      └──► every changed file searched for sound

The recording is speech of the bundled demos over and over, each time louder or softer; a client
has some of it recognised over HTTP too. Not a byte of it may reach a file, nor a packet another
machine.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import numpy as np
import soundfile
from numpy.typing import NDArray

from tests.running import RATE, ROOT, Running

PAUSE = 1.0
"""Seconds between sentences."""
CALLS = "open,openat,creat,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,connect,rename,"
CALLS += "renameat,renameat2,link,linkat,memfd_create,sendfile,copy_file_range,splice,msync,"
CALLS += "process_vm_writev"
WRITTEN_BYTES = 4096
"""That the daemon may write into files of its own: locks, whether it is muted."""
MADE_UP = ("proc", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2", "debugfs", "tracefs")
"""File systems that the kernel makes up as it is asked, wherever they are mounted: some of their
files have no end."""
NO_FILES = ("/dev/", "/proc/", "/memfd:")
"""What has a path and is no file: the last is memory that only its process has."""
WINDOW = 32
"""Samples in a row that are looked for: 2 ms, which no other file has by chance."""
WINDOWS = 400
WORD = 8
"""Bytes that are compared at once."""
BLOCK = 8 << 20
"""Bytes of a file that are in memory at once: others' may be larger than what is left of it."""
CONTROL_SECONDS = 600.0
"""Of speech with a consent: the proof has to notice that."""
PATIENCE = 60.0
UPLOAD_SECONDS = 40.0
"""Of sound in what is sent: more than a megabyte, at which libraries use files."""
HEADER = (
    "consent",
    "speech h",
    "finals",
    "files written",
    "bytes",
    "other machines",
    "sound found",
)

_LINE = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)")
_FILE = re.compile(r"^(?![12]<)\d+<(/[^>]*)>")
"""But for standard output and standard error, wherever they lead: words, of ours and LiteRT's."""
_ADDRESS = re.compile(r'sin6?_addr=.*?"([^"]*)"')


@dataclass(frozen=True)
class Found:
    """What the daemon did."""

    seconds: float
    """Of audio."""
    finals: int
    written: dict[str, int]
    """Files, and the bytes that were written into each."""
    elsewhere: tuple[str, ...]
    """Addresses of other machines."""
    sound: tuple[str, ...]
    """Changed files in which sound was found."""

    @property
    def clean(self) -> bool:
        """Whether nothing that was said has been written or sent."""
        return sum(self.written.values()) <= WRITTEN_BYTES and not self.elsewhere + self.sound


def speech(path: Path, seconds: float) -> NDArray[np.int16]:
    """Write a recording of so many seconds; return what of it is looked for."""
    random = np.random.default_rng(1)
    demos = [soundfile.read(one, dtype="int16")[0] for one in sorted(ROOT.glob("models/*.flac"))]
    windows = []
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        turn = 0
        while file.tell() < seconds * RATE:
            demo = demos[turn % len(demos)]
            louder = (demo * random.uniform(0.4, 1.0)).astype(np.int16)
            file.write(np.concatenate((louder, np.zeros(round(PAUSE * RATE), np.int16))))
            loudest = int(np.abs(louder).argmax())
            begin = max(0, min(len(louder) - WINDOW, loudest - WINDOW // 2))
            windows.append(louder[begin : begin + WINDOW])
            turn += 1
    step = max(1, len(windows) // WINDOWS)
    return np.stack(windows[::step])


def prove(seconds: float, *, consent: bool = False, places: Iterable[Path] = (Path("/"),)) -> Found:
    """Run the daemon on so much speech under strace; return what it did.

    Sound is looked for in ``places``, and where the daemon has its own. With ``consent`` it is
    given first: then the proof must fail, else it proves nothing.
    """
    strace = shutil.which("strace")
    assert strace is not None, "apt install strace"
    with TemporaryDirectory(prefix="silence") as name:
        folder = Path(name)
        recording, trace, home = folder / "speech.wav", folder / "trace", folder / "home"
        windows = speech(recording, seconds)
        home.mkdir()
        if consent:
            give = [sys.executable, "-m", "stt_service", "consent", "give", "--yes", "--state-dir"]
            give.append(str(home / "state"))
            subprocess.run(give, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        begin = time.time()
        finals = _listen(recording, home, (strace, "-f", "-qq", "-y", "-o", str(trace)))
        with trace.open(errors="replace") as lines:
            written, elsewhere = judge(lines)
        everywhere = _changed((home, *places), begin)
        changed = (path for path in everywhere if path not in (trace, recording))
        sought = Sought(windows)
        sound = tuple({str(path) for path in changed if holds(path, sought)})
        return Found(seconds, finals, written, elsewhere, sound)


def _listen(recording: Path, home: Path, strace: tuple[str, ...]) -> int:
    """Have some of it recognised over HTTP, then all of it from the source; return the finals."""
    strace = (*strace, "-A", "-e", f"trace={CALLS}")
    environ = {"TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    once = ("--once", "--fast", "--print", "--source")
    daemon = Running(home, *once, "stdin", server=True, wrap=strace, **environ)
    try:
        samples, _ = soundfile.read(recording, frames=round(UPLOAD_SECONDS * RATE), dtype="int16")
        body = io.BytesIO()
        soundfile.write(body, samples, RATE, format="WAV", subtype="PCM_16")
        files = {"audio": ("speech.wav", body.getvalue(), "audio/wav")}
        daemon.wait_for("READY=1")
        answer = httpx.post(f"{daemon.url}/v1/transcribe", files=files, timeout=PATIENCE * 10)
        assert answer.status_code == 200, answer.text
        daemon.say(np.zeros(RATE, np.int16))  # a source without any is a failure
        assert daemon.end()[0] == 0, daemon.log
    finally:
        daemon.close()
    daemon = Running(home, *once, f"wav:{recording}", wrap=strace, **environ)
    try:
        assert daemon.process.stdout is not None, "it was asked for"
        finals = sum(1 for _ in daemon.process.stdout)
        assert daemon.process.wait(PATIENCE) == 0, daemon.log
        return finals
    finally:
        daemon.close()


def judge(lines: Iterable[str]) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return the files that strace's lines write to, with the bytes, and other machines."""
    written: Counter[str] = Counter()
    elsewhere: set[str] = set()
    for line in lines:
        if (found := _LINE.match(line)) is None:
            continue
        call, arguments, result = found[1], found[2], int(found[3])
        if call == "connect":
            address = _ADDRESS.search(arguments)
            if address is not None and not ip_address(address[1]).is_loopback:
                elsewhere.add(address[1])
        elif call.startswith(("write", "pwrite")) and result > 0:
            file = _FILE.match(arguments)
            if file is not None and not file[1].startswith(NO_FILES):
                written[file[1]] += result
        elif call in ("sendfile", "copy_file_range", "splice") and result >= 0:
            written[f"{call}({arguments[:60]})"] += max(result, WRITTEN_BYTES + 1)
    return dict(written), tuple(sorted(elsewhere))


def _changed(places: Iterable[Path], since: float) -> Iterator[Path]:
    """Yield all files in these places that have changed, but for what the kernel makes up."""
    left, made_up = list(places), _made_up()
    while left:
        try:
            found = list(os.scandir(left.pop()))
        except OSError:
            continue  # gone since, or nobody's
        for one in found:
            try:
                if one.is_dir(follow_symlinks=False):
                    if one.path not in made_up:
                        left.append(Path(one.path))
                elif one.is_file(follow_symlinks=False) and one.stat().st_mtime >= since:
                    yield Path(one.path)
            except OSError:
                continue


def _made_up() -> set[str]:
    """Return where file systems are mounted that hold no files of anybody's."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    mounts = (line.split()[1:3] for line in lines)
    return {place for place, kind in mounts if kind in MADE_UP}


class Sought:
    """Pieces of sound that are looked for. A look costs the same however many there are."""

    def __init__(self, windows: NDArray[np.int16]) -> None:
        self._windows = {window.tobytes() for window in windows}
        self._bytes = windows.shape[1] * windows.itemsize
        # Wherever one begins, the first whole word of a file within it is one of these eight.
        shifted = [one[at : at + WORD] for one in self._windows for at in range(WORD)]
        self._words = np.unique(np.frombuffer(b"".join(shifted), np.uint64))

    def in_block(self, block: bytes) -> bool:
        """Return whether any of them lies in so many bytes."""
        words = np.frombuffer(block, np.uint64, len(block) // WORD)
        places = np.searchsorted(self._words, words)
        same = self._words[np.minimum(places, len(self._words) - 1)] == words
        for place in np.flatnonzero(same):
            begin = max(0, int(place) * WORD - WORD + 1)
            near = block[begin : begin + WORD + self._bytes]
            if any(window in near for window in self._windows):
                return True
        return False

    def within(self, blocks: Iterable[bytes]) -> bool:
        """Return whether any of them lies in what comes block by block."""
        before = b""
        for block in blocks:
            if self.in_block(before + block):
                return True
            before = (before + block)[-self._bytes :]
        return False


def holds(path: Path, sought: Sought) -> bool:
    """Return whether a file holds any of what is sought, as it is or as a sound file."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
            file.seek(0)
            if sought.within(iter(lambda: file.read(BLOCK), b"")):
                return True
        if head not in (b"fLaC", b"OggS", b"RIFF"):
            return False
        with soundfile.SoundFile(path) as sound:
            blocks = sound.blocks(BLOCK // 2, dtype="int16")
            return sought.within(np.asarray(one).tobytes() for one in blocks)
    except (OSError, soundfile.LibsndfileError):
        return False  # gone since, or no sound


def run(hours: float) -> list[tuple[object, ...]]:
    """Return a row without consent, and one with it."""
    rows = []
    for consent in (False, True):
        found = prove(hours * 3600 if not consent else CONTROL_SECONDS, consent=consent)
        rows.append(
            (
                "given" if consent else "none",
                f"{found.seconds / 3600:.2f}",
                found.finals,
                len(found.written),
                sum(found.written.values()),
                ", ".join(found.elsewhere) or "none",
                len(found.sound),
            )
        )
    return rows
