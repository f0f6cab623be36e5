"""Checks are run one by one, and none takes the others with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from stt_service.doctor.api import Check, Finding
from stt_service.doctor.runner import examine
from stt_service.errors import AudioError

FINE = Finding("cpu", "ok", "fine", "fine")


def broken() -> Iterator[Finding]:
    yield FINE
    raise ZeroDivisionError("a mistake of ours")


def faulty() -> list[Finding]:
    raise AudioError("no sound", "Plug it in")


def unreadable() -> list[Finding]:
    raise PermissionError(13, "Permission denied", "/secret")


def run(*checks: Check) -> list[Finding]:
    return list(examine(checks))


def test_findings_come_in_the_order_of_the_checks() -> None:
    """As they are asked for."""
    other = Finding("disk", "ok", "fine", "room")
    assert run(
        Check("cpu", 5.0, lambda: [FINE]), Check("disk", 5.0, lambda: iter([other, other]))
    ) == [FINE, other, other]


def test_a_check_that_breaks_is_a_line() -> None:
    """And the next one runs."""
    found = run(Check("disk", 5.0, broken), Check("cpu", 5.0, lambda: [FINE]))
    assert [(one.area, one.status, one.code) for one in found] == [
        ("disk", "warn", "check-broken"),
        ("cpu", "ok", "fine"),
    ]
    assert "ZeroDivisionError" in found[0].message


def test_a_check_that_hangs_is_a_line() -> None:
    """After its time, and the next one runs."""
    never = threading.Event()
    found = run(Check("disk", 0.05, lambda: [FINE] * never.wait()), Check("cpu", 5, lambda: [FINE]))
    never.set()
    assert [(one.area, one.status, one.code) for one in found] == [
        ("disk", "fail", "check-hangs"),
        ("cpu", "ok", "fine"),
    ]


def test_a_fault_keeps_its_remedy() -> None:
    """It says already what to do."""
    (found,) = run(Check("microphone", 5.0, faulty))
    assert found == Finding("microphone", "fail", "failed", "no sound", "Plug it in")


def test_the_systems_refusals_name_the_file() -> None:
    """And are no traceback."""
    (found,) = run(Check("model", 5.0, unreadable))
    assert (found.status, found.message) == ("fail", "/secret: Permission denied")
