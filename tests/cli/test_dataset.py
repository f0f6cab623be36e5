"""``stt-service dataset`` on copies: verify and refresh."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from stt_service.cli.dataset import dataset_group
from stt_service.cli.tagger import tagger_group
from stt_service.collector.dataset_export import Plan, export
from stt_service.collector.dataset_manifest import read
from stt_service.errors import DatasetError
from tests.collector.dataset_source import FakeSource


@pytest.fixture
def source() -> FakeSource:
    return FakeSource(12, 6)


def run(*args: object, group: click.Group = dataset_group) -> str:
    """Return what a command prints, its exit status first."""
    result = CliRunner().invoke(group, [str(arg) for arg in args])
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
    assert said.startswith("0 1 clip was taken out")
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


def test_from_a_collector(tmp_path: Path) -> None:
    """What two people agreed on is exported, counted and checked; the host sees who tags."""
    pytest.importorskip("sqlalchemy", reason="the collector needs the extra 'collector'")
    from stt_service.collector.database import open_engine  # noqa: PLC0415
    from stt_service.collector.objects import object_name  # noqa: PLC0415
    from stt_service.collector.tagging_votes import Answer  # noqa: PLC0415
    from tests.collector.databases import collection, receive, row, sound  # noqa: PLC0415

    url, objects = f"sqlite:///{tmp_path / 'c.db'}", tmp_path / "objects"
    everything = collection(open_engine(url), objects)
    for number in (1, 2):
        values = row(number)
        receive(everything.engine, values)
        name = object_name(str(values["id"]), str(values["audio_sha256"]))
        everything.objects.put(name, sound(number))
    invited = run_tagger("invite", "--count", 2, "--database", url).split()[1:]
    keys = [everything.tagging.join(code, 0.0) for code in invited]
    for key in keys:
        offer = everything.tagging.next(key, (), 100.0)
        everything.tagging.sound(key, offer.ticket, 100.0)
        everything.tagging.vote(key, Answer(offer.ticket, "text", "light on"), 200.0)
    listed = run_tagger("list", "--database", url).splitlines()
    assert [line.split()[:3] for line in listed] == [["0", "1", "1"], ["2", "1", "clips"]]
    target = tmp_path / "out"
    said = run("export", target, "--database", url, "--objects", objects)
    assert said.startswith("0 train")
    assert run("verify", target).startswith("0 1 clip is as it was exported")
    assert "publish  valid           1 clips" in run("stats", "--database", url)
    assert run_tagger("bar", 1, "--database", url) == "0 1 clip was judged anew\n"
    assert "barred" in run_tagger("list", "--database", url)
    with pytest.raises(DatasetError, match="nothing to export"):
        run("export", tmp_path / "none", "--database", url, "--objects", objects)
    assert run_tagger("admit", 1, "--database", url) == "0 1 clip was judged anew\n"
    everything.engine.dispose()


def run_tagger(*args: object) -> str:
    return run(*args, group=tagger_group)


def test_a_language_that_is_none_is_wrong_use(tmp_path: Path) -> None:
    """One line, before anything is read."""
    options = ("--database", f"sqlite:///{tmp_path}/none.db", "--objects", tmp_path)
    said = run("export", tmp_path / "new", "--language", "en_GB", *options)
    assert said.startswith("2 ")
    assert "no BCP 47 tag" in said
