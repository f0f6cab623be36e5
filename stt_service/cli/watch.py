"""``stt-service watch``: what a running daemon hears, live."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from stt_service.cli.common import Context
from stt_service.cli.reach import reaching, where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.text import Text

    from stt_service.client import Received
    from stt_service.server.messages import Final, Hello

DOUBTFUL = 0.5
"""Confidence below which a word is marked."""
SURE = 0.8
"""Confidence from which a result is shown as certain."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print every message as a line of JSON.")
@click.option("--kinds", metavar="KINDS", help="Only these kinds, parted by commas.")
@reaching
@click.pass_obj
def watch(
    context: Context, *, as_json: bool, kinds: str | None, url: str | None, token: str | None
) -> None:
    """Show what a running daemon hears, until Ctrl-C. It reconnects by itself."""
    from stt_service.client import Client, as_mapping  # noqa: PLC0415 -- `--help` need not wait
    from stt_service.server.messages import KINDS  # noqa: PLC0415

    wanted = None
    if kinds is not None:
        wanted = tuple(kind.strip() for kind in kinds.split(","))
        if unknown := [kind for kind in wanted if kind not in KINDS]:
            raise click.UsageError(f"no kind {unknown[0]!r}; there are {', '.join(KINDS)}")
    client = Client(where(context, url, token, wanted))
    if as_json:
        for message in client.messages():
            click.echo(json.dumps(as_mapping(message), ensure_ascii=False))
            sys.stdout.flush()
        return
    _show(once_each(client.messages()))


def once_each(messages: Iterator[Received]) -> Iterator[Received]:
    """Leave out what a daemon that stays away is missed for again: it was said."""
    from stt_service.client import Disconnected  # noqa: PLC0415 -- `--help` need not wait

    told = None
    for message in messages:
        reason = message.reason if isinstance(message, Disconnected) else None
        if reason is None or reason != told:
            yield message
        told = reason


def _show(messages: Iterator[Received]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False)
    with Live(Text(""), console=console, refresh_per_second=10, transient=True) as live:
        for message in messages:
            line, lasting = describe(message)
            if lasting and line is not None:
                live.update(Text(""))
                console.print(line)
            elif line is not None and console.is_terminal:
                live.update(line)


def describe(  # noqa: C901, PLR0911, PLR0912 -- one for each kind
    message: Received,
) -> tuple[Text | None, bool]:
    """Return a message as a line, None for nothing; and whether the line stays."""
    from rich.text import Text  # noqa: PLC0415

    from stt_service.client import Disconnected  # noqa: PLC0415
    from stt_service.server import messages as m  # noqa: PLC0415

    match message:
        case m.Partial():
            rest = message.text.removeprefix(message.stable)
            return Text.assemble((message.stable, "bold"), (rest, "dim italic")), False
        case m.SpeechStarted():
            return Text("…", style="dim"), False
        case m.Final():
            return _final(message), True
        case m.Rejected():
            said = f"{message.text or '(nothing)'}  [{message.reason}]"
            return Text(said, style="dim strike" if message.text else "dim"), True
        case m.Mute():
            reasons = f" by {', '.join(message.reasons)}" if message.reasons else ""
            return Text(f"{'muted' if message.muted else 'listening'}{reasons}", "yellow"), True
        case m.FaultMessage():
            return Text(f"{message.message}. {message.remedy}".rstrip(". "), style="red"), True
        case m.Recovered():
            return Text(message.message, style="green"), True
        case m.Wake():
            return Text(f"({message.phrase})", style="cyan"), True
        case m.Hello():
            return _hello(message), True
        case m.ErrorMessage():
            return Text(f"{message.message}. {message.remedy}".rstrip(". "), style="red"), True
        case m.Level():
            return Text(f"{message.rms_db:6.1f} dB", style="dim"), False
        case Disconnected():
            return Text(f"no daemon: {message.reason}; trying until it is there", "red"), True
        case _:
            return None, False


def _final(message: Final) -> Text:
    from rich.text import Text  # noqa: PLC0415

    sure = message.confidence or 0.0
    line = Text(f"{sure:4.0%}  ", style="green" if sure >= SURE else "yellow")
    for word in message.words:
        line.append(word.word, "underline yellow" if word.confidence < DOUBTFUL else "bold default")
        line.append(" ")
    if message.intent:
        slots = "".join(f" {name}={value}" for name, value in message.slots.items())
        line.append(f" {message.intent}{slots}", "cyan")
    return line


def _hello(message: Hello) -> Text:
    from rich.text import Text  # noqa: PLC0415

    state = message.state
    doing = "listening to" if state.ready else "waiting for"
    line = Text(f"{message.server}, {doing} {state.source}", style="dim")
    if state.muted:
        line.append(f", muted by {', '.join(state.mute_reasons)}", "yellow")
    for fault in state.faults:
        line.append(f"; {fault.message}", "red")
    return line
