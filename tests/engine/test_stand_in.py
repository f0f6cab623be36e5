"""LiteRT finds no GPU library: the one it brings kills the process on a Raspberry Pi 3 or 4."""

from __future__ import annotations

import platform
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from stt_service.engine import network as module
from stt_service.engine.network import PackedNetwork, PlainNetwork, open_network
from stt_service.engine.stand_in import MACHINES, NAME, empty_library, gpu_kept_out

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    platform.machine() not in MACHINES, reason="LiteRT has no build for this machine"
)

OPEN = """
import sys
from pathlib import Path
from stt_service.engine.network import open_network
network = open_network(Path(sys.argv[1]), threads=1, fast=True)
maps = Path("/proc/self/maps").read_text()
print(type(network).__name__, sum("libLiteRtWebGpu" in line and "memfd" not in line
                                  for line in maps.splitlines()))
"""


def test_the_gpu_library_is_not_loaded(tiny_model: Path) -> None:
    """Not a page of it, in a process that has opened a model."""
    done = subprocess.run(
        [sys.executable, "-c", OPEN, str(tiny_model)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout.split() == ["PackedNetwork", "0"]


def test_the_stand_in_is_there_for_good() -> None:
    """Asking again makes no second one."""
    assert gpu_kept_out()
    assert gpu_kept_out()


@pytest.mark.parametrize("machine", MACHINES.values())
def test_the_stand_in_holds_no_code(machine: int) -> None:
    """None of its segments is executable, so that the hardest sandbox maps it."""
    raw = empty_library(NAME, machine)
    assert raw[:4] == b"\x7fELF"
    assert struct.unpack_from("<H", raw, 18) == (machine,)
    flags = [struct.unpack_from("<I", raw, 64 + 56 * number + 4)[0] for number in range(3)]
    assert not any(flag & 1 for flag in flags)
    assert NAME.encode() + b"\0" in raw


def test_without_a_stand_in_weights_are_not_packed(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slower, but alive everywhere."""
    monkeypatch.setattr(module, "gpu_kept_out", lambda: False)
    assert isinstance(open_network(tiny_model, threads=1, fast=True), PlainNetwork)
    monkeypatch.undo()
    assert isinstance(open_network(tiny_model, threads=1, fast=True), PackedNetwork)
