"""What several commands need: the settings of this call, questions, counts, a quiet end."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from stt_service.config import Loaded
    from stt_service.settings import Settings


WHOLE_SENTENCE = 1000
"""Letters of a command's line of help: more than any has, so that click cuts none off."""
SINGULAR = {"are": "is", "were": "was", "have": "has"}


@dataclass(frozen=True, slots=True)
class Context:
    """What the options before the sub-command have said; click hands it on as ``ctx.obj``."""

    config_file: Path | None = None
    """From ``--config``."""

    def load(self, flags: Mapping[str, Mapping[str, Any]] | None = None) -> Loaded:
        """Return all settings and their sources, the command's own options on top.

        ``flags`` holds section, key and value; options that were not given are None and count
        for nothing. Raises :exc:`ConfigError`.
        """
        from stt_service.config import load  # noqa: PLC0415 -- `--help` need not wait for it

        given = {
            section: {key: value for key, value in keys.items() if value is not None}
            for section, keys in (flags or {}).items()
        }
        return load(file=self.config_file, flags=given)

    def settings(self, flags: Mapping[str, Mapping[str, Any]] | None = None) -> Settings:
        """Return the settings alone. Raises :exc:`ConfigError`."""
        return self.load(flags).settings


class Commands(click.Group):
    """A group that lists its commands with their whole first sentences."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list for ``--help``."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, one.get_short_help_str(WHOLE_SENTENCE)) for name, one in found if one]
            )


def ask(question: str, *, default: bool = False) -> bool:
    """Return the answer. Raises click's abort at the end of input, on a line of its own."""
    try:
        return click.confirm(question, default=default)
    except click.Abort:
        click.echo()  # the question's line is still open
        raise


def agree(question: str) -> None:
    """Return when the answer is yes. Else say that nothing was changed, and raise click's abort."""
    try:
        agreed = ask(question)
    except click.Abort:
        agreed = False
    if not agreed:
        click.echo("nothing was changed", err=True)
        raise click.Abort


def counted(count: int, thing: str, verb: str = "") -> str:
    """Return ``2 utterances were``, ``1 utterance was``: the words are given as for several."""
    if count == 1:
        thing = (
            f"{thing.removesuffix('ies')}y" if thing.endswith("ies") else thing.removesuffix("s")
        )
        verb = SINGULAR.get(verb, verb)
    return f"{count} {thing} {verb}".rstrip()


def end_standard_error() -> None:
    """Keep libraries from taking leave: LiteRT's do so in C++, after Python has ended."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stderr.fileno())
        os.close(null)
    except (OSError, ValueError):
        return  # what is not written yet is for Python to report
