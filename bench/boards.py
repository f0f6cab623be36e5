"""Published figures of the Raspberry Pis that recognition can run on, each with where it is from.

Nothing here was measured by this project.
"""

from __future__ import annotations

from dataclasses import dataclass

READ_PER_COPY = 1.65
"""Bytes that one core reads for each byte that it copies in the same time: 9,122 MB/s of `C scan
64` against 5,520 MB/s of copying, tinymembench on a Pi 5 of 8 GB (raspberrypi/firmware#1876). The
only board for which both are published; taken for all."""


@dataclass(frozen=True)
class Core:
    """A processor core."""

    name: str
    width: int
    """Instructions decoded for each cycle, Arm's own figure."""

    @property
    def slow(self) -> float:
        """Instructions for each cycle that even code that waits a lot gets through."""
        return self.width / 4

    @property
    def quick(self) -> float:
        """Likewise, of code that waits little."""
        return self.width / 2


A53 = Core("Cortex-A53", 2)
A72 = Core("Cortex-A72", 3)
A76 = Core("Cortex-A76", 4)


@dataclass(frozen=True)
class Board:
    """A Raspberry Pi."""

    name: str
    core: Core
    ghz: float
    """As shipped."""
    copied: float
    """GB/s that one core copies."""
    cache: int
    """KiB of the last level of cache."""
    gflops: float | None
    """Of High-Performance Linpack, double precision, all cores; None where unpublished."""
    watts: tuple[float | None, float | None]
    """Idle, and under full load."""
    source: str

    @property
    def read(self) -> float:
        """GB/s that one core reads, estimated from what it copies."""
        return self.copied * READ_PER_COPY


BOARDS = (
    Board(
        "Pi Zero 2 W",
        A53,
        1.0,
        1.30,
        512,
        0.37,
        (0.8, 2.1),
        "memcpy: ThomasKaiser/sbc-bench Results.md; HPL, load: geerlingguy/top500-benchmark#26; "
        "idle: gokrazy/gokrazy#70",
    ),
    Board(
        "Pi 3 B+",
        A53,
        1.4,
        1.13,
        512,
        None,
        (2.5, None),
        "memcpy: ThomasKaiser/sbc-bench Results.md; idle: gokrazy/gokrazy#70",
    ),
    Board(
        "Pi 4 B",
        A72,
        1.8,
        2.58,
        1024,
        11.889,
        (1.6, 7.2),
        "memcpy (arm64): ThomasKaiser/sbc-bench Results.md; HPL: geerlingguy/top500-benchmark#13; "
        "power: geerlingguy/sbc-reviews#4",
    ),
    Board(
        "Pi 5",
        A76,
        2.4,
        5.52,
        2048,
        30.249,
        (2.9, 11.0),
        "copy: raspberrypi/firmware#1876; HPL: geerlingguy/top500-benchmark#18; idle (Pi 500+): "
        "geerlingguy/sbc-reviews#81",
    ),
)
"""Slowest first."""
