"""Heat, power and clock, from files like those of a Raspberry Pi."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_service.doctor.board import (
    Clock,
    judge_clock,
    judge_temperature,
    judge_throttled,
    read_clock,
    read_temperature,
    read_throttled,
)


def zone(root: Path, number: int, text: str) -> None:
    folder = root / f"sys/class/thermal/thermal_zone{number}"
    folder.mkdir(parents=True)
    (folder / "temp").write_text(text, encoding="ascii")


def pi(root: Path) -> None:
    (root / "proc/device-tree").mkdir(parents=True)
    (root / "proc/device-tree/model").write_bytes(b"Raspberry Pi 4 Model B Rev 1.2\0")


def test_the_hottest_sensor_counts(tmp_path: Path) -> None:
    """Those that are not there give nonsense."""
    for number, text in enumerate(("48300\n", "71234\n", "-274000\n", "what\n", "999999\n")):
        zone(tmp_path, number, text)
    assert read_temperature(tmp_path) == 71.234


def test_no_sensor_is_no_fault(tmp_path: Path) -> None:
    """As in a virtual machine."""
    assert read_temperature(tmp_path) is None
    assert judge_temperature(None).status == "ok"


@pytest.mark.parametrize(
    ("degrees", "status", "code"),
    [(50.0, "ok", "fine"), (70.0, "warn", "hot"), (80.0, "warn", "too-hot")],
)
def test_temperatures(degrees: float, status: str, code: str) -> None:
    """From 80 degrees on a Pi slows down."""
    finding = judge_temperature(degrees)
    assert (finding.status, finding.code) == (status, code)


@pytest.mark.parametrize("text", ["50005\n", "0x50005\n"])
@pytest.mark.parametrize("folder", ["soc/soc:firmware", "soc@107c000000/soc@107c000000:firmware"])
def test_the_kernel_tells_what_the_firmware_says(tmp_path: Path, text: str, folder: str) -> None:
    """In hexadecimal, wherever the board has it."""
    place = tmp_path / "sys/devices/platform" / folder
    place.mkdir(parents=True)
    (place / "get_throttled").write_text(text, encoding="ascii")
    assert read_throttled(tmp_path, lambda *_: pytest.fail("needless")) == 0x50005


def test_else_vcgencmd_is_asked_on_a_pi(tmp_path: Path) -> None:
    """And nowhere else."""
    assert read_throttled(tmp_path, lambda *_: pytest.fail("no Pi")) is None
    pi(tmp_path)
    assert read_throttled(tmp_path, lambda *_: "throttled=0x80008\n") == 0x80008
    for answer in (None, "", "VCHI initialization failed\n"):
        assert read_throttled(tmp_path, lambda *_, said=answer: said) is None


@pytest.mark.parametrize(
    ("bits", "status", "code"),
    [
        (0, "ok", "fine"),
        (None, "ok", "not-told"),
        (0x1, "fail", "power-low"),
        (0x50005, "fail", "power-low"),
        (0x2, "warn", "slowed-down"),
        (0x4, "warn", "slowed-down"),
        (0x8, "warn", "slowed-down"),
        (0x10000, "warn", "power-was-low"),
        (0x50000, "warn", "power-was-low"),
        (0x20000, "warn", "was-slowed-down"),
        (0x80000, "warn", "was-slowed-down"),
    ],
)
def test_the_bits_of_the_firmware(bits: int | None, status: str, code: str) -> None:
    """What is the case now counts for more than what was."""
    finding = judge_throttled(bits)
    assert (finding.status, finding.code) == (status, code)


@given(st.integers(0, 0xFFFFFFFF))
def test_any_bits_have_a_judgement(bits: int) -> None:
    """All is well if and only if none of those that are known is set."""
    assert (judge_throttled(bits).status == "ok") == (not bits & 0xF000F)


@pytest.mark.parametrize(
    ("clock", "status", "code"),
    [
        (Clock(2026, synchronised=True), "ok", "fine"),
        (Clock(2026, synchronised=None), "ok", "fine"),
        (Clock(2026, synchronised=False), "warn", "clock-unsynchronised"),
        (Clock(1970, synchronised=False), "fail", "clock-wrong"),
        (Clock(2024, synchronised=True), "fail", "clock-wrong"),
    ],
)
def test_clocks(clock: Clock, status: str, code: str) -> None:
    """A Pi has none of its own."""
    finding = judge_clock(clock)
    assert (finding.status, finding.code) == (status, code)


def test_this_machines_clock_is_read() -> None:
    """Asking sets nothing, and anybody may ask."""
    assert read_clock().year >= 2025
