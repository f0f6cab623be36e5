"""The ``stt-service`` command: finds the sub-command, runs it, turns faults into one line.

Sub-commands are imported when they are called, so that none pays for another: the first word of
a transcript is not to wait for the downloader.
"""

from __future__ import annotations

import atexit
import importlib
import io
import logging
import os
import sys
from pathlib import Path
from typing import NoReturn, TextIO

import click

from stt_service import __version__
from stt_service.cli.common import Context, end_standard_error
from stt_service.errors import SttError
from stt_service.start import INTERRUPTED

STREAMS = {
    "stdin": ("r", os.O_RDONLY),
    "stdout": ("w", os.O_RDONLY),
    "stderr": ("w", os.O_WRONLY),
}
"""What stands in for a closed stream: the mode it claims and how the null device is opened."""

COMMANDS = {
    "collector": ("stt_service.cli.collector:collector_group", "Receive what devices send."),
    "config": ("stt_service.cli.config:config_group", "Show and check the settings."),
    "consent": ("stt_service.cli.consent:consent_group", "Decide whether what is said is kept."),
    "dataset": ("stt_service.cli.dataset:dataset_group", "Export what people agreed on."),
    "demo": ("stt_service.cli.demo:demo", "Transcribe the bundled recordings."),
    "devices": ("stt_service.cli.devices:devices", "List microphones; show how loud they are."),
    "doctor": ("stt_service.cli.doctor:doctor", "Say what is wrong here, and how to mend it."),
    "engine": ("stt_service.cli.engine:engine_group", "Fetch and check recognition libraries."),
    "listen": ("stt_service.cli.control:listen", "Have the daemon take the next utterance."),
    "models": ("stt_service.cli.models:models_group", "List, install and choose models."),
    "mute": ("stt_service.cli.control:mute", "Make the daemon stop listening."),
    "personal": ("stt_service.cli.personal:personal_group", "Learn the owner's own words."),
    "phrases": ("stt_service.cli.phrases:phrases_group", "List ready phrases, check your own."),
    "queue": ("stt_service.cli.queue:queue_group", "See and steer what leaves this device."),
    "run": ("stt_service.cli.run:run", "Listen and never stop listening."),
    "scorer": ("stt_service.cli.scorer:scorer_group", "Build and inspect language models."),
    "setup": ("stt_service.cli.setup:setup", "Choose microphone, settings and model, once."),
    "tagger": ("stt_service.cli.tagger:tagger_group", "Invite people to tag for a collector."),
    "transcribe": ("stt_service.cli.transcribe:transcribe", "Turn recordings into text."),
    "tune": ("stt_service.cli.tune:tune", "Show how settings cut recordings into utterances."),
    "unmute": ("stt_service.cli.control:unmute", "Make the daemon listen again."),
    "upkeep": ("stt_service.cli.upkeep:upkeep", "Do what is due every night."),
    "utterances": (
        "stt_service.cli.utterances:utterances_group",
        "See, hear, delete what is kept.",
    ),
    "watch": ("stt_service.cli.watch:watch", "Show what the daemon hears."),
}
"""Name to place and one-line help; the help stands here so that ``--help`` imports nothing."""


class LazyGroup(click.Group):
    """A group whose sub-commands are imported on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """Return all names, for ``--help`` and completion."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the sub-command; None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list for ``--help`` without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="stt-service")
@click.option("-v", "--verbose", count=True, help="Log what is done; -vv also shows transcripts.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Read this settings file after the system's and the user's own.",
)
@click.pass_context
def program(ctx: click.Context, verbose: int, config: Path | None) -> None:
    """Speech-to-text that runs whole on a Raspberry Pi."""
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    logging.basicConfig(
        level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    # Libraries stay at warnings: only our own modules have promised not to log transcripts.
    logging.getLogger("stt_service").setLevel(level)
    ctx.obj = Context(config_file=config)


def main() -> NoReturn:
    """Run the program and exit: 0 done, 1 a fault, 2 wrong use, 130 interrupted."""
    _prepare_streams()
    atexit.register(end_standard_error)
    try:
        status = program.main(standalone_mode=False, prog_name="stt-service")
    except SttError as error:
        click.echo(f"error: {error}", err=True)
        status = 1
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        status = 2
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        status = INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough (`| head`).
        _abandon_stdout()
        status = 1
    except OSError as error:
        # A full disk, a folder taken away: the parts name their files, standard output has none.
        _abandon_stdout()
        place = error.filename or "standard output or another stream"
        click.echo(f"error: {place}: {error.strerror or error}", err=True)
        status = 1
    sys.exit(status if isinstance(status, int) else 0)


def _prepare_streams() -> None:
    """Make output UTF-8 in every locale, and give closed streams (`>&-`) something to be.

    A closed standard input is an empty one, and a closed standard error swallows. Standard output
    becomes a descriptor that cannot be written to, so that results are not lost in silence.
    """
    streams: dict[str, TextIO | None] = {name: getattr(sys, name) for name in STREAMS}
    for name, stream in streams.items():
        if stream is None:
            mode, flag = STREAMS[name]
            setattr(sys, name, os.fdopen(os.open(os.devnull, flag), mode, encoding="utf-8"))
    if isinstance(sys.stdout, io.TextIOWrapper):
        # File names are bytes on Linux: those that are no UTF-8 go out as they came in.
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")


def _abandon_stdout() -> None:
    """Drop what could not be written: Python would complain again when it flushes."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return  # not a file at all
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
