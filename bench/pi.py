"""Whether a Raspberry Pi keeps up: operations and bytes of each model, and what follows from them.

Measured here: the work of each model, counted in its graph; the processor time it takes on this
machine; the instructions that a Pi's processor executes, counted by an emulator. Published by
others: what the boards can do (:mod:`bench.boards`). From both follows a prediction, as a range:

    most:  instructions at the slow rate, and then all bytes from memory, one after the other
    least: the longer one of instructions at the quick rate, and of bytes

The real-time factor is seconds of work for each second of audio, on one core.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import corpus
from bench.boards import A76, BOARDS, Board
from bench.measure import alternate, measured
from bench.operations import Matrix, Work, work
from bench.speed import ALPHABET
from stt_service.engine.acoustic import AcousticModel
from training.export import export_model
from training.random_model import random_arrays

BUNDLED = Path(__file__).parents[1] / "models/stt-en-small.tflite"
GENUINE = corpus.SHARED / "genuine/buddybot/buddybot_private.tflite"
CLIPS = 6
"""Recordings timed: a quarter of a minute."""

INSTRUCTIONS = {
    "stt-en-small": (193.7, 133.4),
    "2048 wide": (744.4, 297.4),
    "deepspeech-0.9.3-en": (744.4, 297.4),  # as many products, in one matrix instead of two
}
"""Millions executed for each second of audio: on ARMv8.0 (Pi 3, 4, Zero 2 W), and with the products
of bytes that the Pi 5 has. Features, network, beam search of 100; of the bundled model with its
language model and its beam of 500. Counted by ``bench/qemu``; see docs/pi.md."""

OPERATIONS = ("model", "weights, MB", "M products per s", "weights read, MB per s")
MEASURED = ("model", "CPU s per s of audio", "G products per CPU s", "weights read, GB per CPU s")
PUBLISHED = ("board", "core", "GHz", "copies GB/s", "HPL GFLOPS", "W idle", "W busy", "source")
PREDICTED = ("model", *(board.name for board in BOARDS))
Row = tuple[object, ...]


@dataclass(frozen=True)
class Subject:
    """A model to reckon with."""

    name: str
    work: Work
    path: Path | None
    """Its file; None where only its sizes are known."""


def deepspeech() -> Work:
    """Return the work of the official DeepSpeech 0.9.3, from its published sizes.

    2048 units in each layer, 494 inputs, 29 outputs; its recurrent matrix takes input and state at
    once, for each frame. Weights of 47.2 MB, as its file has.
    """
    wide, runs, steps = 2048, 3.125, 16
    plain = [(494, wide), (wide, wide), (wide, wide), (wide, wide), (wide, 29)]
    dense = [Matrix(a * b, 1, steps * a * b) for a, b in plain]
    both = 2 * wide * 4 * wide
    return Work((*dense, Matrix(both, steps, steps * both)), runs)


def subjects(folder: Path) -> list[Subject]:
    """Return all models; one of official size is made in ``folder``."""
    wide = folder / "wide.tflite"
    export_model(random_arrays(), ALPHABET, wide)
    found = [Subject("stt-en-small", work(BUNDLED), BUNDLED)]
    if GENUINE.exists():
        found.append(Subject("buddybot, 200 wide", work(GENUINE), GENUINE))
    found.append(Subject("2048 wide", work(wide), wide))
    found.append(Subject("deepspeech-0.9.3-en", deepspeech(), None))
    return found


def run() -> Iterator[tuple[str, tuple[str, ...], list[Row]]]:
    """Yield a title, a header and rows for each of the four tables."""
    with tempfile.TemporaryDirectory() as folder:
        models = subjects(Path(folder))
        yield "Operations", OPERATIONS, [_operations(model) for model in models]
        yield "Measured on this machine, one thread", MEASURED, list(_measured(models))
    yield "Published", PUBLISHED, [_published(board) for board in BOARDS]
    yield (
        "PREDICTED real-time factor, one core",
        PREDICTED,
        [
            (model.name, *(_range(model, board) for board in BOARDS))
            for model in models
            if model.name in INSTRUCTIONS
        ],
    )


def _operations(model: Subject) -> Row:
    found = model.work
    return model.name, found.size / 1e6, found.macs / 1e6, found.touched / 1e6


def _measured(models: list[Subject]) -> Iterator[Row]:
    audio = [clip.samples() for clip in corpus.speech("test/an4", CLIPS)]
    for model in models:
        if model.path is None:
            continue
        acoustic = AcousticModel(model.path, threads=1)

        def time(acoustic: AcousticModel = acoustic) -> float:
            with measured() as taken:
                for samples in audio:
                    acoustic.probabilities(samples)
            return taken.cpu / corpus.seconds(audio)

        (cost,) = alternate([time], 5)
        found = model.work
        yield model.name, cost, found.macs / cost / 1e9, found.touched / cost / 1e9


def _published(board: Board) -> Row:
    idle, busy = ("?" if watt is None else watt for watt in board.watts)
    hpl = "?" if board.gflops is None else board.gflops
    return board.name, board.core.name, board.ghz, board.copied, hpl, idle, busy, board.source


def seconds(model: Subject, board: Board) -> tuple[float, float]:
    """Return the least and the most seconds of work for each second of audio."""
    memory = model.work.fetched(board.cache << 10) / (board.read * 1e9)
    plain, dot = INSTRUCTIONS[model.name]
    cycles = board.ghz * 1e9 / (1e6 * (dot if board.core is A76 else plain))
    quick, slow = 1 / (board.core.quick * cycles), 1 / (board.core.slow * cycles)
    return max(quick, memory), slow + memory


def _range(model: Subject, board: Board) -> str:
    least, most = seconds(model, board)
    return f"{least:.2f} to {most:.2f}" if most >= 0.1 else f"{least:.3f} to {most:.3f}"
