"""Reading a descriptor with a time-out, until somebody says stop."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from stt_service.audio.descriptor import DescriptorReader
from stt_service.errors import DeviceLostError


def test_what_is_there_is_read_at_once() -> None:
    """Not more than asked for, and nothing at the end."""
    out, into = os.pipe()
    with DescriptorReader(out, name="pipe") as reader:
        os.write(into, b"abcdef")
        assert (reader.read(4), reader.read(4)) == (b"abcd", b"ef")
        os.close(into)
        assert reader.read(4) == b""


def test_nothing_in_time_counts_as_lost() -> None:
    """And says who it was."""
    out, into = os.pipe()
    with (
        DescriptorReader(out, name="the recorder", timeout=0.05) as reader,
        pytest.raises(DeviceLostError, match=r"the recorder has delivered nothing for 0\.05"),
    ):
        reader.read(4)
    os.close(into)


def test_what_cannot_be_read_is_lost(tmp_path: Path) -> None:
    """A folder, say, or a terminal that has hung up."""
    with (
        DescriptorReader(os.open(tmp_path, os.O_RDONLY), name="the folder") as reader,
        pytest.raises(DeviceLostError, match="the folder cannot be read: Is a directory"),
    ):
        reader.read(4)


def test_closing_wakes_the_reader() -> None:
    """From another thread, though nothing ever came."""
    out, into = os.pipe()
    reader = DescriptorReader(out, name="pipe")
    got: list[bytes] = []
    thread = threading.Thread(target=lambda: got.append(reader.read(4)), daemon=True)
    thread.start()
    reader.close()
    reader.close()
    thread.join(10)
    assert got == [b""]
    assert reader.read(4) == b""
    os.close(into)
