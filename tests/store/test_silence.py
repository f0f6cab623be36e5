"""No consent, no sound: the daemon under strace, and a search of the whole disk after it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from bench.silence import Sought, holds, judge, prove

TRACED = shutil.which("strace") is not None and (
    subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], check=False).returncode == 0
)
needs_strace = pytest.mark.skipif(not TRACED, reason="strace cannot trace here: apt install strace")
SECONDS = 60.0
"""Of speech; `python -m bench silence --hours 24` takes a day's, and searches the whole disk."""
PLACES = tuple(map(Path, ("/var/tmp", "/dev/shm", "/run")))
"""Where programs put what they mean to remove; /tmp is the daemon's own folder meanwhile."""


@pytest.mark.slow
@needs_strace
def test_without_a_consent_no_sound_is_written_and_nothing_sent() -> None:
    """Not by the microphone's way, nor by a form of more than a megabyte."""
    found = prove(SECONDS, places=PLACES)
    assert found.finals > 5
    assert found.clean, found


@pytest.mark.slow
@needs_strace
def test_with_a_consent_the_proof_notices() -> None:
    """Else it would prove nothing."""
    found = prove(SECONDS, consent=True, places=())
    assert not found.clean
    assert any(name.endswith(".flac") for name in found.sound)


def test_writes_and_connections_are_told_apart() -> None:
    """Pipes, sockets and our own log are no files; this machine is no other machine."""
    trace = (
        'write(1<pipe:[77]>, "hello", 5) = 5',
        '123 pwrite64(7</home/x/store.db>, "abc"..., 4096, 0) = 4096',
        'write(9</home/x/store.db>, "abc", 4) = -1 ENOSPC (No space left on device)',
        'write(2</home/x/errors0>, "log", 3) = 3',
        'sendto(5<UNIX:[1]>, "READY=1", 7, 0, NULL, 0) = 7',
        'connect(4, {sa_family=AF_INET, sin_addr=inet_addr("127.0.0.1")}, 16) = 0',
        'connect(4, {sa_family=AF_INET, sin_addr=inet_addr("9.9.9.9")}, 16) = 0',
        "write(3</tmp/half",
    )
    assert judge(trace) == ({"/home/x/store.db": 4096}, ("9.9.9.9",))


def test_sound_is_found_as_it_is_and_packed(tmp_path: Path) -> None:
    """In any file, and in none that has other sound."""
    samples = np.random.default_rng(1).integers(-9000, 9000, 4000).astype(np.int16)
    sought = Sought(samples[1000:1032][None])
    (tmp_path / "raw").write_bytes(b"x" + samples.tobytes())
    soundfile.write(tmp_path / "a.flac", samples, 16_000)
    soundfile.write(tmp_path / "b.flac", samples[::-1], 16_000)
    found = [holds(tmp_path / name, sought) for name in ("raw", "a.flac", "b.flac", "none")]
    assert found == [True, True, False, False]


@given(st.integers(0, 300), st.integers(0, 40), st.integers(0, 100))
def test_sound_is_found_wherever_it_lies(before: int, which: int, after: int) -> None:
    """At any byte, over the borders of blocks too; and cut short it is none."""
    samples = np.random.default_rng(2).integers(-9000, 9000, 4000).astype(np.int16)
    windows = np.stack([samples[at : at + 32] for at in range(0, 32 * 41, 32)])
    raw = bytes(before) + windows[which].tobytes() + bytes(after)
    sought = Sought(windows)
    for size in (8, 64, 104, 4096):
        blocks = [raw[at : at + size] for at in range(0, len(raw), size)]
        assert sought.within(blocks)
        cut = raw[: before + 63]
        assert not sought.within([cut[at : at + size] for at in range(0, len(cut), size)])
