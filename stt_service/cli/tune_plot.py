"""An examined recording in, a PNG out: wave, verdicts and utterances on one time axis."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stt_service.errors import SttError
from stt_service.tuning import Examined

ROW_SECONDS = 20.0
"""Of audio in each row: a word is wide enough to be pointed at."""
MAX_ROWS = 30
"""Ten minutes: beyond, a picture is of no use and of no end."""
WIDTH, ROW_HEIGHT = 14.0, 1.8
"""Inches."""
DPI = 100
WAVE, SPEECH, UTTERANCE, EDGE = "#37474f", "#2e7d32", "#ffe082", "#e65100"


def draw(examined: Examined, title: str, path: Path) -> None:
    """Draw into ``path``. Raises :exc:`SttError` without matplotlib and for files as such."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 -- an extra
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise SttError(
            f"plots need matplotlib, which cannot be loaded: {error}",
            "Run `pip install 'stt-service[plot]'`",
        ) from error

    rows = min(MAX_ROWS, max(1, int(np.ceil(examined.duration / ROW_SECONDS))))
    span = ROW_SECONDS if rows > 1 else max(examined.duration, examined.frame_seconds)
    figure = Figure(figsize=(WIDTH, ROW_HEIGHT * rows + 0.8), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, 1, squeeze=False)[:, 0]
    times = np.arange(len(examined.peaks)) * examined.frame_seconds
    top = float(examined.peaks.max(initial=0.0)) or 1.0
    for row, axis in enumerate(axes):
        low, high = row * ROW_SECONDS, row * ROW_SECONDS + span
        seen = (times >= low) & (times < high)
        for cut in examined.cuts:
            if cut.start < high and cut.end > low:
                axis.axvspan(cut.start, cut.end, color=UTTERANCE, zorder=0)
                for edge in (cut.start, cut.end):
                    axis.axvline(edge, color=EDGE, linewidth=1, zorder=1)
        bars = {"x": times[seen], "width": examined.frame_seconds, "align": "edge"}
        axis.bar(height=2 * examined.peaks[seen], bottom=-examined.peaks[seen], color=WAVE, **bars)
        heard = np.where(examined.speech[seen], 0.12 * top, 0.0)
        axis.bar(height=heard, bottom=-1.25 * top, color=SPEECH, **bars)
        axis.set_xlim(low, high)
        axis.set_ylim(-1.3 * top, 1.1 * top)
        axis.set_yticks([])
    axes[-1].set_xlabel(
        "seconds; dark: loudness, green: speech as the detector hears it, yellow: utterances"
    )
    figure.suptitle(title)
    try:
        figure.savefig(path, format="png")
    except OSError as error:
        raise SttError(f"{path} cannot be written: {error.strerror or error}") from error
