"""What a check finds, and what a check is.

    Check ──examine──► Finding, Finding, ...  ──► lines, JSON, the bundle for a bug report

A check is a reader, which asks the machine and knows no opinion, and a judge, which has one and
asks nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Status = Literal["ok", "warn", "fail"]
Fact = bool | int | float | str

AREAS = (
    "settings",
    "python",
    "packages",
    "search",
    "cpu",
    "memory",
    "disk",
    "temperature",
    "power",
    "clock",
    "model",
    "engine",
    "port",
    "permissions",
    "microphone",
    "consent",
    "queue",
)
"""What is looked at, in this order."""

CODES = frozenset(
    (
        "fine",
        "not-told",
        "check-broken",
        "check-hangs",
        "failed",
        "settings-mistaken",
        "python-old",
        "python-untested",
        "python-32-bit",
        "libc-other",
        "package-missing",
        "package-old",
        "search-slow",
        "cpu-without-build",
        "cpu-slow-kernels",
        "cpu-busy",
        "memory-short",
        "memory-low",
        "disk-read-only",
        "disk-full",
        "disk-low",
        "hot",
        "too-hot",
        "power-low",
        "power-was-low",
        "slowed-down",
        "was-slowed-down",
        "clock-wrong",
        "clock-unsynchronised",
        "engine-deaf",
        "engine-slow",
        "engine-tight",
        "port-taken",
        "port-refused",
        "port-untold",
        "sound-forbidden",
        "login-again",
        "sound-elsewhere",
        "state-unwritable",
        "microphone-lost",
        "microphone-busy",
        "microphone-silent",
        "microphone-clipped",
        "microphone-loud",
        "microphone-offset",
        "microphone-overflow",
        "microphone-muted",
        "source-untried",
        "consent-broken",
        "queue-paused",
        "queue-refused",
        "queue-waiting",
    )
)
"""Every code that a finding may have: stable, for programs and for the manual."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the answer."""

    area: str
    """One of :data:`AREAS`."""
    status: Status
    code: str
    """One of :data:`CODES`."""
    message: str
    """For whoever sits there: may name files, devices, programs."""
    remedy: str = ""
    """What to do; empty when all is well."""
    facts: Mapping[str, Fact] = field(default_factory=dict)
    """What the judgement rests on. The names end in their units."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at."""

    area: str
    seconds: float
    """After which it counts as hung."""
    run: Callable[[], Iterable[Finding]]
    """Looks and judges, in a thread of its own; what it raises becomes a finding."""
