"""Options that several steps of ``python -m training`` share."""

from __future__ import annotations

import os
from pathlib import Path

import click

DEFAULT_DATA = Path(__file__).resolve().parents[2] / "shared" / "speech"
"""Where recordings are looked for without ``--data`` and ``STT_SPEECH``: beside the repository."""
data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=lambda: os.environ.get("STT_SPEECH", str(DEFAULT_DATA)),
    help="Folder with train/SET/manifest.csv. Default: $STT_SPEECH, else ../shared/speech.",
)
out_option = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Run folder: corpus/, synthetic/, last.pt, best.pt, curves.png.",
)
jobs_option = click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes side by side.",
)
recipe_option = click.option(
    "--recipe",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="TOML file with the network's widths and the training's settings.",
)
weights_option = click.option(
    "--weights",
    type=click.Path(path_type=Path, exists=True),
    help="A checkpoint or .float16.npz file. Default: OUT/best.pt.",
)
