"""``stt-service devices``: the microphones there are, and how loud one of them is."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
import numpy as np

from stt_service.cli.common import Context

if TYPE_CHECKING:
    from stt_service.audio.devices import Device
    from stt_service.audio.resample import Samples
    from stt_service.events import Fault, Level, Recovered
    from stt_service.settings import Settings

RATE = 16_000
"""Hertz at which levels are measured: what recognition gets."""
WIDTH = 40
"""Columns of the meter."""
LOWEST_DB = -60.0
"""Its left end: a quiet room."""
QUIET_DB = -40.0
"""A voice whose loudest sample stays below gets lost in the noise of many microphones."""


@click.command("devices")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.option("--meter", is_flag=True, help="Show how loud it is, until Ctrl-C.")
@click.option("--seconds", type=click.FloatRange(min=0.1), help="End the meter after so long.")
@click.pass_obj
def devices(
    context: Context, name: str | None, as_json: bool, meter: bool, seconds: float | None
) -> None:
    """List the microphones; * marks the default one.

    NAME, a part of a name, a USB id or an index, is the one that --meter listens to; without it
    that is the one in the settings.
    """
    if meter:
        _meter(context.settings(), name, seconds)
        return
    if name is not None or seconds is not None:
        raise click.UsageError("a name and --seconds go with --meter")
    from stt_service import app_audio  # noqa: PLC0415 -- `--help` need not wait for it

    found = app_audio.capture_devices()
    if as_json:
        click.echo(json.dumps([_as_mapping(device) for device in found], indent=2))
    else:
        for line in _table(found):
            click.echo(line)


def _as_mapping(device: Device) -> dict[str, object]:
    return {
        "index": device.index,
        "name": device.name,
        "channels": device.channels,
        "rate": device.rate,
        "rates": list(device.rates),
        "default": device.default,
        "usb": device.usb,
    }


def _table(found: list[Device]) -> list[str]:
    if not found:
        return ["there is no microphone; `arecord -l` shows what the system sees"]
    wide = max(len(device.name) for device in found)
    return [
        f"{'*' if device.default else ' '} {device.index:2}  {device.name:{wide}}  "
        f"{device.channels:3} ch  {device.rate:.0f} Hz"
        f"  [takes {', '.join(map(str, device.rates)) or 'nothing now: in use?'}]"
        + (f"  usb {device.usb}" if device.usb else "")
        for device in found
    ]


def _meter(settings: Settings, name: str | None, seconds: float | None) -> None:
    from stt_service import app_audio  # noqa: PLC0415
    from stt_service.audio.level import LevelMeter  # noqa: PLC0415
    from stt_service.audio.resample import mono_blocks  # noqa: PLC0415

    wanted = None if name is None else f"microphone:{name}"
    channel = None if settings.source.channel == "mix" else settings.source.channel
    vad = app_audio.voice_detector(settings, RATE)
    levels = LevelMeter(RATE)
    heard = 0
    loudest, clipped = LOWEST_DB, 0
    source = app_audio.open_named_source(settings, RATE, _silent, name=wanted, supervised=False)
    try:
        click.echo(f"{source.format.name}, {source.format.rate} Hz", err=True)
        for frame in _framed(mono_blocks(source, RATE, channel=channel), vad.frame):
            heard += len(frame)
            for level in levels.feed(frame, speech=vad.is_speech(frame)):
                loudest, clipped = max(loudest, level.peak_db), clipped + level.clipped
                _show(level)
            if seconds is not None and heard >= seconds * RATE:
                break
    finally:  # Ctrl-C is the usual end
        source.close()
        _advise(loudest, clipped)


def _framed(blocks: Iterator[Samples], size: int) -> Iterator[Samples]:
    rest = np.zeros(0, np.int16)
    for block in blocks:
        samples = np.concatenate((rest, block))
        whole = len(samples) - len(samples) % size
        yield from samples[:whole].reshape(-1, size)
        rest = samples[whole:]


def _silent(_event: Fault | Recovered) -> None:
    """Nothing is reported of a source that is not opened again."""


def _show(level: Level) -> None:
    def column(decibels: float) -> int:
        return round(WIDTH * min(1.0, max(0.0, 1 - decibels / LOWEST_DB)))

    bar = "#" * column(level.rms_db)
    bar = f"{bar}{'-' * (column(level.peak_db) - len(bar))}".ljust(WIDTH)
    word = "speech" if level.speech else "      "
    over = f" {level.clipped} clipped" if level.clipped else ""
    line = f"[{bar}] {level.rms_db:6.1f} dB, peak {level.peak_db:6.1f} dB {word}{over}"
    live = sys.stdout.isatty()
    click.echo(f"\r{line}\x1b[K" if live else line, nl=not live)


def _advise(loudest: float, clipped: int) -> None:
    if sys.stdout.isatty():
        click.echo()
    if clipped:
        click.echo(f"{clipped} samples were clipped: turn the microphone down", err=True)
    elif loudest < QUIET_DB:
        click.echo(f"never above {loudest:.0f} dB: turn the microphone up", err=True)
