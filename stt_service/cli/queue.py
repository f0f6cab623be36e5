"""``stt-service queue``: what waits to leave, what has left, what is asked back."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from stt_service.cli.common import Commands, Context, counted
from stt_service.errors import StoreError

if TYPE_CHECKING:
    from stt_service.settings import Settings
    from stt_service.store.queue import Queue

STATE_DIR = click.option(
    "--state-dir", metavar="FOLDER", help="What is remembered, instead of paths.state."
)
JSON = click.option("--json", "as_json", is_flag=True, help="For programs.")


@click.group("queue", cls=Commands)
def queue_group() -> None:
    """See and steer what leaves this device."""


def _settings(context: Context, state_dir: str | None) -> Settings:
    return context.settings({"paths": {"state": state_dir}})


@contextmanager
def _opened(settings: Settings) -> Iterator[Queue | None]:
    """Lend the queue, None where nobody has agreed to anything: looking makes no files."""
    from stt_service.app_store import has_store  # noqa: PLC0415 -- `--help` need not wait for it
    from stt_service.app_upload import open_queue  # noqa: PLC0415

    if not has_store(settings):
        yield None
        return
    with open_queue(settings) as queue:
        yield queue


@queue_group.command()
@STATE_DIR
@JSON
@click.pass_obj
def status(context: Context, *, state_dir: str | None, as_json: bool) -> None:
    """Say what waits, why, and what was sent and taken back."""
    settings = _settings(context, state_dir)
    with _opened(settings) as queue:
        found = _status(settings, queue)
    if as_json:
        click.echo(json.dumps(found))
        return
    target = found["target"]
    click.echo(f"target: {target}" if target else "there is no target: nothing leaves")
    if (pause := found["pause"]) is not None:
        until = pause["until"]
        wait = "until `stt-service queue resume`" if until is None else f"for {_span(until)}"
        click.echo(f"paused {wait}: {pause['reason']}")
    network = {True: "metered", False: "not metered", None: "unknown to NetworkManager"}
    click.echo(f"network: {network[found['metered']]}")
    click.echo(f"{found['waiting']} wait, {found['sent']} were sent")
    for one in found["quarantined"]:
        click.echo(f"not taken: {one['utterance']}  {one['reason']}")
    if found["quarantined"]:
        click.echo("to try them again: stt-service queue retry")
    click.echo(
        f"{counted(found['tombstones'], 'deletions', 'are')} asked for, "
        f"{len(found['receipts'])} confirmed"
    )
    for where, count in found["tombstones_at"].items():
        click.echo(f"asked for at {where}: {count}")
    for one in found["receipts"]:
        click.echo(f"deleted: {one['utterance']}  {one['deleted']}  receipt {one['receipt']}")


def _status(settings: Settings, queue: Queue | None) -> dict[str, Any]:
    from stt_service.app_upload import network_is_metered  # noqa: PLC0415

    target = settings.upload.target
    found: dict[str, Any] = {
        "target": None if target == "none" else target,
        "metered": network_is_metered(),
    }
    if queue is None:
        return (
            found
            | dict.fromkeys(("waiting", "sent", "tombstones"), 0)
            | {
                "pause": None,
                "quarantined": [],
                "receipts": [],
                "tombstones_at": {},
            }
        )
    deliveries = queue.deliveries()
    graves = queue.tombstones()
    pause = queue.paused()
    over = pause is not None and pause.until is not None and not pause.holds(time.time())
    return found | {
        "waiting": queue.waiting(),
        "sent": sum(day.utterances for day in queue.left_home()),
        "quarantined": [asdict(one) for one in deliveries if one.state == "quarantined"],
        "pause": None if pause is None or over else asdict(pause),
        "tombstones": len(graves),
        "tombstones_at": Counter(one.target for one in graves if one.target is not None),
        "receipts": [asdict(one) for one in queue.receipts()],
    }


def _span(until: float) -> str:
    minutes = max(0.0, until - time.time()) / 60
    return f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"


@queue_group.command()
@STATE_DIR
@click.pass_obj
def run(context: Context, *, state_dir: str | None) -> None:
    """Send and delete now all that may be, then stop; the daemon does the same by itself."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    from stt_service.app_store import has_store  # noqa: PLC0415
    from stt_service.app_upload import make_target, open_worker  # noqa: PLC0415

    settings = _settings(context, state_dir)
    make_target(settings).close()
    if not has_store(settings):
        click.echo("nobody has agreed to anything, and nothing is kept")
        return
    did = dict.fromkeys(("sent", "deleted", "revoked"), 0)
    console = Console(stderr=True)
    with (
        open_worker(settings) as worker,
        # Without a terminal there is nothing to show, and its end would be an empty line.
        Progress(transient=True, console=console, disable=not console.is_terminal) as bar,
    ):
        task = bar.add_task("sending", total=None)
        while (step := worker.step()).did in did or (step.did == "failed" and step.wait == 0.0):
            if step.did in did:
                did[step.did] += 1
                bar.advance(task)
            time.sleep(step.wait)
    click.echo(f"{did['sent']} were sent, {did['deleted']} deleted")
    if step.did in ("failed", "paused", "closed"):
        raise StoreError(f"stopped: {step.reason}", "See: stt-service queue status")


@queue_group.command()
@STATE_DIR
@click.pass_obj
def pause(context: Context, *, state_dir: str | None) -> None:
    """Send nothing until `resume`. Deletions go on."""
    with _opened(_settings(context, state_dir)) as queue:
        if queue is not None:
            queue.pause("by its owner", None)
    click.echo("nothing is sent")


@queue_group.command()
@STATE_DIR
@click.pass_obj
def resume(context: Context, *, state_dir: str | None) -> None:
    """Go on sending, whatever it was that had paused it."""
    with _opened(_settings(context, state_dir)) as queue:
        if queue is not None:
            queue.resume()
    click.echo("what may leave is sent")


@queue_group.command()
@STATE_DIR
@click.pass_obj
def retry(context: Context, *, state_dir: str | None) -> None:
    """Try all again that were not taken, or wait after a failure."""
    with _opened(_settings(context, state_dir)) as queue:
        count = 0 if queue is None else queue.retry()
    click.echo(f"{count} are tried again")


@queue_group.command()
@STATE_DIR
@JSON
@click.pass_obj
def left(context: Context, *, state_dir: str | None, as_json: bool) -> None:
    """Print what has ever left this device, day by day."""
    with _opened(_settings(context, state_dir)) as queue:
        days = [] if queue is None else queue.left_home()
    if as_json:
        click.echo(json.dumps([asdict(day) for day in days]))
        return
    for day in days:
        click.echo(
            f"{day.day}  {counted(day.utterances, 'utterances')}  {day.bytes / 1024:.0f} KiB"
        )
    total = sum(day.utterances for day in days)
    click.echo(f"{counted(total, 'utterances', 'have')} left" if days else "nothing has ever left")
