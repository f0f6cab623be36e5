"""``stt-service utterances``: look at what is kept, hear it, correct it, take it out, delete it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stt_service.cli.common import Commands, Context, agree, counted
from stt_service.cli.consent import JSON, STATE_DIR, YES

if TYPE_CHECKING:
    from stt_service.store.kept import Kept, Verdict
    from stt_service.store.utterances import Utterances

ID_SHOWN = 8
"""Characters of an id: enough to tell a million apart by hand."""


@click.group("utterances", cls=Commands)
def utterances_group() -> None:
    """See, hear, correct, export and delete what is kept."""


@contextmanager
def _opened(context: Context, state_dir: str | None) -> Iterator[Utterances | None]:
    """Lend the utterances, None where nobody ever agreed: looking makes no files."""
    from stt_service.app_store import has_store, open_store  # noqa: PLC0415

    settings = context.settings({"paths": {"state": state_dir}})
    if not has_store(settings):
        yield None
        return
    with open_store(settings) as store:
        yield store.utterances


def _find(kept: Utterances | None, prefix: str) -> tuple[Utterances, Kept]:
    from stt_service.errors import StoreError  # noqa: PLC0415

    if kept is None:
        raise StoreError("nothing is kept", "See: stt-service consent status")
    return kept, kept.get(prefix)


@utterances_group.command("list")
@JSON
@STATE_DIR
@click.pass_obj
def list_utterances(context: Context, *, as_json: bool, state_dir: str | None) -> None:
    """Print what is kept, oldest first: id, time, length, text.

    * marks corrected ones, + accepted ones, - rejected ones.
    """
    with _opened(context, state_dir) as kept:
        found = kept.listing() if kept is not None else []
    if not found and sys.stderr.isatty():  # for people; what reads lines gets none
        click.echo("nothing is kept; stt-service consent status says why", err=True)
    for one in found:
        if as_json:
            click.echo(json.dumps(one.public(), ensure_ascii=False))
            continue
        when = datetime.fromtimestamp(one.saved).astimezone().isoformat(" ", "minutes")
        mark, said = (" ", one.text) if one.label is None else ("*", one.label)
        said = said if one.readable else "(sealed, and the key is not here)"
        verdict = {"accepted": "+", "rejected": "-"}.get(one.review or "", " ")
        click.echo(f"{one.id[:ID_SHOWN]}  {when}  {one.seconds:5.1f} s {verdict}{mark} {said}")


@utterances_group.command()
@click.argument("id")
@STATE_DIR
@click.pass_obj
def play(context: Context, *, id: str, state_dir: str | None) -> None:  # noqa: A002 -- as shown
    """Play the utterance whose id begins with ID."""
    from stt_service.app_store import play_sound  # noqa: PLC0415

    with _opened(context, state_dir) as kept:
        store, one = _find(kept, id)
        sound = store.sound(one)
    play_sound(sound)


@utterances_group.command()
@click.argument("id")
@click.argument("text")
@STATE_DIR
@click.pass_obj
def label(context: Context, *, id: str, text: str, state_dir: str | None) -> None:  # noqa: A002
    """Write down as TEXT what was really said in the utterance ID."""
    with _opened(context, state_dir) as kept:
        store, one = _find(kept, id)
        store.label(one, text)
    click.echo(f"{one.id[:ID_SHOWN]}  {text}")


def _decide(
    context: Context,
    ids: tuple[str, ...],
    state_dir: str | None,
    verdict: Verdict,
    *,
    waiting: bool,
) -> None:
    if bool(ids) == waiting:
        raise click.UsageError("name utterances, or say --all")
    with _opened(context, state_dir) as kept:
        if waiting:
            chosen = [one for one in kept.listing() if one.review is None] if kept else []
        else:
            chosen = [_find(kept, one)[1] for one in ids]
        for one in chosen:
            assert kept is not None, "there was something in it"
            kept.review(one, verdict)
    click.echo(f"{counted(len(chosen), 'utterances', 'were')} {verdict}")


@utterances_group.command()
@click.argument("ids", metavar="ID...", nargs=-1)
@click.option("--all", "waiting", is_flag=True, help="All that wait.")
@STATE_DIR
@click.pass_obj
def accept(context: Context, *, ids: tuple[str, ...], waiting: bool, state_dir: str | None) -> None:
    """Let utterances leave, if the consent allows that, once their time here is over."""
    _decide(context, ids, state_dir, "accepted", waiting=waiting)


@utterances_group.command()
@click.argument("ids", metavar="ID...", nargs=-1)
@click.option("--all", "waiting", is_flag=True, help="All that wait.")
@STATE_DIR
@click.pass_obj
def reject(context: Context, *, ids: tuple[str, ...], waiting: bool, state_dir: str | None) -> None:
    """Keep utterances from leaving; those that have left are asked back."""
    _decide(context, ids, state_dir, "rejected", waiting=waiting)


@utterances_group.command()
@click.argument("ids", metavar="ID...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All of them; the consent stays.")
@YES
@STATE_DIR
@click.pass_obj
def delete(
    context: Context, *, ids: tuple[str, ...], everything: bool, yes: bool, state_dir: str | None
) -> None:
    """Delete utterances for good, here and wherever they were sent."""
    if bool(ids) == everything:
        raise click.UsageError("name utterances, or say --all")
    with _opened(context, state_dir) as kept:
        if everything:
            chosen = kept.listing() if kept is not None else []
        else:
            chosen = [_find(kept, one)[1] for one in ids]
        if chosen and not yes:
            agree(f"Delete {counted(len(chosen), 'utterances')}?")
        count = kept.delete(chosen) if kept is not None else 0
    click.echo(f"{counted(count, 'utterances', 'were')} deleted")


@utterances_group.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@STATE_DIR
@click.pass_obj
def export(context: Context, *, folder: Path, state_dir: str | None) -> None:
    """Copy all sound and what is known of it into FOLDER, which must be new or empty.

    The copies are yours: a withdrawal does not delete them.
    """
    from stt_service.app_store import export_to  # noqa: PLC0415

    with _opened(context, state_dir) as kept:
        count = 0 if kept is None else export_to(kept, folder)
    click.echo(f"{counted(count, 'utterances', 'were')} copied to {folder}")


@utterances_group.command()
@JSON
@STATE_DIR
@click.pass_obj
def stats(context: Context, *, as_json: bool, state_dir: str | None) -> None:
    """Print how much is kept, and what has left."""
    from dataclasses import asdict  # noqa: PLC0415

    from stt_service.store.kept import Stats  # noqa: PLC0415

    with _opened(context, state_dir) as kept:
        found = Stats() if kept is None else kept.stats()
    if as_json:
        click.echo(json.dumps(asdict(found)))
        return
    click.echo(
        f"{counted(found.utterances, 'utterances')}, {found.seconds / 60:.1f} minutes, "
        f"{found.bytes / 2**20:.1f} of {found.quota_bytes >> 20} MiB; {found.labelled} corrected"
    )
    waiting = found.utterances - found.accepted - found.rejected
    click.echo(f"{waiting} wait for review, {found.accepted} accepted, {found.rejected} rejected")
    click.echo(f"{found.sent} have been sent; {found.tombstones} wait to be deleted elsewhere")
