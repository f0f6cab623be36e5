"""Sound in memory, where no memory may be both written and executed: as the unit has it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stt_service.memory_file import memory_file

SCRIPT = """
import ctypes, io, sys
import numpy as np
import soundfile
from stt_service.audio.spool import open_pipe
from stt_service.memory_file import memory_file
from stt_service.store.sound import encode

SET_MDWE, REFUSE_EXEC_GAIN = 65, 1  # prctl(2), since Linux 6.3; the same as systemd's filter
if ctypes.CDLL(None, use_errno=True).prctl(SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0):
    print("unknown")
    sys.exit()
tone = (8000 * np.sin(np.arange(16000) / 20)).astype(np.int16)
flac = encode(tone, 16000)
with open_pipe(io.BytesIO(flac)) as source:
    heard = np.concatenate(list(source.blocks()))[:, 0]
print(np.array_equal(heard, tone))
"""


def test_sound_is_read_and_written_without_executable_memory() -> None:
    """The store saves FLAC, and FLAC from memory is read, shut in as the service is."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=Path(__file__).parents[1],
    )
    if done.stdout.strip() == "unknown":
        pytest.skip("needs Linux 6.3")
    assert done.stdout.strip() == "True", done.stderr


def test_the_descriptor_reads_from_the_beginning() -> None:
    """What was put in is there for whoever reads by the descriptor."""
    with memory_file(b"sound") as opened:
        assert Path(f"/proc/self/fd/{opened.fileno()}").read_bytes() == b"sound"
        assert opened.read() == b"sound"
