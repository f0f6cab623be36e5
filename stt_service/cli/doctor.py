"""``stt-service doctor``: what keeps it from working here, and what to do about it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stt_service.cli.common import Context
from stt_service.cli.reach import reaching, where
from stt_service.errors import ConfigError, SttError

if TYPE_CHECKING:
    from stt_service.app_doctor import Examination
    from stt_service.doctor.api import Finding

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}
WIDTH = 12
"""Columns of the area's name."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--listen/--no-listen", default=True, help="Whether to try the microphone.")
@click.option(
    "--bundle",
    "bundle_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write a report for a bug tracker, without any text of yours; - is standard output.",
)
@reaching
@click.pass_obj
def doctor(
    context: Context,
    *,
    as_json: bool,
    listen: bool,
    bundle_file: Path | None,
    url: str | None,
    token: str | None,
) -> None:
    """Look at everything that recognition needs; say what is wrong and how to mend it.

    Changes no setting and nothing that is kept. Listens for two seconds to the microphone, or asks
    a running daemon about it. Exits with 1 when something fails.
    """
    from stt_service.doctor.runner import examine  # noqa: PLC0415 -- `--help` need not wait

    examination = _examination(context, url, token, listen=listen)
    telling = not as_json and str(bundle_file) != "-"
    found = []
    for finding in examine(examination.checks()):
        found.append(finding)
        if telling:
            _show(finding)
    if as_json:
        click.echo(json.dumps({"ok": not _fails(found), "findings": [asdict(f) for f in found]}))
    elif telling:
        _sum_up(found)
    if bundle_file is not None:
        _write(bundle_file, examination.bundle(found))
    if _fails(found):
        sys.exit(1)


def _examination(
    context: Context, url: str | None, token: str | None, *, listen: bool
) -> Examination:
    """Return the checks, by the shipped settings where there are mistakes in the others."""
    from stt_service import client  # noqa: PLC0415
    from stt_service.app_doctor import Examination, shipped_settings  # noqa: PLC0415

    try:
        settings, mistake = context.settings(), None
    except ConfigError as error:
        settings, mistake = shipped_settings().settings, error
    try:
        place = where(context, url, token)
    except SttError:  # the same mistake, or a token file, of which there is a line later
        place = client.Where(url or client.DEFAULT_URL, token)
    return Examination(settings, place, mistake, listen=listen)


def _fails(found: Sequence[Finding]) -> int:
    return sum(finding.status == "fail" for finding in found)


def _show(finding: Finding) -> None:
    status = click.style(f"{finding.status:4}", fg=COLOURS[finding.status])
    first, *rest = finding.message.splitlines()
    click.echo(f"{status}  {finding.area:{WIDTH}}  {first}")
    margin = " " * (WIDTH + 8)
    for line in rest:
        click.echo(f"{margin}{line.strip()}")
    if finding.remedy:
        click.echo(f"{margin}-> {finding.remedy}")
    sys.stdout.flush()


def _sum_up(found: Sequence[Finding]) -> None:
    fails, warns = _fails(found), sum(finding.status == "warn" for finding in found)
    if fails or warns:
        click.echo(f"{fails} failed, {warns} to be looked at")
    else:
        click.echo("all is well")


def _write(path: Path, report: str) -> None:
    if str(path) == "-":
        click.echo(report)
        return
    try:
        path.write_text(f"{report}\n", encoding="utf-8")
    except OSError as error:
        raise SttError(
            f"{path} cannot be written: {error.strerror}", "Name another file, or - to print it"
        ) from error
    click.echo(f"wrote {path}; read it before you send it: it is short", err=True)
