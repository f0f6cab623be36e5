"""``stt-service mute | unmute | listen``: tell a running daemon."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

from stt_service.cli.common import Context
from stt_service.cli.reach import reaching, where

if TYPE_CHECKING:
    from stt_service.server.commands import MuteCommand, UnmuteCommand

_C = TypeVar("_C", "MuteCommand", "UnmuteCommand")


@click.command()
@click.argument("reason", default="command line")
@reaching
@click.pass_obj
def mute(context: Context, reason: str, url: str | None, token: str | None) -> None:
    """Make the daemon stop listening, also after a restart, until REASON is taken away."""
    from stt_service.client import Client  # noqa: PLC0415 -- `--help` need not wait for it
    from stt_service.server.commands import MuteCommand  # noqa: PLC0415

    command = _with_reason(lambda: MuteCommand(type="mute", reason=reason))
    before = Client(where(context, url, token, ())).ask(command)
    reasons = [*(one for one in before.mute_reasons if one != reason), reason]
    click.echo(f"muted by {', '.join(reasons)}")


@click.command()
@click.argument("reason", required=False)
@reaching
@click.pass_obj
def unmute(context: Context, reason: str | None, url: str | None, token: str | None) -> None:
    """Take REASON away, or all of them; without any, the daemon listens."""
    from stt_service.client import Client  # noqa: PLC0415
    from stt_service.server.commands import UnmuteCommand  # noqa: PLC0415

    command = _with_reason(lambda: UnmuteCommand(type="unmute", reason=reason))
    before = Client(where(context, url, token, ())).ask(command).mute_reasons
    if reason is not None and reason not in before:
        click.echo(f"note: it was not muted by {reason}", err=True)
    left = [one for one in before if reason is not None and one != reason]
    click.echo(f"still muted by {', '.join(left)}" if left else "listening")


@click.command()
@reaching
@click.pass_obj
def listen(context: Context, url: str | None, token: str | None) -> None:
    """Have the next utterance count, as a button for push-to-talk does."""
    from stt_service.client import Client  # noqa: PLC0415
    from stt_service.server.commands import ListenCommand  # noqa: PLC0415

    before = Client(where(context, url, token, ())).ask(ListenCommand(type="listen"))
    click.echo("the next utterance counts")
    if before.muted:
        reasons = ", ".join(before.mute_reasons)
        click.echo(f"note: it is muted by {reasons}; stt-service unmute ends that", err=True)


def _with_reason(make: Callable[[], _C]) -> _C:
    """Return the command. Raises click's usage error for a reason that the protocol refuses."""
    from pydantic import ValidationError  # noqa: PLC0415

    from stt_service.server.commands import MAX_NAME  # noqa: PLC0415

    try:
        return make()
    except ValidationError as error:
        raise click.UsageError(
            f"a REASON has 1 to {MAX_NAME} characters, and all on one line"
        ) from error
