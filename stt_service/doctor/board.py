"""Heat, power and time: what a Raspberry Pi suffers from, and does not say by itself."""

from __future__ import annotations

import ctypes
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stt_service.doctor.api import Fact, Finding, Status
from stt_service.doctor.reading import ask, read_text

HOT = 80.0
"""Degrees Celsius from which a Raspberry Pi slows its cores down."""
WARM = 70.0
"""Degrees not far from it: a summer's day makes the difference."""
SENSIBLE = range(-40, 151)
"""Degrees; other values are a sensor that is not there."""
OLDEST_YEAR = 2026
"""Of this release: a clock before it is wrong. A Pi without network begins where it stopped."""

# Bits of the firmware's answer, from Raspberry Pi's documentation of `vcgencmd get_throttled`.
UNDER_VOLTAGE, CAPPED, THROTTLED, SOFT_LIMIT = 1, 2, 4, 8
SINCE_BOOT = 16
"""Places by which the bits that remember lie higher."""

_STA_UNSYNC = 0x40
_TIMEX_BYTES = 256
"""More than struct timex has."""
_STATUS_AT = 40
"""Bytes from its beginning to ``status``, on 64-bit Linux."""


def read_temperature(root: Path = Path("/")) -> float | None:
    """Return the hottest sensor's degrees Celsius; None without any."""
    found = []
    for zone in sorted(root.glob("sys/class/thermal/thermal_zone*/temp")):
        text = (read_text(zone) or "").strip()
        if re.fullmatch(r"-?\d{1,7}", text) and int(text) // 1000 in SENSIBLE:
            found.append(int(text) / 1000)
    return max(found, default=None)


def judge_temperature(degrees: float | None) -> Finding:
    """Say whether the board is too hot."""
    if degrees is None:
        return Finding("temperature", "ok", "not-told", "there is no sensor")
    facts = {"celsius": round(degrees, 1)}
    text = f"{degrees:.0f} °C"
    if degrees >= HOT:
        return Finding(
            "temperature",
            "warn",
            "too-hot",
            f"{text}: the board slows itself down",
            "Give it a heat sink, a fan or an open case; engine.threads = 1 heats less",
            facts,
        )
    if degrees >= WARM:
        return Finding(
            "temperature",
            "warn",
            "hot",
            f"{text}: at {HOT:.0f} the board slows itself down",
            "Let air to it, or give it a heat sink",
            facts,
        )
    return Finding("temperature", "ok", "fine", text, "", facts)


def read_throttled(root: Path = Path("/"), asking: Callable[..., str | None] = ask) -> int | None:
    """Return the firmware's bits; None where it is no Raspberry Pi."""
    for place in sorted(root.glob("sys/devices/platform/soc*/*firmware/get_throttled")):
        text = (read_text(place) or "").strip()
        if re.fullmatch(r"(0x)?[0-9a-f]{1,8}", text):
            return int(text, 16)
    if not (read_text(root / "proc/device-tree/model") or "").startswith("Raspberry Pi"):
        return None
    answer = asking("vcgencmd", "get_throttled") or ""
    match = re.fullmatch(r"throttled=0x([0-9a-f]{1,8})\s*", answer)
    return int(match[1], 16) if match else None


def judge_throttled(bits: int | None) -> Finding:
    """Say whether power or heat holds the board back, or did since it was started."""
    if bits is None:
        return Finding("power", "ok", "not-told", "this machine does not tell")
    slow = CAPPED | THROTTLED | SOFT_LIMIT
    facts = {
        "under_voltage": bool(bits & UNDER_VOLTAGE),
        "slowed": bool(bits & slow),
        "was_under_voltage": bool(bits >> SINCE_BOOT & UNDER_VOLTAGE),
        "was_slowed": bool(bits >> SINCE_BOOT & slow),
    }
    supply = "Take the board's own power supply and a short, thick cable; unplug what draws power"
    air = "Give it a heat sink or a fan, and the board's own power supply"
    cases: tuple[tuple[bool, Status, str, str, str], ...] = (
        (facts["under_voltage"], "fail", "power-low", "the board gets too little voltage", supply),
        (facts["slowed"], "warn", "slowed-down", "the board has slowed itself down", air),
        (
            facts["was_under_voltage"],
            "warn",
            "power-was-low",
            "the board got too little voltage since it was started",
            supply,
        ),
        (
            facts["was_slowed"],
            "warn",
            "was-slowed-down",
            "the board had slowed itself down since it was started",
            air,
        ),
    )
    for holds, status, code, message, remedy in cases:
        if holds:
            return Finding("power", status, code, message, remedy, facts)
    return Finding("power", "ok", "fine", "enough, since it was started", "", facts)


@dataclass(frozen=True, slots=True)
class Clock:
    """What time it is, and whether anybody has set it."""

    year: int
    synchronised: bool | None
    """None where the kernel does not tell."""


def read_clock() -> Clock:
    """Ask the kernel, which knows of every program that sets clocks."""
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)  # modes = 0: asks, and sets nothing
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    told = adjtimex is not None and ctypes.sizeof(ctypes.c_void_p) == 8 and adjtimex(buffer) >= 0
    status = int.from_bytes(buffer.raw[_STATUS_AT : _STATUS_AT + 4], "little")
    return Clock(time.gmtime().tm_year, not status & _STA_UNSYNC if told else None)


def judge_clock(found: Clock) -> Finding:
    """Say whether the time can be relied on."""
    facts: dict[str, Fact] = {"year": found.year}
    if found.synchronised is not None:
        facts["synchronised"] = found.synchronised
    remedy = "sudo timedatectl set-ntp true; a Pi without network needs a clock module (RTC)"
    if found.year < OLDEST_YEAR:
        return Finding(
            "clock",
            "fail",
            "clock-wrong",
            f"it says {found.year}: downloads fail, and quiet hours are at the wrong time",
            remedy,
            facts,
        )
    if found.synchronised is False:
        return Finding(
            "clock",
            "warn",
            "clock-unsynchronised",
            "nobody keeps it right; quiet hours and the consent's date go by it",
            remedy,
            facts,
        )
    return Finding("clock", "ok", "fine", "kept right" if found.synchronised else "set", "", facts)
