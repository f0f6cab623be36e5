"""``stt-service config``: editing with an editor of the test's own."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from stt_service.cli import program


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script that writes the next draft, ``1``, ``2``..., over the file it is given."""
    script = tmp_path / "editor"
    script.write_text(
        f"#!/bin/sh\nn=$(cat {tmp_path}/n 2>/dev/null || echo 1)\n"
        f'cp {tmp_path}/draft$n "$1"\necho $((n + 1)) > {tmp_path}/n\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("VISUAL", str(script))
    return tmp_path


@pytest.fixture
def own_file(own_state: Path, tmp_path: Path) -> Path:
    """The user's settings, which do not exist yet."""
    return tmp_path / "config/stt-service/config.toml"


def edit(*before: str, answer: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(program, [*before, "config", "edit"], input=answer)
    return result.exit_code, result.output


def test_what_is_free_of_mistakes_is_saved(editor: Path, own_file: Path) -> None:
    """Folders are made."""
    (editor / "draft1").write_text("[server]\nport = 1234\n")
    status, output = edit()
    assert (status, own_file.read_text()) == (0, "[server]\nport = 1234\n")
    assert "saved" in output


def test_mistakes_are_told_and_may_be_mended(editor: Path, own_file: Path) -> None:
    """With the file's own name and the line."""
    (editor / "draft1").write_text("[server]\nport = 70000\n")
    (editor / "draft2").write_text("[server]\nport = 7000\n")
    status, output = edit(answer="y\n")
    assert (status, own_file.read_text()) == (0, "[server]\nport = 7000\n")
    assert f"{own_file}:2: server.port = 70000" in output


def test_mistakes_are_not_saved(editor: Path, own_file: Path) -> None:
    """The daemon that runs could not reload them."""
    own_file.parent.mkdir(parents=True)
    own_file.write_text("[server]\nport = 1\n")
    (editor / "draft1").write_text("[serve]\n")
    status, _ = edit(answer="n\n")
    assert (status, own_file.read_text()) == (1, "[server]\nport = 1\n")


def test_the_named_file_is_edited(editor: Path, own_file: Path, tmp_path: Path) -> None:
    """Not the user's; its permissions stay."""
    named = tmp_path / "named.toml"
    named.write_text("")
    named.chmod(0o600)
    (editor / "draft1").write_text("[server]\nport = 2\n")
    assert edit("--config", str(named))[0] == 0
    assert named.read_text() == "[server]\nport = 2\n"
    assert stat.S_IMODE(named.stat().st_mode) == 0o600
    assert not own_file.exists()


def test_no_change_writes_nothing(editor: Path, own_file: Path) -> None:
    """Who looks does not touch."""
    own_file.parent.mkdir(parents=True)
    own_file.write_text("[server]\nport = 1\n")
    (editor / "draft1").write_text("[server]\nport = 1\n")
    status, output = edit()
    assert (status, "as it was" in output) == (0, True)
