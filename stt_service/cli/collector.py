"""``stt-service collector``: the receiving side, for whoever hosts a collection."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stt_service.cli.common import Commands, counted
from stt_service.errors import CollectorError

if TYPE_CHECKING:
    from stt_service.collector.collection import Collection

DATABASE = click.option(
    "--database",
    envvar="STT_COLLECTOR_DATABASE",
    metavar="URL",
    required=True,
    help="sqlite:////path.db or postgresql://user@host/name; or STT_COLLECTOR_DATABASE.",
)
OBJECTS = click.option(
    "--objects",
    envvar="STT_COLLECTOR_OBJECTS",
    metavar="PLACE",
    required=True,
    help="Folder or s3://bucket/folder of the sound; or STT_COLLECTOR_OBJECTS.",
)
INSTALL = "pip install 'stt-service[collector]'"


def _places(command: Callable[..., None]) -> Callable[..., None]:
    return DATABASE(OBJECTS(command))


@click.group("collector", cls=Commands)
def collector_group() -> None:
    """Receive what consenting devices send; for whoever hosts a collection."""


def _open(database: str, objects: str, **more: Any) -> Collection:  # noqa: ANN401 -- of Plan
    try:
        from stt_service.collector.serve import Plan, open_collection  # noqa: PLC0415
    except ImportError as error:
        raise CollectorError(f"the collector lacks {error.name}", INSTALL) from error
    return open_collection(Plan(database, objects, **more))


@collector_group.command()
@_places
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8787,
    show_default=True,
    help="Port to listen at.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes that serve, each with its own connections to the database.",
)
@click.option(
    "--bits",
    type=click.IntRange(0, 40),
    default=22,
    show_default=True,
    help="Work that a device does to join: each bit doubles it, 22 are half a minute of a Pi 4.",
)
@click.option("--by-invitation", is_flag=True, help="Let in only who has an invitation.")
@click.option(
    "--per-day",
    type=click.IntRange(1),
    default=2000,
    show_default=True,
    help="Utterances taken from one contributor a day; the rest wait on the device.",
)
@click.option(
    "--text",
    "texts",
    multiple=True,
    metavar="SHA256",
    help="Consent text that is accepted, instead of all that this version knows; repeatable.",
)
def run(
    *,
    database: str,
    objects: str,
    host: str,
    port: int,
    workers: int,
    bits: int,
    by_invitation: bool,
    per_day: int,
    texts: tuple[str, ...],
) -> None:
    """Serve devices and taggers until interrupted."""
    try:
        from stt_service.collector.intake import Limits  # noqa: PLC0415
        from stt_service.collector.serve import Plan, serve  # noqa: PLC0415
    except ImportError as error:
        raise CollectorError(f"the collector lacks {error.name}", INSTALL) from error
    plan = Plan(
        database,
        objects,
        bits=None if by_invitation else bits,
        texts=texts,
        limits=Limits(per_day=per_day),
    )

    def announce() -> None:
        click.echo(f"serving {host}:{port}; taggers open http://{host}:{port}/tagger/", err=True)

    serve(plan, host, port, workers, announce)


@collector_group.command()
@_places
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def init(*, database: str, objects: str, as_json: bool) -> None:
    """Make the tables, or bring them up to date; say how much there is."""
    collection = _open(database, objects)
    collection.check()
    sums = collection.sums()
    if as_json:
        click.echo(json.dumps(asdict(sums)))
        return
    click.echo(
        f"ready: {counted(sums.utterances, 'utterances')}, {sums.seconds / 3600:.1f} h, "
        f"{counted(sums.contributors, 'contributors')}, {sums.deleted} deleted"
    )


@collector_group.command()
@_places
def invite(*, database: str, objects: str) -> None:
    """Print an invitation for one contributor, good for 30 days."""
    collection = _open(database, objects)
    from stt_service.collector import admission  # noqa: PLC0415 -- after the extra is known
    from stt_service.collector.database import writing  # noqa: PLC0415

    with writing(collection.engine) as connection:
        click.echo(admission.invite(connection, int(time.time())))


@collector_group.command()
@_places
@click.argument("pseudonym")
@click.option("--undo", is_flag=True, help="Let them send again.")
def bar(*, database: str, objects: str, pseudonym: str, undo: bool) -> None:
    """Take nothing more from PSEUDONYM. What was sent stays, and can be deleted as before."""
    collection = _open(database, objects)
    from stt_service.collector import admission  # noqa: PLC0415 -- after the extra is known
    from stt_service.collector.database import writing  # noqa: PLC0415

    with writing(collection.engine) as connection:
        if not admission.bar(connection, pseudonym, barred=not undo):
            raise CollectorError(f"there is no contributor {pseudonym!r}", "Look at the dataset")


@collector_group.command()
@_places
def check(*, database: str, objects: str) -> None:
    """Look whether every sound is there and whole; sweep what crashes have left behind."""
    from rich.console import Console  # noqa: PLC0415 -- `--help` need not wait for it
    from rich.progress import track  # noqa: PLC0415 -- `--help` need not wait for it

    collection = _open(database, objects)
    swept = len(list(collection.removal.sweep()))
    bad = []
    console = Console(stderr=True)
    quiet = not console.is_terminal
    for name in track(collection.ids(), "checking", console=console, disable=quiet):
        try:
            collection.sound(name)
        except CollectorError:
            bad.append(name)
    for name in bad:
        click.echo(f"{name}: its sound is gone or damaged")
    click.echo(
        f"{counted(swept, 'left-over files', 'were')} swept; "
        f"{counted(len(bad), 'utterances', 'are')} damaged"
    )
    if bad:
        raise CollectorError(
            f"{counted(len(bad), 'sounds', 'are')} gone or damaged", "Restore a back-up"
        )


@collector_group.command()
@_places
@click.argument("folder", type=click.Path(path_type=Path))
def backup(*, database: str, objects: str, folder: Path) -> None:
    """Copy everything into FOLDER, which must be new. It may go on serving meanwhile."""
    _move(database, objects, folder, "backup")


@collector_group.command()
@_places
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
def restore(*, database: str, objects: str, folder: Path) -> None:
    """Fill an empty collection from FOLDER. The database may be of another kind."""
    _move(database, objects, folder, "restore")


def _move(database: str, objects: str, folder: Path, how: str) -> None:
    from rich.console import Console  # noqa: PLC0415 -- `--help` need not wait for it
    from rich.progress import Progress  # noqa: PLC0415 -- `--help` need not wait for it

    collection = _open(database, objects)
    from stt_service.collector import backup  # noqa: PLC0415 -- after the extra is known

    console = Console(stderr=True)
    # Without a terminal there is nothing to show, and its end would be an empty line.
    with Progress(transient=True, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(how, total=None)
        function = backup.backup if how == "backup" else backup.restore
        count = function(collection, folder, lambda: bar.advance(task))
    click.echo(counted(count, "utterances"))
