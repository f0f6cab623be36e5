"""``stt-service tagger``: who may tag what a collector has. For its host."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from stt_service.cli.common import Commands, counted
from stt_service.cli.dataset import DATABASE, opened

if TYPE_CHECKING:
    from stt_service.collector.tagging import Tagging


@click.group("tagger", cls=Commands)
def tagger_group() -> None:
    """Invite people to tag, and see how they do."""


@contextmanager
def _tagging(database: str) -> Iterator[Tagging]:
    from stt_service.errors import CollectorError  # noqa: PLC0415

    def silent(_: str) -> bytes:
        raise CollectorError("there is no sound on the command line")

    with opened(database) as engine:
        from stt_service.collector.tagging import Tagging  # noqa: PLC0415 -- an extra

        yield Tagging(engine, silent)


@tagger_group.command()
@DATABASE
@click.option("--count", type=click.IntRange(1, 1000), default=1, show_default=True, help="People.")
@click.option(
    "--reference",
    is_flag=True,
    help="Somebody whose agreed texts measure all others: you, and people you trust.",
)
def invite(*, database: str, count: int, reference: bool) -> None:
    """Print invitations: give one to each person, once. They are good for 30 days."""
    with _tagging(database) as tagging:
        for _ in range(count):
            click.echo(tagging.invite(time.time(), reference=reference))


@tagger_group.command("list")
@DATABASE
def list_taggers(*, database: str) -> None:
    """Print the number and the figures of each tagger; nobody knows here who they are."""
    with _tagging(database) as tagging:
        people = tagging.people()
    for one in people:
        known = one.right + one.wrong
        share = f"{one.right}/{known} known right" if known else "no known clip yet"
        marks = [
            mark
            for mark, holds in (
                ("reference", one.reference),
                ("barred", one.barred),
                ("does not count", not one.barred and not one.counts),
            )
            if holds
        ]
        click.echo(f"{one.number:5}  {one.tagged:7} clips  {share}  {' '.join(marks)}".rstrip())
    if not people:
        click.echo("nobody has joined yet; see: stt-service tagger invite")


@tagger_group.command()
@click.argument("number", type=int)
@DATABASE
def bar(*, number: int, database: str) -> None:
    """Take away the key of tagger NUMBER, and all votes given with it."""
    with _tagging(database) as tagging:
        count = tagging.set_barred(number, barred=True)
    click.echo(f"{counted(count, 'clips', 'were')} judged anew")


@tagger_group.command()
@click.argument("number", type=int)
@DATABASE
def admit(*, number: int, database: str) -> None:
    """Let tagger NUMBER and what they said count again."""
    with _tagging(database) as tagging:
        count = tagging.set_barred(number, barred=False)
    click.echo(f"{counted(count, 'clips', 'were')} judged anew")
