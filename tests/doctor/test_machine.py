"""Processor, memory and disk, from files like the kernel's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stt_service.doctor.machine import (
    Disk,
    Memory,
    Processor,
    judge_disk,
    judge_memory,
    judge_processor,
    read_disk,
    read_memory,
    read_processor,
)

PI_4 = """processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU part\t: 0xd08

Hardware\t: BCM2835
Revision\t: c03112
Serial\t\t: 10000000abcdef01
Model\t\t: Raspberry Pi 4 Model B Rev 1.2
"""
MEMINFO = """MemTotal:         948304 kB
MemFree:           52012 kB
MemAvailable:     612345 kB
SwapTotal:        102396 kB
SwapFree:          51196 kB
HugePages_Total:       0
"""


def proc(root: Path, **files: str) -> Path:
    (root / "proc").mkdir()
    for name, text in files.items():
        (root / "proc" / name).write_text(text, encoding="utf-8")
    return root


def test_the_kernel_tells_of_the_processor(tmp_path: Path) -> None:
    """Features, cores and load."""
    found = read_processor(proc(tmp_path, cpuinfo=PI_4, loadavg="1.25 0.5 0.1 2/300 4711\n"))
    assert "asimd" in found.features
    assert "10000000abcdef01" not in str(found)
    assert found.load == 1.25
    assert found.cores == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("load", ["", "nonsense", "1 2 3"])
def test_a_kernel_that_tells_little_is_no_fault(tmp_path: Path, load: str) -> None:
    """Containers hide much."""
    found = read_processor(proc(tmp_path, loadavg=load))
    assert (found.features, found.load) == (frozenset(), 0.0)


@pytest.mark.parametrize(
    ("found", "status", "code"),
    [
        (Processor("aarch64", frozenset({"asimd"}), 4, 0.5), "ok", "fine"),
        (Processor("aarch64", frozenset({"asimd", "asimddp"}), 4, 0.5), "ok", "fine"),
        (Processor("x86_64", frozenset({"avx2", "fma"}), 2, 0.5), "ok", "fine"),
        (Processor("x86_64", frozenset(), 2, 0.5), "ok", "fine"),
        (Processor("x86_64", frozenset({"sse2"}), 2, 0.5), "warn", "cpu-slow-kernels"),
        (Processor("aarch64", frozenset({"asimd"}), 4, 6.5), "warn", "cpu-busy"),
        (Processor("armv7l", frozenset({"neon"}), 4, 0.5), "fail", "cpu-without-build"),
        (Processor("armv6l", frozenset(), 1, 0.5), "fail", "cpu-without-build"),
    ],
)
def test_processors(found: Processor, status: str, code: str) -> None:
    """What has no build, lacks kernels, or is busy."""
    finding = judge_processor(found)
    assert (finding.status, finding.code) == (status, code)
    assert bool(finding.remedy) == (status != "ok")


def test_the_kernel_tells_of_memory(tmp_path: Path) -> None:
    """In MiB."""
    assert read_memory(proc(tmp_path, meminfo=MEMINFO)) == Memory(926, 597, 50)


def test_memory_that_is_not_told_is_no_fault(tmp_path: Path) -> None:
    """As on a kernel of 2013, or none."""
    assert read_memory(tmp_path) is None
    assert judge_memory(None, running=False).status == "ok"


@pytest.mark.parametrize(
    ("available", "running", "status"),
    [(400, False, "ok"), (149, False, "warn"), (149, True, "ok"), (59, True, "fail")],
)
def test_memory(available: int, running: bool, status: str) -> None:
    """A daemon that runs has its share already."""
    assert judge_memory(Memory(906, available, 0), running=running).status == status


def test_the_disk_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    """Is that of the nearest one above; and it is not made."""
    found = read_disk(tmp_path / "not" / "yet")
    assert found.place == tmp_path
    assert found.free > 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("free", "read_only", "inodes", "status", "code"),
    [
        (5000, False, True, "ok", "fine"),
        (200, False, True, "warn", "disk-low"),
        (31, False, True, "fail", "disk-full"),
        (5000, False, False, "fail", "disk-full"),
        (5000, True, True, "fail", "disk-read-only"),
    ],
)
def test_disks(free: int, read_only: bool, inodes: bool, status: str, code: str) -> None:
    """Full, nearly full, out of inodes, or turned read-only by a card that dies."""
    finding = judge_disk(Disk(Path("/x"), free, read_only, inodes), keep_free=256)
    assert (finding.status, finding.code) == (status, code)
    assert bool(finding.remedy) == (status != "ok")
