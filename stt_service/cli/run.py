"""``stt-service run``: the daemon, from the command line or as a system service."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stt_service.cli.common import Context

if TYPE_CHECKING:
    from stt_service.events import UtteranceFinal
    from stt_service.settings import Settings


def _show(event: UtteranceFinal) -> None:
    click.echo(event.transcript.text)
    sys.stdout.flush()


@click.command()
@click.option(
    "--source",
    metavar="SOURCE",
    help="microphone[:NAME], wav:FILE, cmd:COMMAND or stdin.",
)
@click.option("--once", is_flag=True, help="Stop when the source ends.")
@click.option("--fast", is_flag=True, help="Read a recording as fast as it is recognised.")
@click.option("--print", "printing", is_flag=True, help="Print what was said, a line each.")
@click.option(
    "--mode",
    type=click.Choice(["continuous", "push-to-talk", "wake"]),
    help="What counts: everything, one utterance after `listen`, or what follows a wake phrase.",
)
@click.option("--model", metavar="FILE|NAME", help="A .tflite file or an installed model.")
@click.option("--scorer", metavar="FILE|none", help="A .scorer or .ngram file, or none.")
@click.option("--phrases", metavar="NAMES|PATH", help="Listen for these phrases.")
@click.option(
    "--phrases-mode",
    type=click.Choice(["strict", "bias"]),
    help="Only the phrases, or preferably.",
)
@click.option(
    "--hot-word", "hot_words", metavar="WORD:BOOST", multiple=True, help="Boost a word. Repeatable."
)
@click.option("--port", type=int, metavar="N", help="TCP port of the server, 0 for any free one.")
@click.option("--server/--no-server", default=None, help="Whether there is a server at all.")
@click.option("--state-dir", metavar="FOLDER", help="What is remembered, instead of paths.state.")
@click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), help="The same as before `run`."
)
@click.pass_obj
def run(
    context: Context,
    *,
    source: str | None,
    once: bool,
    fast: bool,
    printing: bool,
    mode: str | None,
    model: str | None,
    scorer: str | None,
    phrases: str | None,
    phrases_mode: str | None,
    hot_words: tuple[str, ...],
    port: int | None,
    server: bool | None,
    state_dir: str | None,
    config: Path | None,
) -> None:
    """Listen, and never stop listening.

    SIGTERM and Ctrl-C end it, the utterance under way first; SIGHUP reads the settings anew. A
    missing microphone or model is reported and waited for.
    """
    if config is not None:
        context = replace(context, config_file=config)
    flags: dict[str, dict[str, object]] = {
        "source": {"name": source},
        "model": {"name": model},
        "scorer": {"path": scorer},
        "listener": {
            "mode": mode,
            "phrases": phrases,
            "phrases_mode": phrases_mode,
            "hot_words": hot_words or None,
        },
        "server": {"port": port, "enabled": server},
        "paths": {"state": state_dir},
    }

    def load() -> Settings:
        return context.settings(flags)

    load()  # so that a mistake does not wait for the imports
    from stt_service.app_daemon import Daemon  # noqa: PLC0415

    daemon = Daemon(load, once=once, real_time=not fast, show=_show if printing else None)
    sys.exit(daemon.run())
