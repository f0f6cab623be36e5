"""``stt-service models``: which there are, and how they come and go."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stt_service.cli.common import Commands, Context
from stt_service.errors import ModelError

if TYPE_CHECKING:
    from stt_service.models.install import Announce
    from stt_service.models.store import ModelStore


@click.group("models", cls=Commands)
def models_group() -> None:
    """List, install and choose models."""


def _store(context: Context) -> ModelStore:
    from stt_service.app import model_store  # noqa: PLC0415

    return model_store(context.settings())


@models_group.command("list")
@click.pass_obj
def list_models(context: Context) -> None:
    """Print all known and installed models; * marks the one in use."""
    for line in _store(context).listing():
        entry = line.entry
        state = "bundled" if entry.bundled else "installed" if line.installed else "not installed"
        click.echo(
            f"{'*' if line.chosen else ' '} {line.name}  [{state}, {_size(entry.size)}"
            f"{', ' + entry.license if entry.license else ''}]\n    {entry.title}"
        )


@models_group.command()
@click.argument("model", metavar="NAME|FILE")
@click.option("--name", help="What a model from a FILE is to be called; else like the file.")
@click.option(
    "--scorer",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The scorer that belongs to a model from a FILE.",
)
@click.option("--repin", is_flag=True, help="Accept files that differ from those fetched before.")
@click.pass_obj
def install(
    context: Context, *, model: str, name: str | None, scorer: Path | None, repin: bool
) -> None:
    """Fetch the model NAME, or copy the .tflite FILE.

    An interrupted download goes on where it stopped. Nothing is installed before all files are
    whole and checked.
    """
    from stt_service.app import model_installer  # noqa: PLC0415

    store = _store(context)
    path = Path(model)
    from_file = model not in store.registry and (path.suffix == ".tflite" or path.is_file())
    if not from_file and (name or scorer):
        raise click.UsageError("--name and --scorer go with a model from a FILE")
    with _progress() as announce:
        installer = model_installer(store, announce)
        if from_file:
            model = name or path.stem
            installer.install_files(model, path, scorer)
        else:
            installer.install(model, repin=repin)
    click.echo(f"{model} is installed; `stt-service models use {model}` makes it the default")


@models_group.command()
@click.argument("name")
@click.pass_obj
def use(context: Context, name: str) -> None:
    """Make NAME the model that is taken where none is named."""
    _store(context).use(name)
    click.echo(f"{name} is in use")


@models_group.command()
@click.argument("name", required=False)
@click.pass_obj
def verify(context: Context, name: str | None) -> None:
    """Compare the files of NAME, or of every installed model, with what was installed."""
    store = _store(context)
    names = [name] if name else [line.name for line in store.listing() if line.installed]
    if not names:
        click.echo("no model is installed")
    faults = []
    for each in names:
        try:
            with _progress() as announce:
                store.verify(each, announce(each, 0))
        except ModelError as error:  # the others are to be told as well
            faults.append(error)
            click.echo(f"error: {error}", err=True)
        else:
            click.echo(f"{each} is whole")
    if faults:
        sys.exit(1)


@models_group.command()
@click.argument("name")
@click.pass_obj
def remove(context: Context, name: str) -> None:
    """Delete the files of NAME, half-fetched ones too. The bundled model stays."""
    store = _store(context)
    was = store.chosen()
    store.remove(name)
    click.echo(f"{name} is removed" + (f"; {store.chosen()} is in use now" if was == name else ""))


@contextmanager
def _progress() -> Iterator[Announce]:
    """Show a bar for each file, on a terminal only."""
    from rich.console import Console  # noqa: PLC0415 -- the other commands need none of this
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:

        def announce(file: str, size: int) -> Callable[[int, int], None]:
            task = bars.add_task(file, total=size)

            def report(done: int, total: int) -> None:
                bars.update(task, completed=done, total=total)

            return report

        yield announce


def _size(count: int) -> str:
    return f"{count / 1e6:.0f} MB" if count >= 1e7 else f"{count / 1e6:.1f} MB"
