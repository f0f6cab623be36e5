"""Builds the bundled English language model: ``python -m training.language --text FILE...``.

Two sources: general sentences, for words and grammar, and this project's own household templates,
each drawn many times, so that what people say to a machine is not swamped by what they write.
Everything random comes from one seed, so the same text gives the same file.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from stt_service.decoder.ngram import NgramModel
from stt_service.decoder.ngram_build import build
from stt_service.decoder.ngram_counts import END, UNKNOWN, count_orders, read_corpus
from stt_service.decoder.ngram_file import Tables, read_ngram, write_ngram
from stt_service.decoder.ngram_text import Normaliser
from training.templates import Templates

HOUSEHOLD = Path(__file__).parent / "data" / "household.txt"
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz'")
DRAWS = 60
"""Sentences drawn from each template: some 15,000 in all, a quarter of the general text's."""
HELD_OUT = 0.05
"""Share of the general sentences left out for the perplexity of ``--measure``."""
SEED = 20_000


def perplexity(tables: Tables, sentences: Iterable[list[str]]) -> tuple[float, float]:
    """Return the perplexity over known words and sentence ends, and the share of unknown words."""
    model = NgramModel(tables, "measured", "measured")
    numbers = {word: i for i, word in enumerate(tables.words)}
    total, known, unknown = 0.0, 0, 0
    for sentence in sentences:
        state = np.array([model.start()])
        for word in [*(numbers.get(word, UNKNOWN) for word in sentence), END]:
            score, after = model.score_numbers(state, np.array([word]))
            state = after.astype(np.int64)
            if word == UNKNOWN:
                unknown += 1
            else:
                total, known = total + float(score[0]), known + 1
    return float(np.exp(-total / max(known, 1))), unknown / max(known + unknown, 1)


def make(general: list[str], templates: Templates, arguments: argparse.Namespace) -> Tables:
    """Build the model of both sources."""
    dice = random.Random(SEED)
    household = list(templates.sentences(dice, arguments.draws))
    normaliser = Normaliser(LETTERS)
    corpus = read_corpus(normaliser.sentences([*general, *household]), limit=arguments.vocabulary)
    orders = count_orders(corpus, arguments.order)
    built = build(corpus, orders, prune=arguments.prune)
    print(f"{normaliser.taken} sentences, {normaliser.left_out} left out, {built.smoothing}")
    return replace(
        built.tables,
        alpha=arguments.alpha,
        beta=arguments.beta,
        notes=f"{built.smoothing}; Common Voice English sentences (CC0) and household.txt",
    )


def measure(lines: list[str], templates: Templates, arguments: argparse.Namespace) -> None:
    """Print the perplexity on general sentences left out, and on fresh household draws."""
    dice = random.Random(SEED + 1)
    left_out = [dice.random() < HELD_OUT for _ in lines]
    tables = make(
        [line for line, out in zip(lines, left_out, strict=True) if not out], templates, arguments
    )
    tests = {
        "general, left out": [line for line, out in zip(lines, left_out, strict=True) if out],
        "household, new draws": list(templates.sentences(dice, 2)),
    }
    for name, test in tests.items():
        value, unknown = perplexity(tables, Normaliser(LETTERS).sentences(test))
        print(f"{name}: perplexity {value:.1f}, {unknown:.1%} unknown words")


def main() -> None:
    """Read the command line and build or measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, nargs="+", required=True, help="a sentence a line")
    parser.add_argument("--household", type=Path, default=HOUSEHOLD)
    parser.add_argument("--output", type=Path, default=Path("models/stt-en-small.ngram"))
    parser.add_argument("--order", type=int, default=3)
    parser.add_argument("--prune", type=int, nargs="*", default=[0, 0, 0])
    parser.add_argument("--vocabulary", type=int, default=None, help="most frequent words kept")
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--alpha", type=float, default=0.75)
    parser.add_argument("--beta", type=float, default=1.85)
    parser.add_argument("--measure", action="store_true", help="report perplexities, write nothing")
    arguments = parser.parse_args()
    lines = [
        line for path in arguments.text for line in path.read_text(encoding="utf-8").splitlines()
    ]
    templates = Templates(arguments.household)
    if arguments.measure:
        measure(lines, templates, arguments)
        return
    size = write_ngram(arguments.output, make(lines, templates, arguments))
    tables = read_ngram(arguments.output)
    print(f"{arguments.output}: {tables.counts} n-grams, {size:,} bytes")


if __name__ == "__main__":
    main()
