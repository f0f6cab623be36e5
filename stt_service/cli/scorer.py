"""``stt-service scorer``: build language models from text or ARPA, and look into any."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from stt_service.cli.common import Commands
from stt_service.decoder import kenlm_file, ngram_file
from stt_service.decoder.alphabet import Alphabet
from stt_service.decoder.arpa import read_arpa, write_arpa
from stt_service.decoder.ngram_build import Built, Smoothing, build
from stt_service.decoder.ngram_counts import Corpus, count_orders, read_corpus
from stt_service.decoder.ngram_file import LARGEST_ORDER, Tables, read_ngram, write_ngram
from stt_service.decoder.ngram_text import Normaliser
from stt_service.decoder.scorer import map_file, read_package
from stt_service.errors import ModelError, ScorerError

ENGLISH = "abcdefghijklmnopqrstuvwxyz'"
ORDER = 3
LINE_LIMIT = 1 << 16
"""Characters; a longer "sentence" is cut there."""
SHARE_LEFT_OUT = 0.5
"""Of the lines; when more are left out the text was not written for this and none is built."""


@click.group("scorer", cls=Commands)
def scorer_group() -> None:
    """Build and inspect language models."""


@scorer_group.command("build")
@click.argument("text", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help=".ngram or .arpa"
)
@click.option(
    "--order", type=click.IntRange(1, LARGEST_ORDER), help=f"Longest n-grams; default {ORDER}."
)
@click.option("--arpa", type=click.Path(path_type=Path), help="Convert this file (.gz too).")
@click.option(
    "--prune", multiple=True, metavar="'N N N'", help="Leave out n-grams seen at most N times."
)
@click.option("--vocabulary", metavar="N|FILE", help="The N most frequent words, or those in FILE.")
@click.option("--smoothing", type=click.Choice(["kneser-ney", "witten-bell"]))
@click.option(
    "--alphabet", type=click.Path(path_type=Path), help="alphabet.txt; default a-z and apostrophe."
)
@click.option("--alpha", type=float, help="Default weight of the model.")
@click.option("--beta", type=float, help="Default bonus per word.")
def build_command(
    *,
    text: tuple[Path, ...],
    output: Path,
    order: int | None,
    arpa: Path | None,
    prune: tuple[str, ...],
    vocabulary: str | None,
    smoothing: Smoothing | None,
    alphabet: Path | None,
    alpha: float | None,
    beta: float | None,
) -> None:
    """Build a language model from TEXT files (a sentence a line; - is stdin) or from --arpa."""
    if bool(text) == bool(arpa):
        raise click.UsageError("give either TEXT files or --arpa FILE")
    if output.suffix not in (".ngram", ".arpa"):
        raise click.UsageError(f"--output ends in .ngram or .arpa, not in {output.suffix!r}")
    if arpa:
        if order or prune or vocabulary or smoothing or alphabet:
            raise click.UsageError(
                "--order, --prune, --vocabulary, --smoothing and --alphabet need TEXT, not --arpa"
            )
        tables = read_arpa(arpa)
    else:
        tables = _from_text(
            text, order or ORDER, _thresholds(prune), vocabulary, smoothing, _letters(alphabet)
        )
    if alpha is not None:
        tables = replace(tables, alpha=alpha)
    if beta is not None:
        tables = replace(tables, beta=beta)
    if output.suffix == ".arpa":
        write_arpa(output, tables)
    else:
        write_ngram(output, tables)
    click.echo(f"{output}: {_counts(tables)}, {output.stat().st_size:,} bytes")


def _from_text(
    paths: tuple[Path, ...],
    order: int,
    prune: list[int],
    vocabulary: str | None,
    smoothing: Smoothing | None,
    letters: frozenset[str],
) -> Tables:
    limit, words = _vocabulary(vocabulary)
    normaliser = Normaliser(letters)
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        corpus = _read(paths, normaliser, progress, limit, words, minimum=(prune or [0])[0] + 1)
        task = progress.add_task("counting", total=order)
        orders = count_orders(corpus, order, lambda n: progress.update(task, completed=n))
        built = build(corpus, orders, prune=prune, smoothing=smoothing)
    _report(normaliser, built)
    return replace(built.tables, notes=f"{built.smoothing}, {normaliser.taken} sentences")


def _read(
    paths: tuple[Path, ...],
    normaliser: Normaliser,
    progress: Progress,
    limit: int | None,
    words: frozenset[str] | None,
    *,
    minimum: int,
) -> Corpus:
    try:
        total = sum(path.stat().st_size for path in paths if str(path) != "-")
        task = progress.add_task("reading", total=total or None)

        def lines() -> Iterator[str]:
            for path in paths:
                raw = sys.stdin.buffer if str(path) == "-" else path.open("rb")
                with io.TextIOWrapper(raw, encoding="utf-8") as stream:
                    while line := stream.readline(LINE_LIMIT):
                        progress.advance(task, len(line))
                        yield line

        def fit_sentences() -> Iterator[list[str]]:
            yield from normaliser.sentences(lines())
            _check_fit(normaliser)

        return read_corpus(fit_sentences(), vocabulary=words, limit=limit, minimum=minimum)
    except OSError as error:
        raise ScorerError(
            f"{error.filename} cannot be read: {error.strerror}", "Check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise ScorerError(
            f"{', '.join(map(str, paths))}: not UTF-8 text", "iconv -t utf-8 converts it"
        ) from error


def _check_fit(normaliser: Normaliser) -> None:
    if normaliser.left_out > SHARE_LEFT_OUT * (normaliser.left_out + normaliser.taken):
        raise ScorerError(
            f"{normaliser.left_out} of {normaliser.left_out + normaliser.taken} lines have digits, "
            f"signs or letters that the alphabet lacks, such as {normaliser.examples[0]!r}",
            "Spell numbers and signs out, or pass the model's --alphabet",
        )


def _report(normaliser: Normaliser, built: Built) -> None:
    if normaliser.left_out:
        shown = "; ".join(repr(line[:60]) for line in normaliser.examples)
        lines = normaliser.left_out + normaliser.taken
        click.echo(
            f"left out {normaliser.left_out} of {lines} lines with digits, "
            f"signs or other letters (spell them out to have them): {shown}",
            err=True,
        )
    why = f" instead of Kneser-Ney, since {built.reason}" if built.reason else ""
    click.echo(f"smoothing: {built.smoothing}{why}", err=True)


def _thresholds(prune: tuple[str, ...]) -> list[int]:
    try:
        return [int(n) for part in prune for n in part.replace(",", " ").split()]
    except ValueError as error:
        raise click.UsageError("--prune takes numbers, such as --prune '0 0 1'") from error


def _vocabulary(value: str | None) -> tuple[int | None, frozenset[str] | None]:
    if value is None:
        return None, None
    if value.isdecimal():
        return int(value), None
    try:
        return None, frozenset(Path(value).read_text(encoding="utf-8").lower().split())
    except OSError as error:
        raise ScorerError(
            f"{value} cannot be read: {error.strerror}", "Pass a number, or a file of words"
        ) from error
    except UnicodeDecodeError as error:
        raise ScorerError(f"{value} is not UTF-8 text", "Pass a list of words") from error


def _letters(alphabet: Path | None) -> frozenset[str]:
    if alphabet is None:
        return frozenset(ENGLISH)
    try:
        return frozenset(Alphabet.from_file(alphabet).labels) - {" "}
    except (OSError, UnicodeDecodeError, ModelError) as error:
        raise ScorerError(f"{alphabet} cannot be read: {error}", "Pass alphabet.txt") from error


def _counts(tables: Tables) -> str:
    return ", ".join(f"{count:,} {n}-grams" for n, count in enumerate(tables.counts, 1))


def _network(tables: Tables) -> str:
    if tables.network is None:
        return "none"
    return f"{tables.network.words:,} words, looks back {tables.network.context}"


@scorer_group.command()
@click.argument("file", type=click.Path(path_type=Path))
def info(file: Path) -> None:
    """Check FILE and say what it holds."""
    data = map_file(file)
    if data[: len(ngram_file.MAGIC)].tobytes() == ngram_file.MAGIC:
        tables = read_ngram(file)
        rows = {
            "format": "n-gram file of stt-service",
            "order": tables.order,
            "n-grams": _counts(tables),
            "network": _network(tables),
            "weights": f"alpha {tables.alpha:g}, beta {tables.beta:g}",
            "made": tables.notes or "unknown",
        }
    else:
        package = read_package(data, file.name)
        layout, lexicon = package.layout, package.lexicon
        counts = ", ".join(f"{count:,} {n}-grams" for n, count in enumerate(layout.counts, 1))
        rows = {
            "format": f"DeepSpeech scorer 6, KenLM {kenlm_file.NAMES[layout.kind]}",
            "order": layout.order,
            "n-grams": counts,
            "weights": f"alpha {package.alpha:g}, beta {package.beta:g}",
            "dictionary": f"{len(lexicon.first_arc):,} states, {len(lexicon.arc_label):,} arcs, "
            f"labels up to {int(lexicon.arc_label.max(initial=0))}",
        }
    for name, value in rows.items():
        click.echo(f"{name + ':':<12} {value}")
