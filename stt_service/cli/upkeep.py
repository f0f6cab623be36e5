"""``stt-service upkeep``: what is to be done every night, once."""

from __future__ import annotations

import sys

import click

from stt_service.cli.common import Context, counted
from stt_service.cli.consent import STATE_DIR
from stt_service.errors import SttError


@click.command()
@STATE_DIR
@click.pass_obj
def upkeep(context: Context, *, state_dir: str | None) -> None:
    """Do what is due every night: keep what is kept to its quota, refresh datasets.

    A line for each. What fails holds up nothing else; the status is 1 then.
    """
    from stt_service.app_upkeep import tasks  # noqa: PLC0415 -- `--help` need not wait

    failed = 0
    for task in tasks(context.settings({"paths": {"state": state_dir}})):
        try:
            click.echo(f"{task.name}: {task.do()}")
        except SttError as error:
            failed += 1
            click.echo(f"{task.name}: {error}", err=True)
    if failed:
        click.echo(f"{counted(failed, 'tasks')} failed; the next night tries again", err=True)
        sys.exit(1)
