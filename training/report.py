"""A finished run in, a table of error rates out: on the screen and as ``scores.csv``."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path

from rich.console import Console
from rich.table import Table

from training.evaluate import SetScore, evaluate
from training.manifest import read_sets
from training.prepare import Corpus, prepare
from training.weights import read_any


def test_corpus(data: Path, out: Path) -> Corpus:
    """Return the test recordings below ``data/test`` as a corpus in ``out/test`` (made once)."""
    if not (out / "test" / "clips.csv").exists():
        read_sets(data / "test")
        prepare([data / "test"], out / "test", testing=True)
    return Corpus(out / "test")


def evaluate_run(out: Path, checkpoint: Path, data: Path | None, noise: Sequence[float]) -> None:
    """Score a checkpoint on the held-out speakers and, given ``data``, on the test sets."""
    model = read_any(checkpoint)
    corpus = Corpus(out / "corpus")
    clips = corpus.select("dev")
    scores = [(f"dev/{s.name}", s) for s in evaluate(model, corpus, clips)]
    for ratio in noise:
        scores += [(f"dev/{s.name}", s) for s in evaluate(model, corpus, clips, snr_db=ratio)]
    if data is not None:
        tests = test_corpus(data, out)
        spoken = [clip for clip in tests.clips if clip.transcript]
        scores += [(f"test/{s.name}", s) for s in evaluate(model, tests, spoken)]
    write(out / "scores.csv", scores)
    show(scores)


def write(path: Path, scores: Sequence[tuple[str, SetScore]]) -> None:
    """Write all scores as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(field.name for field in fields(SetScore))
        for name, score in scores:
            writer.writerow((name, *astuple(score)[1:]))


def show(scores: Sequence[tuple[str, SetScore]]) -> None:
    """Print all scores as a table."""
    table = Table("set", "clips", "WER", "CER", "wrong choice", title="Error rates, greedy reading")
    for name, score in scores:
        closed = "-" if score.closed_error is None else f"{score.closed_error:.1%}"
        table.add_row(name, str(score.clips), f"{score.wer:.1%}", f"{score.cer:.1%}", closed)
    Console().print(table)
