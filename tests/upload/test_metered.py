"""What NetworkManager answers, and where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from stt_service.upload.metered import is_metered


@pytest.mark.parametrize(
    ("said", "metered"),
    [
        ("echo u 0", None),
        ("echo u 1", True),
        ("echo u 2", False),
        ("echo u 3", True),
        ("echo u 4", False),
        ("echo; exit 1", None),
        (r"printf '\377'", None),
    ],
)
def test_what_the_bus_answers(tmp_path: Path, said: str, metered: bool | None) -> None:
    """A guess of NetworkManager's counts like knowledge."""
    program = tmp_path / "busctl"
    program.write_text(f"#!/bin/sh\n{said}\n")
    program.chmod(0o755)
    assert is_metered(str(program)) is metered


def test_where_there_is_no_bus_nobody_knows(tmp_path: Path) -> None:
    """It is not guessed."""
    assert is_metered(str(tmp_path / "none")) is None
