"""``stt-service dataset``: what people agreed on becomes a dataset, without what is withdrawn."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from stt_service.cli.common import Commands, counted

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from stt_service.collector.dataset_manifest import Layout

DATABASE = click.option(
    "--database",
    envvar="STT_COLLECTOR_DATABASE",
    metavar="URL",
    required=True,
    help="The collector's database; or STT_COLLECTOR_DATABASE.",
)
OBJECTS = click.option(
    "--objects",
    envvar="STT_COLLECTOR_OBJECTS",
    metavar="PLACE",
    required=True,
    help="Where the collector's sound lies; or STT_COLLECTOR_OBJECTS.",
)
FOLDER = click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
LANGUAGE = r"[A-Za-z0-9-]{2,35}"
"""As the manifest of a dataset takes it."""
DAYS = click.option(
    "--days",
    type=click.IntRange(1, 365),
    default=90,
    show_default=True,
    help="That a copy may be used before it has to be refreshed.",
)


@click.group("dataset", cls=Commands)
def dataset_group() -> None:
    """Export what people agreed on; check it, and take out what was withdrawn."""


@contextmanager
def opened(database: str) -> Iterator[Engine]:
    """Lend a collector's database. Raises ``CollectorError``."""
    try:
        from stt_service.collector.database import open_engine  # noqa: PLC0415 -- an extra
    except ImportError as error:
        from stt_service.errors import CollectorError  # noqa: PLC0415

        remedy = "pip install 'stt-service[collector]'"
        raise CollectorError(f"the collector lacks {error.name}", remedy) from error

    engine = open_engine(database)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _progress(what: str, total: int | None) -> Iterator[Callable[[], None]]:
    """Show a bar on standard error, where that is a terminal; lend what moves it on."""
    from rich.console import Console  # noqa: PLC0415 -- `--help` need not wait for it
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def _language(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """Refuse what no copy's ``dataset.json`` could say. Raises click's usage error."""
    if not re.fullmatch(LANGUAGE, value):
        raise click.BadParameter(f"{value!r} is no BCP 47 tag, such as en or pt-BR", ctx, param)
    return value


@dataset_group.command()
@click.argument("target", metavar="FOLDER", type=click.Path(path_type=Path))
@DATABASE
@OBJECTS
@click.option(
    "--layout",
    type=click.Choice(["common-voice", "deepspeech", "audiofolder"]),
    default="common-voice",
    show_default=True,
    help="For whom it is written.",
)
@click.option(
    "--language",
    metavar="TAG",
    default="en",
    show_default=True,
    callback=_language,
    help="BCP 47, such as en or pt-BR.",
)
@click.option("--collector", metavar="URL", help="Where copies ask what was withdrawn.")
@DAYS
def export(
    *,
    target: Path,
    database: str,
    objects: str,
    layout: str,
    language: str,
    collector: str | None,
    days: int,
) -> None:
    """Write what is valid, to be published and not withdrawn into FOLDER, which must be new."""
    with opened(database) as engine:
        from stt_service.collector.dataset_database import DatabaseSource  # noqa: PLC0415
        from stt_service.collector.dataset_export import Plan, export  # noqa: PLC0415
        from stt_service.collector.objects import open_objects  # noqa: PLC0415

        plan = Plan(cast("Layout", layout), language, collector, days)
        source = DatabaseSource(engine, open_objects(objects))
        with _progress("exporting", source.count()) as advance:
            done = export(target, source, plan, advance=advance)
    counts = done.manifest.splits
    for split, one in counts.items():
        click.echo(
            f"{split:5}  {one.clips:7} clips  {one.seconds / 3600:8.2f} h  {one.speakers} speakers"
        )
    if done.damaged:
        click.echo(f"{counted(done.damaged, 'clips', 'were')} left out: damaged sound", err=True)
    click.echo(f"{target} is good until {done.manifest.refresh_by}")


@dataset_group.command()
@FOLDER
def verify(*, folder: Path) -> None:
    """Look at every byte of an export; exit with 1 when anything is wrong."""
    from stt_service.collector.dataset_manifest import read  # noqa: PLC0415
    from stt_service.collector.dataset_verify import verify  # noqa: PLC0415

    clips = sum(one.clips for one in read(folder).splits.values())
    with _progress("checking", clips) as advance:
        faults = 0
        for fault in verify(folder, advance=advance):
            click.echo(fault)
            faults += 1
    if faults:
        raise SystemExit(1)
    as_before = "as it was" if clips == 1 else "as they were"
    click.echo(f"{counted(clips, 'clips', 'are')} {as_before} exported, and may be used")


@dataset_group.command()
@FOLDER
@click.option(
    "--from",
    "origin",
    metavar="URL|FOLDER",
    help="A collector, or a newer copy, that knows what was withdrawn.",
)
@DAYS
def refresh(*, folder: Path, origin: str | None, days: int) -> None:
    """Take out what was withdrawn since, and set the next refresh-by date."""
    from stt_service.collector.dataset_manifest import read  # noqa: PLC0415
    from stt_service.collector.dataset_refresh import refresh, since  # noqa: PLC0415
    from stt_service.collector.dataset_remote import withdrawn  # noqa: PLC0415

    manifest = read(folder)
    clips = sum(one.clips for one in manifest.splits.values())
    told = withdrawn(origin or manifest.collector, since(manifest))
    with _progress("refreshing", clips) as advance:
        gone = refresh(folder, told, days=days, advance=advance)
    until = read(folder).refresh_by
    click.echo(f"{counted(gone, 'clips', 'were')} taken out; {folder} is good until {until}")


@dataset_group.command()
@DATABASE
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def stats(*, database: str, as_json: bool) -> None:
    """Print how much there is of each scope, and how far the tagging is."""
    from dataclasses import asdict  # noqa: PLC0415

    with opened(database) as engine:
        from stt_service.collector.dataset_database import standing  # noqa: PLC0415

        found = standing(engine)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found]))
        return
    for one in found:
        click.echo(
            f"{one.scope:8} {one.state:8} {one.clips:8} clips {one.seconds / 3600:9.2f} h "
            f"{one.speakers:6} speakers"
        )
    if not found:
        click.echo("nothing was received yet")
