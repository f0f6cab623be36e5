"""The interpreter and the packages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stt_service.doctor.python import (
    Interpreter,
    Package,
    judge_interpreter,
    judge_packages,
    judge_search,
    read_interpreter,
    read_packages,
    read_search,
    release,
)


@pytest.mark.parametrize(
    ("found", "status", "code"),
    [
        (Interpreter((3, 11), 64, "glibc", virtual=True), "ok", "fine"),
        (Interpreter((3, 13), 64, "glibc", virtual=False), "ok", "fine"),
        (Interpreter((3, 10), 64, "glibc", virtual=True), "fail", "python-old"),
        (Interpreter((3, 14), 64, "glibc", virtual=True), "warn", "python-untested"),
        (Interpreter((3, 11), 32, "glibc", virtual=True), "fail", "python-32-bit"),
        (Interpreter((3, 12), 64, "", virtual=True), "warn", "libc-other"),
    ],
)
def test_interpreters(found: Interpreter, status: str, code: str) -> None:
    """Each that does not do says what to install instead."""
    finding = judge_interpreter(found)
    assert (finding.status, finding.code) == (status, code)
    assert bool(finding.remedy) == (status != "ok")


def test_this_interpreter_will_do() -> None:
    """The tests run on it."""
    assert judge_interpreter(read_interpreter()).status in ("ok", "warn")


def test_packages_that_lack_or_are_old_are_named() -> None:
    """What is missing first."""
    good = Package("numpy", (1, 26), (2, 4, 0))
    old = Package("soxr", (0, 5), (0, 4, 9))
    gone = Package("click", (8, 1), None)
    assert judge_packages([good]).status == "ok"
    assert judge_packages([good, Package("rich", (), (1,))]).status == "ok"
    assert judge_packages([good, old]).code == "package-old"
    assert judge_packages([good, old, gone]).message == "missing: click"
    assert judge_packages(None).status == "ok"


def test_what_is_not_installed_has_no_packages() -> None:
    """A plain checkout."""
    assert read_packages("no-such-project") is None


def test_requirements_are_read_from_what_is_installed() -> None:
    """Those of extras are left out."""
    found = read_packages("pydantic")
    assert found is not None
    names = {one.name for one in found}
    assert "pydantic_core" in names or "pydantic-core" in names
    assert "email-validator" not in names


@given(st.text(max_size=30))
def test_any_version_has_a_release(text: str) -> None:
    """Numbers, or none: nothing else comes through."""
    assert all(isinstance(part, int) for part in release(text))


@pytest.mark.parametrize(
    ("text", "parts"), [("2.4.0", (2, 4, 0)), ("1.26rc1+mine", (1, 26)), ("", ()), ("v1", ())]
)
def test_releases(text: str, parts: tuple[int, ...]) -> None:
    """The numbers at the beginning."""
    assert release(text) == parts


def test_the_search_in_numpy_is_slow() -> None:
    """It is said how to get the other."""
    assert judge_search(compiled=True).status == "ok"
    assert "gcc" in judge_search(compiled=False).remedy
    assert read_search() in (True, False)
