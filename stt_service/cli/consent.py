"""``stt-service consent``: who agrees that what they say is kept; asked plainly, no by default."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from stt_service.cli.common import Commands, Context, agree, counted
from stt_service.errors import ConsentError

if TYPE_CHECKING:
    from stt_service.store.consent import Actor, Consent, How, Scope, Standing

STATE_DIR = click.option(
    "--state-dir", metavar="FOLDER", help="What is remembered, instead of paths.state."
)
JSON = click.option("--json", "as_json", is_flag=True, help="For programs.")
YES = click.option("--yes", is_flag=True, help="Do not ask.")
AS = click.option(
    "--as",
    "actor",
    type=click.Choice(["owner", "guest"]),
    default="owner",
    help="Who it is; a guest only in guest mode.",
)
SCOPE = click.option(
    "--scope",
    type=click.Choice(["keep", "upload", "publish"]),
    default="keep",
    show_default=True,
    help="How far it may go.",
)
MEANING = {
    "keep": "it stays on this device",
    "upload": "it may be sent to the collection that was set up, and is not published",
    "publish": "it may become part of an open dataset",
}


@click.group("consent", cls=Commands)
def consent_group() -> None:
    """Decide whether what is said is kept."""


@consent_group.command()
@STATE_DIR
@JSON
@click.pass_obj
def status(context: Context, *, state_dir: str | None, as_json: bool) -> None:
    """Say whether what is said is kept now, and who agreed to it."""
    standing, count, newer = _standing(context, state_dir)
    if as_json:
        live = standing.live
        found: dict[str, Any] = {
            "saving": live is not None,
            "guests": standing.guests,
            "owner": asdict(standing.owner) if standing.owner else None,
            "guest": asdict(standing.guest) if standing.guest else None,
            "utterances": count,
            "newer_text": newer,
        }
        click.echo(json.dumps(found))
        return
    click.echo("saving is on" if standing.live else "saving is off: nothing that is said is kept")
    if standing.guests and standing.guest is None:
        click.echo("guest mode is on, and no guest has agreed: stt-service consent give --as guest")
    elif standing.guests:
        click.echo("guest mode is on")
    for who in (standing.owner, standing.guest):
        if who is not None:
            click.echo(_line(who))
    if newer:
        click.echo("there is a newer text: stt-service consent text")
    click.echo(f"{counted(count, 'utterances', 'are')} kept")


def _standing(context: Context, state_dir: str | None) -> tuple[Standing, int, bool]:
    """Return the standing, how many utterances there are, and whether the text has changed."""
    from stt_service.app_store import has_store, open_store  # noqa: PLC0415
    from stt_service.store.consent import Standing  # noqa: PLC0415
    from stt_service.store.texts import CURRENT  # noqa: PLC0415

    settings = context.settings({"paths": {"state": state_dir}})
    if not has_store(settings):  # looking makes no files
        return Standing(), 0, False
    with open_store(settings) as store:
        standing = store.ledger.standing()
        count = store.utterances.stats().utterances
    agreed = [one.text_version for one in (standing.owner, standing.guest) if one is not None]
    return standing, count, any(version < CURRENT for version in agreed)


def _line(consent: Consent) -> str:
    return (
        f"the {consent.actor} agreed on {consent.since} to `{consent.scope}` "
        f"({MEANING[consent.scope]}), text {consent.text_version}, "
        f"pseudonym {consent.pseudonym[:8]}"
    )


@consent_group.command()
@SCOPE
@AS
@click.option(
    "--from-mycroft",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Take over `opt_in` of a Mycroft configuration; refuses when that is not true.",
)
@YES
@STATE_DIR
@click.pass_obj
def give(
    context: Context,
    *,
    scope: str,
    actor: str,
    from_mycroft: Path | None,
    yes: bool,
    state_dir: str | None,
) -> None:
    """Agree that what is said from now on is kept; shows the text and asks."""
    from stt_service.app_store import open_store, opted_in  # noqa: PLC0415

    settings = context.settings({"paths": {"state": state_dir}})
    if from_mycroft is not None:
        if not opted_in(from_mycroft):
            raise ConsentError(
                f"{from_mycroft} does not say `opt_in: true`", "Nothing has been changed"
            )
        click.echo(f"{from_mycroft} says `opt_in: true`.")
    if not yes:
        _show_text()
        agree(f"Do you agree, with the scope {scope}: {MEANING[scope]}?")
    how = "mycroft" if from_mycroft is not None else "yes-option" if yes else "asked"
    with open_store(settings) as store:
        given = store.ledger.give(
            cast("Scope", scope), cast("How", how), actor=cast("Actor", actor)
        )
    click.echo(_line(given))
    click.echo("To change your mind: stt-service consent withdraw")


@consent_group.command()
@AS
@YES
@STATE_DIR
@click.pass_obj
def withdraw(context: Context, *, actor: str, yes: bool, state_dir: str | None) -> None:
    """End saving at once and delete what was kept: all of it, or with --as guest that of guests."""
    from stt_service.app_store import has_store, open_store  # noqa: PLC0415

    settings = context.settings({"paths": {"state": state_dir}})
    if not has_store(settings):
        click.echo("nobody has agreed to anything, and nothing is kept")
        return
    if not yes:
        whose = "everything" if actor == "owner" else "what guests said"
        agree(f"Stop saving, and delete {whose} that is kept?")
    with open_store(settings) as store:
        count = store.utterances.withdraw(cast("Actor", actor), "yes-option" if yes else "asked")
        left = store.utterances.stats().tombstones
    click.echo(f"saving has stopped; {counted(count, 'utterances', 'were')} deleted")
    if left:
        click.echo(f"{left} were sent; their deletion there will be asked for until confirmed")


@consent_group.command()
@click.argument("present", type=click.Choice(["on", "off"]))
@STATE_DIR
@click.pass_obj
def guests(context: Context, *, present: str, state_dir: str | None) -> None:
    """Turn guest mode on or off: what is said counts as a guest's, who has not agreed yet."""
    from stt_service.app_store import has_store, open_store  # noqa: PLC0415

    settings = context.settings({"paths": {"state": state_dir}})
    if has_store(settings) or present == "on":
        with open_store(settings) as store:
            store.ledger.set_guests(present=present == "on")
    click.echo(f"guest mode is {present}")


@consent_group.command()
@STATE_DIR
@JSON
@click.pass_obj
def history(context: Context, *, state_dir: str | None, as_json: bool) -> None:
    """Print the ledger, after checking that nobody has changed it."""
    from stt_service.app_store import has_store, open_store  # noqa: PLC0415

    settings = context.settings({"paths": {"state": state_dir}})
    entries = []
    if has_store(settings):
        with open_store(settings) as store:
            entries = store.ledger.entries()
    if as_json:
        click.echo(json.dumps([asdict(entry) for entry in entries]))
        return
    for one in entries:
        what = f" {one.scope}, text {one.text_version}" if one.scope else ""
        click.echo(f"{one.number}  {one.time}  {one.actor}  {one.action}{what}  ({one.how})")
    click.echo(f"{counted(len(entries), 'entries')}; the chain is whole")


@consent_group.command()
def text() -> None:
    """Print what is agreed to."""
    _show_text()


def _show_text() -> None:
    from stt_service.store.texts import consent_text  # noqa: PLC0415

    current = consent_text()
    assert current is not None, "the current text is part of the package"
    click.echo(current.text)
    click.echo(f"(text {current.version}, SHA-256 {current.sha256})")
