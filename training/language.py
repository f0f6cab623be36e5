"""Builds the bundled English language model: ``python -m training.language --text FILE...``.

Each text (see :mod:`training.texts`) is a domain; one more are this project's own templates of what
people say to machines, each drawn many times. The domains' models are mixed with the weights under
which texts left out are most probable, then pruned to the size asked for.
Everything random comes from one seed, so the same text gives the same file.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from stt_service.decoder.ngram import NgramModel
from stt_service.decoder.ngram_counts import MARKS, Corpus
from stt_service.decoder.ngram_file import Tables, packed_size, read_ngram, write_ngram
from stt_service.decoder.ngram_text import Normaliser
from training.mixture import Mixture, best_weights, domain, numbered, perplexity
from training.synthesis import numbers
from training.templates import Slot, Templates

DATA = Path(__file__).parent / "data"
HOUSEHOLD = DATA / "household.txt"
TEMPLATES = (HOUSEHOLD, DATA / "speaking.txt", DATA / "assistant.txt")
"""Of one name in several files the later list counts."""
HOME = "home"
"""The domain of the templates."""
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz'")
DRAWS = 120
"""Sentences drawn from each template: some 80,000 in all."""
HELD_OUT = 50
"""Of each text every so many-th block of lines is left out, for weights and perplexities."""
BLOCK = 40
"""Lines in a row: neighbours are alike, so single lines left out would flatter."""
LEAST_SEEN = 2
"""Times; a word that one text has once is a misprint as often as not."""
SEED = 20_000
HEADER = 4096
"""Bytes of the file that are no tables, about."""
PLACES = 24
"""Halvings of the range of pruning thresholds; the size comes out within a per mille."""
EXTREMES = (1e-12, 1e-4)
"""Nats per word: thresholds that keep nearly all, and nearly none."""

Sentences = list[list[str]]


def slots(words: Sequence[str]) -> dict[str, Slot]:
    """Return the computed lists of the templates; ``words`` are drawn for ``{word}``."""

    def some(dice: random.Random) -> str:
        return " ".join(dice.choice(words) for _ in range(dice.randint(1, 4)))

    return {
        "word": lambda dice: dice.choice(words),
        "words": some,
        "title": some,
        "number": numbers.draw_number,
        "digits": numbers.draw_digits,
        "time": numbers.draw_time,
        "date": numbers.draw_date,
        "year": numbers.draw_year,
        "price": numbers.draw_price,
        "ordinal": lambda dice: numbers.ordinal(dice.randint(1, 40)),
        "letter": lambda dice: dice.choice("abcdefghijklmnopqrstuvwxyz"),
        "spelled": lambda dice: " ".join(dice.choice(words).replace("'", "")[:9]),
    }


def home(draws: int, seed: int, words: Sequence[str]) -> Iterator[str]:
    """Yield ``draws`` sentences of each template."""
    templates = Templates(*TEMPLATES, slots=slots(words))
    yield from templates.sentences(random.Random(seed), draws)


def part(sentences: Sentences) -> tuple[Sentences, Sentences]:
    """Part a text into what is counted and what is left out."""
    counted: Sentences = []
    left_out: Sentences = []
    for i, sentence in enumerate(sentences):
        (left_out if i // BLOCK % HELD_OUT == 0 else counted).append(sentence)
    return counted, left_out


def vocabulary(texts: dict[str, Sentences], size: int) -> tuple[str, ...]:
    """Return the marks, all words of the home, and the words most frequent in the mean text.

    Frequencies are taken for each text by itself: a word of every tenth command is a common word
    however many novels there are.
    """
    score: defaultdict[str, float] = defaultdict(float)
    own: set[str] = set()
    for name, text in texts.items():
        seen = Counter(word for sentence in text for word in sentence)
        total = seen.total()
        for word, count in seen.items():
            if count >= LEAST_SEEN:
                score[word] += count / total
        if name == HOME:
            own = {word for word, count in seen.items() if count >= LEAST_SEEN}
    others = sorted((word for word in score if word not in own), key=lambda w: (-score[w], w))
    chosen = [*own, *others[: max(size - len(own), 0)]]
    return (*MARKS, *sorted(chosen, key=lambda w: (-score[w], w)))


def fit(mixture: Mixture, limit: int) -> Tables:
    """Prune until the file has at most ``limit`` bytes."""
    low, high = EXTREMES
    best = mixture.prune(high)
    for _ in range(PLACES):
        middle = (low * high) ** 0.5
        tables = mixture.prune(middle)
        if packed_size(tables) > limit:
            low = middle
        else:
            best, high = tables, middle
            if packed_size(tables) > 0.999 * limit:
                break
    print(f"pruned at {high:.3g} nats per word: {best.counts} n-grams")
    return best


def show(tables: Tables, tests: dict[str, Corpus]) -> None:
    """Print perplexities of texts left out."""
    model = NgramModel(tables, "measured", "measured")
    for name, test in tests.items():
        value, unknown = perplexity(model, test)
        print(f"  {name}: perplexity {value:.1f}, {unknown:.2%} unknown words")


def read(lines: Iterable[str]) -> Sentences:
    """Return the words of all fit lines. Equal words are one object: tens of millions fill 4 GB."""
    one: dict[str, str] = {}
    return [
        [one.setdefault(word, word) for word in words]
        for words in Normaliser(LETTERS).sentences(lines)
    ]


def make(arguments: argparse.Namespace) -> Tables:
    """Build, mix and prune; print what is learned on the way."""
    texts: dict[str, Sentences] = {}
    tests: dict[str, Sentences] = {}
    for path in arguments.text:
        text = read(path.read_text(encoding="utf-8").splitlines())
        texts[path.stem], tests[path.stem] = part(text)
    for path in arguments.test:
        tests[path.stem] = read(path.read_text(encoding="utf-8").splitlines())
    common = Counter(word for text in texts.values() for sentence in text for word in sentence)
    frequent = [word for word, _ in common.most_common(arguments.vocabulary // 2)]
    texts[HOME] = read(home(arguments.draws, SEED, frequent))
    tests.setdefault(HOME, read(home(2, SEED + 1, frequent)))
    words = vocabulary(texts, arguments.vocabulary)
    corpora = {name: numbered(words, text) for name, text in texts.items()}
    left_out = {name: numbered(words, text) for name, text in tests.items()}
    domains = [
        domain(name, corpus, arguments.order, "witten-bell" if name == HOME else None)
        for name, corpus in corpora.items()
    ]
    weights = best_weights(domains, [left_out[name] for name in arguments.aim])
    shares = ", ".join(
        f"{one.name} {weight:.2f} of {one.tokens:,} words"
        for one, weight in zip(domains, weights, strict=True)
    )
    print(f"{len(words):,} words; weights: {shares}")
    mixture = Mixture(domains, list(corpora.values()), weights)
    tables = fit(mixture, arguments.bytes - HEADER)
    show(tables, left_out)
    return replace(tables, alpha=arguments.alpha, beta=arguments.beta, notes=f"mixed: {shares}")


def main() -> None:
    """Read the command line, build and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, nargs="+", required=True, help="a sentence a line")
    parser.add_argument(
        "--test", type=Path, nargs="*", default=[], help="texts that are not counted, only tested"
    )
    parser.add_argument(
        "--aim",
        nargs="+",
        default=["books", "sentences", HOME],
        help="names of the texts whose left-out part decides on the weights; each counts alike",
    )
    parser.add_argument("--output", type=Path, default=Path("models/stt-en-small.ngram"))
    parser.add_argument("--order", type=int, default=3)
    parser.add_argument("--vocabulary", type=int, default=60_000, help="words")
    parser.add_argument("--bytes", type=int, default=10_000_000, help="of the file, at most")
    parser.add_argument("--draws", type=int, default=DRAWS, help="sentences of each template")
    parser.add_argument("--alpha", type=float, default=0.75)
    parser.add_argument("--beta", type=float, default=1.85)
    arguments = parser.parse_args()
    size = write_ngram(arguments.output, make(arguments))
    tables = read_ngram(arguments.output)
    print(f"{arguments.output}: {tables.counts} n-grams, {size:,} bytes")


if __name__ == "__main__":
    main()
