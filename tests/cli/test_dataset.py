"""``stt-service dataset`` on copies: verify and refresh."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from stt_service.cli.dataset import dataset_group
from stt_service.collector.dataset_export import Plan, export
from stt_service.collector.dataset_manifest import read
from stt_service.errors import DatasetError
from tests.collector.dataset_source import FakeSource


@pytest.fixture
def source() -> FakeSource:
    return FakeSource(12, 6)


def run(*args: object) -> str:
    """Return what a command prints, its exit status first."""
    result = CliRunner().invoke(dataset_group, [str(arg) for arg in args])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return f"{result.exit_code} {result.output}"


def make(folder: Path, source: FakeSource) -> Path:
    export(folder, source, Plan("deepspeech"))
    return folder


def test_verify(source: FakeSource, tmp_path: Path) -> None:
    """Says that all is well, or each thing that is not."""
    folder = make(tmp_path / "one", source)
    assert run("verify", folder) == "0 12 clips are as they were exported, and may be used\n"
    (folder / "train.csv").write_text("")
    assert run("verify", folder) == "1 train.csv was changed\n"


def test_refresh_from_a_newer_copy(source: FakeSource, tmp_path: Path) -> None:
    """Without any network."""
    older = make(tmp_path / "older", source)
    source.revoke(source.all[0])
    newer = make(tmp_path / "newer", source)
    said = run("refresh", older, "--from", newer, "--days", 30)
    assert said.startswith("0 1 clips were taken out")
    assert str(read(older).refresh_by) in said
    assert run("verify", older).startswith("0 11 clips")


def test_refresh_needs_somebody_to_ask(source: FakeSource, tmp_path: Path) -> None:
    """And says how to name them."""
    folder = make(tmp_path / "one", source)
    with pytest.raises(DatasetError, match="--from"):
        run("refresh", folder)


def test_help_costs_nothing() -> None:
    """No database is needed to look at a copy."""
    for name in ("export", "verify", "refresh", "stats"):
        assert run(name, "--help").startswith("0 Usage")
