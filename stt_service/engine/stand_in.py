"""Keeps LiteRT from loading its GPU library, which kills the process on a Raspberry Pi 3 or 4.

Whatever a compiled model is to run on, LiteRT 2.3 loads ``libLiteRtWebGpuAccelerator.so`` and asks
it what it can do. On ARM that library is built for processors from ARMv8.2 on: on the Cortex-A53
and A72 it ends the process with SIGILL as soon as it is loaded ("compiled with lse enabled").
Elsewhere it costs time and memory, and nothing here runs on a GPU. There is no option against it.

So an empty library of that name is loaded first. The C library knows a loaded library by the name
that stands in it (``DT_SONAME``), hands it out when LiteRT asks for that name, and LiteRT, finding
no function in it, goes on without a GPU. The library is a few hundred bytes of ELF, made here and
loaded from memory: it holds no code, so that it may be mapped where nothing may be executed.
"""

from __future__ import annotations

import ctypes
import logging
import os
import platform
import struct
from functools import cache

logger = logging.getLogger(__name__)

NAME = "libLiteRtWebGpuAccelerator.so"
MACHINES = {"x86_64": 62, "aarch64": 183}
"""ELF's numbers."""

# Names and sizes as in elf.h, 64 bits, little-endian.
_HEADER, _SEGMENT = 64, 56
_PT_LOAD, _PT_DYNAMIC, _PT_GNU_STACK = 1, 2, 0x6474E551
_READ_WRITE = 6
_SHARED, _CURRENT = 3, 1
_DT_HASH, _DT_STRTAB, _DT_SYMTAB, _DT_STRSZ, _DT_SYMENT, _DT_SONAME = 4, 5, 6, 10, 11, 14
_SYMBOL = 24
_PAGE = 1 << 16
"""The largest that ARM kernels use."""


@cache
def gpu_kept_out() -> bool:
    """Load the stand-in, once in a process; return whether it is in place."""
    machine = MACHINES.get(platform.machine())
    if machine is None:
        return False
    try:
        descriptor = os.memfd_create(NAME, os.MFD_CLOEXEC)
        try:
            os.write(descriptor, empty_library(NAME, machine))
            ctypes.CDLL(f"/proc/self/fd/{descriptor}")  # stays until the process ends
        finally:
            os.close(descriptor)
        ctypes.CDLL(NAME)
    except OSError as error:
        logger.info("no stand-in for %s: %s", NAME, error)
        return False
    return True


def empty_library(name: str, machine: int) -> bytes:
    """Return a shared library without symbols; ``machine`` is ELF's number of the processor."""
    strings = b"\0" + name.encode() + b"\0"
    symbols = _HEADER + 3 * _SEGMENT
    table = symbols + _SYMBOL
    hashes = table + len(strings) + -len(strings) % 8
    dynamic = hashes + 16  # one bucket, one chain, both empty: four words
    entries = (
        (_DT_SONAME, 1),
        (_DT_HASH, hashes),
        (_DT_STRTAB, table),
        (_DT_SYMTAB, symbols),
        (_DT_STRSZ, len(strings)),
        (_DT_SYMENT, _SYMBOL),
        (0, 0),
    )
    size = dynamic + 16 * len(entries)
    identity = b"\x7fELF" + bytes((2, 1, _CURRENT, 0)) + bytes(8)
    header = identity + struct.pack(
        "<HHIQQQIHHHHHH",
        _SHARED,
        machine,
        _CURRENT,
        0,
        _HEADER,
        0,
        0,
        _HEADER,
        _SEGMENT,
        3,
        0,
        0,
        0,
    )
    parts = (
        header,
        _segment(_PT_LOAD, 0, size, _PAGE),
        _segment(_PT_DYNAMIC, dynamic, size - dynamic, 8),
        # Without it the C library takes the stack for one that has to be executable.
        _segment(_PT_GNU_STACK, 0, 0, 16),
        bytes(_SYMBOL),
        strings + bytes(-len(strings) % 8),
        struct.pack("<4I", 1, 1, 0, 0),
        *(struct.pack("<QQ", *entry) for entry in entries),
    )
    return b"".join(parts)


def _segment(kind: int, at: int, size: int, align: int) -> bytes:
    return struct.pack("<IIQQQQQQ", kind, _READ_WRITE, at, at, at, size, size, align)
