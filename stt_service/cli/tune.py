"""``stt-service tune``: what the settings of voice detector and segmenter do to recordings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stt_service.cli.common import Context
from stt_service.cli.formats import Failure
from stt_service.cli.inputs import STDIN, expand
from stt_service.errors import SttError

if TYPE_CHECKING:
    from stt_service.settings import Settings
    from stt_service.tuning import Examined

RATE = 16_000
"""Hertz; what models for speech take, and the detector with them."""
SECTIONS = ("vad", "segmenter")
DIGITS = 3
"""Decimals of seconds: milliseconds."""


def _changes(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> dict[str, dict[str, str]]:
    """Split each at its first ``=`` and its dot. Raises click's usage error."""
    changes: dict[str, dict[str, str]] = {}
    for value in values:
        name, equals, setting = value.partition("=")
        section, _, key = name.strip().partition(".")
        if not equals or section not in SECTIONS or not key:
            raise click.BadParameter(
                f"{value!r} is not vad.KEY=VALUE or segmenter.KEY=VALUE, "
                "such as segmenter.end_window=0.8",
                ctx,
                param,
            )
        changes.setdefault(section, {})[key] = setting.strip()
    return changes


@click.command("tune")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    callback=_changes,
    help="Try a setting, such as segmenter.end_window=0.8 or vad.aggressiveness=2; repeatable.",
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw the recording's first ten minutes into this PNG file (one recording only).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each recording.")
@click.pass_obj
def tune(
    context: Context,
    files: tuple[str, ...],
    changes: Mapping[str, Mapping[str, Any]],
    plot: Path | None,
    as_json: bool,
) -> None:
    """Show where the voice detector hears speech in each FILE, and how it is cut.

    FILE is a recording, a folder of them, or a pattern. The settings in force are used; --set
    tries others.
    """
    settings = context.settings(changes)
    found = expand(files)
    if plot is not None and len(found) != 1:
        raise click.UsageError(f"--plot takes one recording, not {len(found)}")
    failures = 0
    for name in found:
        try:
            examined = _examine(name, settings)
        except SttError as error:
            failures += 1
            click.echo(f"error: {error}", err=True)
            continue
        click.echo(_as_json(str(name), examined) if as_json else _as_text(str(name), examined))
        if plot is not None:
            from stt_service.cli.tune_plot import draw  # noqa: PLC0415 -- drawing is an extra

            draw(examined, str(name), plot)
            click.echo(f"drawn into {plot}", err=True)
    if failures:
        raise SttError(f"{failures} of {len(found)} recordings could not be examined")


def _examine(name: str | Failure, settings: Settings) -> Examined:
    """Raise :exc:`SttError` for what is no recording."""
    from stt_service import app_audio  # noqa: PLC0415 -- `--help` need not wait for it
    from stt_service.tuning import examine  # noqa: PLC0415

    if isinstance(name, Failure):
        raise SttError(name.error)
    if name == STDIN:
        raise SttError("standard input cannot be examined", "Name a recording")
    vad = app_audio.voice_detector(settings, RATE)
    blocks = app_audio.read_recording(Path(name), RATE)
    return examine(blocks, vad, app_audio.segmenter_settings(settings))


def _figures(examined: Examined) -> dict[str, float | None]:
    return {
        "duration": examined.duration,
        "speech": examined.speech_seconds,
        "missed": examined.missed_seconds,
        "longest_pause": examined.longest_pause,
        "speech_db": examined.speech_db,
        "noise_db": examined.noise_db,
    }


def _as_json(name: str, examined: Examined) -> str:
    figures = {
        key: None if value is None else round(value, DIGITS)
        for key, value in _figures(examined).items()
    }
    cuts = [
        {"start": round(cut.start, DIGITS), "end": round(cut.end, DIGITS), "reason": cut.reason}
        for cut in examined.cuts
    ]
    return json.dumps({"file": name, **figures, "utterances": cuts})


def _as_text(name: str, examined: Examined) -> str:
    def level(value: float | None) -> str:
        return "" if value is None else f" at {value:.0f} dB"

    speech = f"{examined.speech_seconds:.2f} s speech{level(examined.speech_db)}"
    pause = f"longest pause within one {examined.longest_pause:.2f} s"
    lines = [
        name,
        f"  {examined.duration:.2f} s, of which {speech}, the rest{level(examined.noise_db)}",
        f"  utterances: {len(examined.cuts)}; {pause}; in none {examined.missed_seconds:.2f} s",
    ]
    lines += [
        f"    {cut.start:8.2f} to {cut.end:8.2f} s  {cut.end - cut.start:6.2f} s  "
        f"ended by {cut.reason}"
        for cut in examined.cuts
    ]
    return "\n".join(lines)
