"""``stt-service config``: what is in force, who says so, and whether it is free of mistakes."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import click

from stt_service.cli.common import Context
from stt_service.errors import ConfigError

NEW_FILE = (
    "# Settings of stt-service; copy only the keys you change from docs/configuration.md or\n"
    "# `stt-service config show`.\n\n"
)
DEFAULT = "default"
"""The source of what nobody has set; see :mod:`stt_service.config`."""


@click.group("config")
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
    from stt_service.config import user_file  # noqa: PLC0415 -- as in Context

    path = (context.config_file or user_file()).resolve()
    before = _current(path)
    draft = before or NEW_FILE
    while True:
        changed = click.edit(draft, extension=".toml", require_save=False)
        if changed is None or changed == before or (not before and changed == NEW_FILE):
            click.echo(f"{path} is as it was")
            return
        draft = changed
        try:
            _check(context, path, draft)
        except ConfigError as error:
            click.echo(f"error: {error}", err=True)
            if not click.confirm("Edit it again? Otherwise it stays as it was", default=True):
                raise ConfigError(f"{path} was not changed") from error
        else:
            break
    _save(path, draft)
    click.echo(f"saved {path}; a running daemon reads it with `systemctl reload stt-service`")


def _current(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be edited: {error}") from error


def _check(context: Context, path: Path, text: str) -> None:
    """Raise :exc:`ConfigError` for what all layers would say with this text in place."""
    from stt_service.config import load  # noqa: PLC0415

    with tempfile.NamedTemporaryFile("w", suffix=".toml", encoding="utf-8") as draft:
        draft.write(text)
        draft.flush()
        name = Path(draft.name)
        own = context.config_file is None
        try:
            load(file=None if own else name, personal_file=name if own else None)
        except ConfigError as error:
            raise ConfigError(error.message.replace(str(name), str(path)), error.remedy) from error


def _save(path: Path, text: str) -> None:
    from stt_service.atomic import write_atomically  # noqa: PLC0415

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        write_atomically(path, text.encode())
        path.chmod(mode)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}", "Nothing was changed"
        ) from error
