"""Sets of made-up speech: what is in them, and how they are written.

Every clip follows from (seed, set, number) alone. A set is written in shards; a shard that is there
is not made again, so a stopped run goes on, and a run for more hours adds to what an earlier one
left.
"""

from __future__ import annotations

import csv
import logging
import multiprocessing
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import soundfile
from rich.console import Console
from rich.progress import Progress

from training.features import SAMPLE_RATE
from training.synthesis.engines import Request, speak
from training.synthesis.kokoro import check
from training.synthesis.sound import finish, plausible
from training.synthesis.texts import Line, Texts, read_sentences
from training.synthesis.voices import KOKORO_VOICES, VOICES, Voice, personas, shares

logger = logging.getLogger(__name__)

SHARD = 100
"""Clips written at a time."""
COLUMNS = ("path", "speaker", "transcript", "seconds")
TEMPO = (0.8, 1.3)
"""Range of tempos."""
GAPS = (0, 0, 0, 2, 6, 15)
"""Pauses between words in 10 ms, for the programs that can."""


@dataclass(frozen=True)
class Recipe:
    """What a set is made of."""

    folder: str
    """Where it lies below the output folder."""
    kinds: tuple[str, ...]
    """Kinds of text, each as often as it is named."""
    share: float = 0.0
    """Share of the hours; 0 for a set of a fixed number of clips."""
    seconds: float = 3.0
    """What a clip lasts on average."""
    clips: int = 0
    """Number of clips of a set of fixed size."""
    use: str = "train"
    """Which texts it draws from: ``train``, ``dev`` or ``test``. The voices left out speak the
    latter two."""
    voices: tuple[Voice, ...] = VOICES
    """Who may speak."""

    def shards(self, hours: float, size: int) -> int:
        """Return how many shards of ``size`` clips make up its part of ``hours``."""
        clips = self.clips or hours * 3600 * self.share / self.seconds
        return max(1, round(clips / size))


RECIPES = (
    Recipe(
        "synthetic/synthetic_commands", ("commands",) * 5 + ("joined",) * 2 + ("household",) * 2,
        share=0.4, seconds=2.5,
    ),
    Recipe("synthetic/synthetic_sentences", ("sentences",), share=0.3, seconds=3.3),
    Recipe("synthetic/synthetic_words", ("words",), share=0.15, seconds=3.3),
    Recipe("synthetic/synthetic_spelling", ("spelling",), share=0.15, seconds=3.0),
    Recipe(
        "synthetic/synthetic_left_out", ("sentences", "commands", "household"), clips=300, use="dev"
    ),
    Recipe("left_out/test/synthetic_left_out", ("sentences", "commands"), clips=300, use="test"),
    Recipe("left_out/test/household_commands", ("household",), clips=300, use="test"),
)  # fmt: skip

KOKORO_RECIPES = (
    Recipe(
        "synthetic/synthetic_kokoro",
        ("sentences",) * 4 + ("commands",) * 2 + ("joined", "words", "spelling"),
        share=0.3, seconds=3.8, voices=KOKORO_VOICES,
    ),
    Recipe(
        "synthetic/synthetic_kokoro_left_out", ("sentences", "commands", "household"), clips=100,
        use="dev", voices=KOKORO_VOICES,
    ),
    Recipe(
        "left_out/test/synthetic_kokoro_left_out", ("sentences", "commands"), clips=200,
        use="test", voices=KOKORO_VOICES,
    ),
)  # fmt: skip
"""Beside the others, where Kokoro's files are there."""


@dataclass(frozen=True)
class Task:
    """One shard to write."""

    out: Path
    """Output folder."""
    recipe: Recipe
    """Its set."""
    number: int
    """Its place in the set."""
    clips: int
    """Clips in it."""
    seed: int
    """The run's seed."""
    text: Path | None
    """File of sentences."""
    kokoro: Path | None = None
    """Folder of Kokoro's files."""

    @property
    def folder(self) -> Path:
        """Where its clips lie."""
        return self.out / self.recipe.folder / f"{self.number:05d}"

    @property
    def index(self) -> Path:
        """Its part of the manifest; there once the shard is complete."""
        return self.folder / "clips.csv"


@cache
def _texts(path: Path | None, seed: int) -> Texts:
    return Texts(read_sentences(path) if path else (), seed)


def plan(task: Task) -> list[tuple[Line, Request]]:
    """Return what is said in a shard, and who says it how."""
    recipe = task.recipe
    people = personas(left_out=recipe.use != "train", voices=recipe.voices)
    weights = shares(people)
    texts = _texts(task.text, task.seed)
    result = []
    for number in range(task.number * task.clips, (task.number + 1) * task.clips):
        dice = random.Random(f"{task.seed}/{recipe.folder}/{number}")
        line = texts.draw(dice.choice(recipe.kinds), dice, number, recipe.use)
        (persona,) = dice.choices(people, weights)
        tempo = round(dice.uniform(*TEMPO), 3)
        result.append((line, Request(line.spoken, persona, tempo, dice.choice(GAPS))))
    return result


def write_shard(task: Task) -> float:
    """Speak a shard and write its clips and their index; return its seconds."""
    planned = plan(task)
    task.folder.mkdir(parents=True, exist_ok=True)
    rows = []
    total = 0.0
    sounds = speak([request for _, request in planned], task.kokoro)
    for number, ((line, request), sound) in enumerate(zip(planned, sounds, strict=True)):
        audio = finish(*sound, request.persona.tract) if sound else None
        seconds = 0.0 if audio is None else len(audio) / SAMPLE_RATE
        if audio is None or not plausible(line.transcript, seconds):
            logger.info("left out: %s, %.1f s", request.persona.speaker, seconds)
            continue
        path = task.folder / f"{number:02d}.flac"
        soundfile.write(path, audio, SAMPLE_RATE, subtype="PCM_16")
        name = f"{task.folder.name}/{path.name}"
        rows.append((name, request.persona.speaker, line.transcript, f"{seconds:.2f}"))
        total += seconds
    _write(task.index, rows)
    return total


def _write(path: Path, rows: Sequence[Sequence[str]]) -> None:
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    part.replace(path)


def write_manifest(folder: Path) -> float:
    """Join the indices of a set's complete shards into its manifest; return its hours."""
    rows: list[list[str]] = []
    for index in sorted(folder.glob("*/clips.csv")):
        with index.open(newline="", encoding="utf-8") as file:
            rows += list(csv.reader(file))[1:]
    _write(folder / "manifest.csv", rows)
    return sum(float(row[3]) for row in rows) / 3600


def tasks(
    out: Path,
    hours: float,
    text: Path | None,
    seed: int,
    recipes: Sequence[Recipe],
    size: int,
    kokoro: Path | None = None,
) -> list[Task]:
    """Return all shards, in an order in which a stopped run leaves something of each set."""
    ranked: list[tuple[float, Task]] = []
    for recipe in recipes:
        count = recipe.shards(hours, size)
        for number in range(count):
            # The small sets first, the large ones side by side.
            rank = -1.0 if recipe.clips else number / count
            ranked.append((rank, Task(out, recipe, number, size, seed, text, kokoro)))
    return [task for _, task in sorted(ranked, key=lambda pair: pair[0])]


def _work(waiting: Sequence[Task], jobs: int) -> Iterator[float]:
    if jobs <= 1:
        yield from map(write_shard, waiting)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(write_shard, waiting)


def synthesise(
    out: Path,
    hours: float,
    *,
    text: Path | None = None,
    kokoro: Path | None = None,
    seed: int = 1,
    jobs: int = 1,
    recipes: Sequence[Recipe] = RECIPES,
    shard: int = SHARD,
) -> dict[str, float]:
    """Write all sets below ``out`` and return their hours by folder.

    With ``kokoro``, the folder of its files, those of its voices too.
    Raises :exc:`~stt_service.errors.SttError` when no voice is installed.
    """
    if kokoro:
        check(kokoro)
        recipes = (*recipes, *KOKORO_RECIPES)
    every = tasks(out, hours, text, seed, recipes, shard, kokoro)
    waiting = [task for task in every if not task.index.exists()]
    console = Console(stderr=True)
    try:
        with Progress(console=console, disable=not console.is_terminal) as bar:
            row = bar.add_task("speaking", total=len(every), completed=len(every) - len(waiting))
            for _ in _work(waiting, jobs):
                bar.advance(row)
    finally:
        # Of a stopped run too, all that is there can be used.
        folders = [out / recipe.folder for recipe in recipes]
        hours_of = {f: write_manifest(f) for f in folders if f.is_dir()}
    return {str(folder.relative_to(out)): value for folder, value in hours_of.items()}
