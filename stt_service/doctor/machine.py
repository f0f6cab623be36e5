"""Processor, memory and disk."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from stt_service.doctor.api import Fact, Finding
from stt_service.doctor.reading import existing, read_text

MIB = 1 << 20
MACHINES = ("aarch64", "x86_64")
"""For which there is a recogniser."""
FEATURES = {"x86_64": ("avx2", "fma"), "aarch64": ("asimd",)}
"""Without which the network's kernels are much slower, or none."""
TOLD = ("asimd", "atomics", "asimddp", "asimdhp", "i8mm", "avx2", "fma", "avx512_vnni", "avx_vnni")
"""Told in the facts, whether they are there or not: what kernels can use."""
BUSY = 1.5
"""Processes that want to run for each core, mean of a minute: beyond, audio has to wait."""
NEEDED_MIB = 150
"""Available memory with which the bundled model runs."""
LEAST_MIB = 60
"""Below, the system ends programs."""
FULL_MIB = 32
"""Free, below which not even a mute can be remembered for certain."""

_KIB = re.compile(r"^(\w+):\s+(\d{1,15}) kB", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Processor:
    """What computes."""

    machine: str
    """As the kernel calls it."""
    features: frozenset[str]
    cores: int
    """That we may use."""
    load: float
    """Processes that want to run, mean of the last minute."""


def read_processor(root: Path = Path("/")) -> Processor:
    """Ask the kernel."""
    info = read_text(root / "proc/cpuinfo") or ""
    match = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", info, re.MULTILINE)
    load = (read_text(root / "proc/loadavg") or "").split()
    return Processor(
        machine=platform.machine(),
        features=frozenset(match[1].split() if match else ()),
        cores=len(os.sched_getaffinity(0)),
        load=float(load[0]) if load and re.fullmatch(r"\d+\.\d+", load[0]) else 0.0,
    )


def judge_processor(found: Processor) -> Finding:
    """Say whether it can run the network quickly."""
    facts: dict[str, Fact] = {
        name: name in found.features for name in TOLD if name in found.features
    }
    facts |= {"machine": found.machine, "cores": found.cores, "load": found.load}
    name = f"{found.machine}, {found.cores} {'core' if found.cores == 1 else 'cores'}"
    if found.machine not in MACHINES:
        return Finding(
            "cpu",
            "fail",
            "cpu-without-build",
            f"{found.machine}: there is no recogniser for it",
            "Take a 64-bit system: a Pi 3, 4, 5 or Zero 2 W with 64-bit Raspberry Pi OS, or a PC",
            facts,
        )
    lacking = [one for one in FEATURES[found.machine] if one not in found.features]
    if lacking and found.features:
        return Finding(
            "cpu",
            "warn",
            "cpu-slow-kernels",
            f"{name}, without {', '.join(lacking)}: recognition is several times slower",
            "In a virtual machine, hand the host's processor through (`-cpu host`)",
            facts,
        )
    if found.load > BUSY * found.cores:
        return Finding(
            "cpu",
            "warn",
            "cpu-busy",
            f"{name}, and {found.load:.1f} programs want to run at a time",
            "`top` shows which; audio is lost where the recogniser has to wait",
            facts,
        )
    dot = "; products of bytes in one step" if "asimddp" in found.features else ""
    return Finding("cpu", "ok", "fine", f"{name}, load {found.load:.1f}{dot}", "", facts)


@dataclass(frozen=True, slots=True)
class Memory:
    """In MiB."""

    total: int
    available: int
    """What programs can get without swapping."""
    swap_used: int


def read_memory(root: Path = Path("/")) -> Memory | None:
    """Ask the kernel; None where it does not tell."""
    text = read_text(root / "proc/meminfo") or ""
    kib = {name: int(size) for name, size in _KIB.findall(text)}
    if "MemTotal" not in kib or "MemAvailable" not in kib:
        return None
    swap = kib.get("SwapTotal", 0) - kib.get("SwapFree", 0)
    return Memory(kib["MemTotal"] >> 10, kib["MemAvailable"] >> 10, swap >> 10)


def judge_memory(found: Memory | None, *, running: bool) -> Finding:
    """Say whether there is enough; ``running``: a daemon of ours has its share already."""
    if found is None:
        return Finding("memory", "ok", "not-told", "the kernel does not tell")
    facts = {"total_mib": found.total, "available_mib": found.available}
    facts["swap_used_mib"] = found.swap_used
    text = f"{found.available} of {found.total} MiB available"
    if found.available < LEAST_MIB:
        return Finding(
            "memory",
            "fail",
            "memory-short",
            text,
            "End other programs; `ps aux --sort -rss | head` shows the largest",
            facts,
        )
    if found.available < NEEDED_MIB and not running:
        return Finding(
            "memory",
            "warn",
            "memory-low",
            f"{text}; the bundled model wants {NEEDED_MIB}",
            "End other programs, boot without a desktop, or turn on zram: apt install zram-tools",
            facts,
        )
    return Finding("memory", "ok", "fine", text, "", facts)


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system of the state folder."""

    place: Path
    free: int
    """MiB that we may use."""
    read_only: bool
    inodes: bool
    """Whether another file can be made."""


def read_disk(folder: Path) -> Disk:
    """Ask the file system that a folder is on, or would be. Makes nothing."""
    place = existing(folder.absolute())
    found = os.statvfs(place)
    counts_none = found.f_files == 0  # btrfs and others have as many as they need
    return Disk(
        place,
        found.f_bavail * found.f_frsize // MIB,
        bool(found.f_flag & os.ST_RDONLY),
        counts_none or found.f_favail > 0,
    )


def judge_disk(found: Disk, keep_free: int) -> Finding:
    """Say whether there is room; ``keep_free`` MiB are left free by what saves recordings."""
    facts = {"free_mib": found.free, "read_only": found.read_only, "inodes": found.inodes}
    if found.read_only:
        return Finding(
            "disk",
            "fail",
            "disk-read-only",
            f"{found.place} cannot be written to",
            "A card that fails turns itself read-only: `dmesg | grep mmc`, and replace it",
            facts,
        )
    text = f"{found.free} MiB free at {found.place}"
    if found.free < FULL_MIB or not found.inodes:
        return Finding(
            "disk",
            "fail",
            "disk-full",
            text if found.inodes else f"no more files can be made at {found.place}",
            "Make room: sudo journalctl --vacuum-size=50M; sudo apt clean",
            facts,
        )
    if found.free < keep_free:
        return Finding(
            "disk",
            "warn",
            "disk-low",
            f"{text}, less than the {keep_free} that saving leaves free: nothing is saved",
            "Make room, lower store.quota_mib, or set store.keep_free_mib",
            facts,
        )
    return Finding("disk", "ok", "fine", text, "", facts)
