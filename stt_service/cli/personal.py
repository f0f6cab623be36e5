"""``stt-service personal``: what was learned from the owner's own words, and how to undo it."""

from __future__ import annotations

import json
import sys

import click
from rich.console import Console
from rich.progress import Progress

from stt_service.cli.common import Commands, Context, agree, counted
from stt_service.cli.consent import JSON, STATE_DIR, YES


@click.group("personal", cls=Commands)
def personal_group() -> None:
    """Learn the owner's own words, on this device alone.

    From utterances that are kept and that somebody has corrected or accepted, `stt-service upkeep`
    learns every night which words and sentences are likely here. What it learned is used only if it
    understands utterances better that were held out from it.
    """


@personal_group.command()
@JSON
@STATE_DIR
@click.pass_obj
def status(context: Context, *, as_json: bool, state_dir: str | None) -> None:
    """Print what was learned, and by how much it understands better."""
    from stt_service.app_personal import status as found  # noqa: PLC0415 -- `--help` need not wait
    from stt_service.app_personal import useless  # noqa: PLC0415

    settings = context.settings({"paths": {"state": state_dir}})
    state = found(settings)
    if as_json:
        click.echo(json.dumps(state.model_dump(mode="json"), ensure_ascii=False))
        return
    for one in state.versions:
        seen, mark = one.comparison, "*" if one.number == state.in_force else " "
        click.echo(
            f"{mark} version {one.number}, {one.made}: learned from "
            f"{counted(len(one.learned), 'utterances')}; of {counted(seen.words, 'words')} in "
            f"{seen.utterances} others {seen.before} were wrong before, {seen.after} are now"
        )
        if one.hot_words:
            click.echo(f"    listens for {', '.join(sorted(one.hot_words))}")
    if not state.versions:
        click.echo("nothing was learned so far; stt-service personal learn says why")
    if state.paused:
        click.echo("paused by a rollback; stt-service personal learn goes on")
    if why := useless(settings):
        click.echo(f"not in use: {why}")


@personal_group.command()
@STATE_DIR
@click.pass_obj
def learn(context: Context, *, state_dir: str | None) -> None:
    """Learn now, and not in the night; also after a rollback.

    The status is 0 whether or not anything changed.
    """
    from stt_service.app_personal import learn as run  # noqa: PLC0415

    settings = context.settings({"paths": {"state": state_dir}})
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("listening again", total=None)
        done = run(
            settings,
            again=True,
            progress=lambda count, total: progress.update(task, completed=count, total=total),
        )
    click.echo(done.said)


@personal_group.command()
@STATE_DIR
@click.pass_obj
def rollback(context: Context, *, state_dir: str | None) -> None:
    """Go back to what was in force before, and learn no more until told to."""
    from stt_service.app_personal import roll_back  # noqa: PLC0415

    state = roll_back(context.settings({"paths": {"state": state_dir}}))
    now = f"version {state.in_force}" if state.in_force else "the model's own scorer"
    click.echo(f"{now} is in force; nothing is learned until: stt-service personal learn")


@personal_group.command()
@YES
@STATE_DIR
@click.pass_obj
def forget(context: Context, *, yes: bool, state_dir: str | None) -> None:
    """Delete all that was learned; what is kept stays, and is learned from again."""
    from stt_service.app_personal import forget as run  # noqa: PLC0415
    from stt_service.app_personal import status as found  # noqa: PLC0415

    settings = context.settings({"paths": {"state": state_dir}})
    if not found(settings).versions:
        click.echo("nothing was learned so far", err=True)
        sys.exit(0)
    if not yes:
        agree("Delete what was learned?")
    click.echo(f"{counted(run(settings), 'versions', 'were')} deleted")
