"""Any program that records: what it delivers, and what becomes of it when it fails or is closed."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stt_service.audio.pipe import RawFormat
from stt_service.audio.recorder import Recorder
from stt_service.errors import AudioError, DeviceBusyError, DeviceLostError

RATE = 16_000
RAW = RawFormat(RATE)

pytestmark = pytest.mark.timeout(60)


def python(code: str) -> list[str]:
    """A recorder of our own."""
    return [sys.executable, "-u", "-c", f"import sys, time, os, subprocess\n{code}"]


def run(command: list[str]) -> None:
    with Recorder(command, RAW, rate=RATE) as source:
        list(source.blocks())


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_what_it_records_is_delivered(tmp_path: Path) -> None:
    """A WAV header says what it is, whatever was declared."""
    file = tmp_path / "a.wav"
    said = np.arange(5000, dtype=np.int16)
    soundfile.write(file, said, 44_100)
    with Recorder(["cat", str(file)], RAW, rate=RATE) as source:
        assert (source.format.rate, source.format.channels, source.live) == (44_100, 1, True)
        assert np.concatenate(list(source.blocks()))[:, 0].tolist() == said.tolist()


def test_raw_audio_must_be_declared() -> None:
    """Nothing is guessed."""
    command = python("sys.stdout.buffer.write(bytes(4000))")
    with pytest.raises(AudioError, match="no WAV header"):
        Recorder(command, rate=RATE)
    with Recorder(command, RAW, rate=RATE) as source:
        assert sum(map(len, source.blocks())) == 2000


def test_a_missing_program_is_named() -> None:
    """With how to get one."""
    with pytest.raises(AudioError, match=r"no-such-recorder.*cannot be started.*alsa-utils"):
        Recorder(["no-such-recorder", "-r"], RAW, rate=RATE)


def test_its_last_words_are_in_the_error() -> None:
    """The last few of however many, before the first sample and after."""
    complain = "[print('line', i, file=sys.stderr) for i in range(100_000)]; sys.exit(3)"
    with pytest.raises(DeviceLostError, match=r"says: line 99995 / .* / line 99999"):
        run(python(complain))
    late = f"sys.stdout.buffer.write(bytes(4000)); {complain}"
    with pytest.raises(DeviceLostError, match=r"status 3; it says: line 99995"):
        run(python(late))


def test_a_busy_device_is_told_apart() -> None:
    """By what arecord says."""
    busy = "print('arecord: main:831: audio open error: Device or resource busy', file=sys.stderr)"
    with pytest.raises(DeviceBusyError, match="is in use by"):
        run(python(f"{busy}; sys.exit(1)"))


def test_a_recorder_that_hangs_is_lost() -> None:
    """It delivers something, and then nothing any more."""
    hang = "sys.stdout.buffer.write(bytes(4000)); sys.stdout.flush(); time.sleep(60)"
    with (
        Recorder(python(hang), RAW, rate=RATE, lost_after=1.0) as source,
        pytest.raises(DeviceLostError, match="has delivered nothing for 1 seconds"),
    ):
        list(source.blocks())


def test_closing_ends_the_whole_group() -> None:
    """Also what the recorder has started itself, and one that ignores being asked."""
    stubborn = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
        " stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "pids = f'{os.getpid():08}{child.pid:08}'.encode()\n"
        "while True: sys.stdout.buffer.write(pids); sys.stdout.flush(); time.sleep(0.05)"
    )
    source = Recorder(python(stubborn), RawFormat(8000, 1, "u8"), rate=RATE)
    first = next(source.blocks())
    digits = ((first[:16, 0].astype(int) // 256) + 128).astype(np.uint8).tobytes()
    pids = [int(digits[:8]), int(digits[8:])]
    assert all(running(pid) for pid in pids)
    source.close()
    deadline = time.monotonic() + 10
    while any(running(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_closing_from_another_thread_ends_the_audio() -> None:
    """Without an error: it was meant."""
    endless = "while True: sys.stdout.buffer.write(bytes(320)); sys.stdout.flush(); time.sleep(.01)"
    source = Recorder(python(endless), RAW, rate=RATE)
    ended: list[int] = []
    thread = threading.Thread(
        target=lambda: ended.append(sum(map(len, source.blocks()))), daemon=True
    )
    thread.start()
    time.sleep(0.2)
    before = descriptors()
    source.close()
    source.close()
    thread.join(10)
    assert len(ended) == 1
    assert descriptors() < before
