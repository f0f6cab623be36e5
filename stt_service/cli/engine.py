"""``stt-service engine``: the recognition libraries, and how the two original ones come and go."""

from __future__ import annotations

from pathlib import Path

import click

from stt_service.cli.common import Commands, Context

NAMES = click.Choice(["deepspeech", "coqui"])


@click.group("engine", cls=Commands)
def engine_group() -> None:
    """Fetch and check recognition libraries."""


@engine_group.command("list")
@click.pass_obj
def list_engines(context: Context) -> None:
    """Print all engines and whether they are ready; * marks the one in use."""
    from importlib.metadata import version  # noqa: PLC0415

    from stt_service.engine.native.install import PACKAGES, state_of  # noqa: PLC0415

    settings = context.settings()
    lines = {"litert": f"ai-edge-litert {version('ai-edge-litert')}, in the box"}
    for name, package in PACKAGES.items():
        state = state_of(name, settings.paths.state_dir)
        lines[name] = f"{package.project} {package.version}, {state}"
        if state == "damaged":
            lines[name] += f": stt-service engine install {name}"
    for name, line in lines.items():
        click.echo(f"{'*' if name == settings.engine.name else ' '} {name}  [{line}]")
    if settings.engine.library != "auto":
        click.echo(f"engine.library = {settings.engine.library}")


@engine_group.command()
@click.argument("name", type=NAMES)
@click.option(
    "--wheel",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Take this official wheel instead of asking the package index.",
)
@click.pass_obj
def install(context: Context, name: str, wheel: Path | None) -> None:
    """Fetch the original library NAME through pip, check its hash, keep the shared objects."""
    from stt_service.engine.native import install as native  # noqa: PLC0415
    from stt_service.engine.native.library import Library  # noqa: PLC0415

    path = native.install(
        name,
        context.settings().paths.state_dir,
        announce=lambda line: click.echo(line, err=True),
        wheel=wheel,
    )
    click.echo(f"{path} (version {Library(path).version}); use it with --engine {name}")


@engine_group.command()
@click.argument("name", type=NAMES)
@click.pass_obj
def remove(context: Context, name: str) -> None:
    """Remove the original library NAME."""
    from stt_service.engine.native import install as native  # noqa: PLC0415

    gone = native.remove(name, context.settings().paths.state_dir)
    click.echo(f"{name} is removed" if gone else f"{name} is not installed")
