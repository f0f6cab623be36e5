"""A run's progress as ``curves.csv`` and ``curves.png``."""

# ruff: noqa: PLC0415 - drawing is optional; training must not wait for matplotlib.

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

COLUMNS = ("step", "epoch", "hours", "name", "value")
"""One row per measured value: long format, so that new sets need no new file."""


def append(folder: Path, step: int, epoch: int, hours: float, values: Mapping[str, float]) -> None:
    """Add measured values to ``curves.csv``."""
    path = folder / "curves.csv"
    fresh = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if fresh:
            writer.writerow(COLUMNS)
        for name, value in values.items():
            writer.writerow([step, epoch, f"{hours:.4f}", name, f"{value:.5f}"])


def draw(folder: Path) -> None:
    """Draw ``curves.png`` from ``curves.csv``: losses above, error rates below."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    series: dict[str, tuple[list[int], list[float]]] = defaultdict(lambda: ([], []))
    with (folder / "curves.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            steps, values = series[row["name"]]
            steps.append(int(row["step"]))
            values.append(float(row["value"]))
    figure, axes = plt.subplots(4, 1, figsize=(9, 16), sharex=True)
    kinds = (
        ("loss", "CTC loss per letter"),
        ("word errors", "expected word errors per word, of what the search finds"),
        ("cer", "character error rate"),
        ("closed", "wrong among the set's words"),
    )
    for axis, (kind, title) in zip(axes, kinds, strict=True):
        for name, (steps, values) in sorted(series.items()):
            if name.split("/")[0] == kind:
                axis.plot(steps, values, label=name.partition("/")[2] or name, linewidth=1.2)
        axis.set_title(title)
        axis.grid(alpha=0.3)
        if axis.get_legend_handles_labels()[1]:
            axis.legend(fontsize=7, ncols=2)
    axes[-1].set_xlabel("step")
    figure.tight_layout()
    figure.savefig(folder / "curves.png", dpi=90)
    plt.close(figure)
