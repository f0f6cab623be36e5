"""``stt-service config``: what is in force, who says so, and whether it is free of mistakes."""

from __future__ import annotations

import json

import click

from stt_service.cli.common import Commands, Context, ask
from stt_service.cli.settings_file import check_own, own_file, read_own, save_own
from stt_service.errors import ConfigError

NEW_FILE = (
    "# Settings of stt-service; copy only the keys you change from docs/configuration.md or\n"
    "# `stt-service config show`.\n\n"
)
DEFAULT = "default"
"""The source of what nobody has set; see :mod:`stt_service.config`."""


@click.group("config", cls=Commands)
def config_group() -> None:
    """Show, check and edit the settings."""


@config_group.command()
@click.pass_obj
def show(context: Context) -> None:
    """Print every setting as TOML, each with its source.

    Mistakes in any layer are reported all at once.
    """
    loaded = context.load()
    for section, keys in loaded.settings.model_dump(mode="json").items():
        click.echo(f"[{section}]")
        for key, value in keys.items():
            # Strings and numbers are written alike in JSON and in TOML.
            click.echo(f"{key} = {json.dumps(value)}  # {loaded.sources[section, key]}")
        click.echo()


@config_group.command()
@click.pass_obj
def check(context: Context) -> None:
    """Check all layers: files, --config and environment.

    Exits with 1 and prints every mistake when there is one.
    """
    loaded = context.load()
    spoken = dict.fromkeys(source for source in loaded.sources.values() if source != DEFAULT)
    click.echo(f"no mistakes; settings come from {', '.join(spoken) or 'the defaults alone'}")


@config_group.command()
@click.pass_obj
def edit(context: Context) -> None:
    """Open your own settings, or those of --config, in $EDITOR.

    They are saved only when they are free of mistakes, so that a running daemon can always
    reload them.
    """
    path = own_file(context)
    before = read_own(path)
    draft = before or NEW_FILE
    while True:
        changed = click.edit(draft, extension=".toml", require_save=False)
        if changed is None or changed == before or (not before and changed == NEW_FILE):
            click.echo(f"{path} is as it was")
            return
        draft = changed
        try:
            check_own(context, path, draft)
        except ConfigError as error:
            click.echo(f"error: {error}", err=True)
            if not ask("Edit it again? Otherwise it stays as it was", default=True):
                raise ConfigError(f"{path} was not changed") from error
        else:
            break
    save_own(path, draft)
    click.echo(f"saved {path}; a running daemon reads it with `systemctl reload stt-service`")
