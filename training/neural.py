"""Adds a neural network to an n-gram model: ``python -m training.neural --text FILE=SHARE...``.

The network (:mod:`stt_service.decoder.network`) learns to say the next word of sentences drawn from
the texts by their shares. All words are not asked each time: the sum over them, which a softmax
needs, is taken exactly over the frequent ones and estimated by drawing some of the others. The loss
also keeps that sum near 1, so that recognising can do without it.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from stt_service.decoder.network import Network, quantise
from stt_service.decoder.ngram_counts import BEGIN, MARKS, UNKNOWN
from stt_service.decoder.ngram_file import read_ngram, write_ngram
from stt_service.errors import ScorerError
from training.language import BLOCK, DRAWS, HELD_OUT, HOME, SEED, home

CONTEXT = 6
"""Words that are looked back at."""
WIDTH = 96
"""Numbers in a word's vector."""
UNITS = 384
"""Of the layer between."""
WORDS = 32_000
"""The most frequent ones, which the network knows: 98 of 100 in running text."""
EXACT = 256
"""Words that are always in the sum."""
DRAWN = 512
"""Others that stand for the rest in each batch."""
FLATTENING = 0.75
"""Power of the frequencies by which the others are drawn."""
BATCH = 4096
"""Words to say at once."""
RATE = 0.002
"""Of Adam, after :data:`WARM_UP` batches; falls to nothing in a line."""
WARM_UP = 200
SUM_TO_ONE = 0.1
"""Weight of the squared logarithm of the sum in the loss."""
STRETCH = 256
"""Words in a row that are read together: places are drawn among these."""
STRETCHES = 64
"""Of which the words are shuffled."""
TESTED = 20_000
"""Words left out that perplexity is measured on."""
REPORT_EVERY = 1000
"""Batches."""
FIRST = len(MARKS)
MOST_WORDS = 1 << 16
"""That two bytes tell apart."""

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Text:
    """Sentences as numbers of words."""

    words: NDArray[np.uint16]
    """0 where the network does not know the word."""
    before: NDArray[np.uint16]
    """How many words of the sentence come before each."""

    def contexts(self, places: Places) -> Places:
        """Return the words before those at ``places``, shape (n, CONTEXT)."""
        back = np.arange(CONTEXT, 0, -1)
        words = self.words[np.maximum(places[:, None] - back, 0)].astype(np.int64)
        words[back > self.before[places][:, None]] = BEGIN
        return words

    def known(self, places: Places) -> Places:
        """Return those of ``places`` whose word the network knows."""
        return places[self.words[places] >= FIRST]

    def walk(self, dice: np.random.Generator) -> Iterator[Places]:
        """Yield places without end, shuffled, each once before any comes again."""
        stretch = np.arange(min(STRETCH, len(self.words)))
        while True:
            starts = dice.permutation(len(self.words) // len(stretch)) * len(stretch)
            for some in np.array_split(starts, -(-len(starts) // STRETCHES)):
                places = (some[:, None] + stretch).ravel()
                yield self.known(dice.permutation(places))


def encode(words: Sequence[str], lines: Iterable[str]) -> tuple[Text, Text]:
    """Turn sentences, a line each, to numbers; return those to learn from and those left out."""
    number = {word: i for i, word in enumerate(words)}
    parts = [(array("H"), array("H")), (array("H"), array("H"))]
    for i, line in enumerate(lines):
        numbers, before = parts[i // BLOCK % HELD_OUT == 0]
        said = line.split()
        numbers.extend([number.get(word, UNKNOWN) for word in said])
        before.extend(range(len(said)))
    learned, left_out = (
        Text(np.frombuffer(numbers, np.uint16), np.frombuffer(before, np.uint16))
        for numbers, before in parts
    )
    return learned, left_out


class WordNetwork(torch.nn.Module):
    """The network while it is trained."""

    def __init__(self, frequencies: NDArray[np.float64]) -> None:
        """``frequencies`` of the words, which sum to 1, are what the bias starts from."""
        super().__init__()
        self.vectors = torch.nn.Embedding(len(frequencies), WIDTH)
        self.inner = torch.nn.Linear(CONTEXT * WIDTH, UNITS)
        self.outer = torch.nn.Linear(UNITS, WIDTH)
        rare = 1e-8
        self.bias = torch.nn.Parameter(
            torch.from_numpy(np.log(np.maximum(frequencies, rare))).float()
        )
        # So that all words are expected alike at first, and yet vectors are learned.
        torch.nn.init.normal_(self.vectors.weight, 0, 0.1)
        torch.nn.init.normal_(self.inner.weight, 0, 5 * (2 / (CONTEXT * WIDTH)) ** 0.5)
        torch.nn.init.normal_(self.outer.weight, 0, 0.02)

    def expect(self, contexts: torch.Tensor) -> torch.Tensor:
        """As :meth:`stt_service.decoder.network.Network.expect`."""
        units = functional.relu(self.inner(self.vectors(contexts).flatten(1)))
        expected: torch.Tensor = self.outer(units)
        return expected

    def packed(self, share: float) -> Network:
        """Return what recognising takes."""
        codes, scale = quantise(self.vectors.weight.detach().numpy())
        weights = (self.inner.weight.T, self.inner.bias, self.outer.weight.T, self.outer.bias)
        inner, inner_bias, outer, outer_bias = (
            np.ascontiguousarray(weight.detach().numpy()) for weight in weights
        )
        bias = self.bias.detach().numpy()
        return Network(codes, scale, bias, inner, inner_bias, outer, outer_bias, share)


class Sum:
    """What a softmax divides by, natural log: exact for frequent words, drawn for the others."""

    def __init__(self, frequencies: NDArray[np.float64], dice: np.random.Generator) -> None:
        chances = frequencies**FLATTENING
        self._end = min(FIRST + EXACT, len(chances))
        chances[: self._end] = 0.0
        self._up_to = np.cumsum(chances / max(chances.sum(), np.finfo(float).tiny))
        expected = np.maximum(DRAWN * np.diff(self._up_to, prepend=0.0), np.finfo(float).tiny)
        self._weights = torch.from_numpy(-np.log(expected)).float()
        self._dice = dice

    def of(
        self, network: WordNetwork, expected: torch.Tensor, said: torch.Tensor, scores: torch.Tensor
    ) -> torch.Tensor:
        """Return the sum for each word ``said``, whose own ``scores`` are in it."""
        exact = torch.arange(FIRST, self._end)
        if self._up_to[-1] > 0:
            drawn = np.searchsorted(self._up_to, self._dice.random(DRAWN))
            some = torch.from_numpy(np.minimum(drawn, len(self._up_to) - 1))
        else:
            some = torch.zeros(0, dtype=torch.int64)
        words = torch.cat((exact, some))
        weights = torch.cat((torch.zeros(len(exact)), self._weights[some]))
        others = torch.addmm(network.bias[words] + weights, expected, network.vectors(words).T)
        # A rare word that is said is in the sum by itself, not by having been drawn, too.
        drawn_too = (words[None] == said[:, None]) & (words >= self._end)
        others = others.masked_fill(drawn_too, -torch.inf)
        total = torch.logsumexp(others, 1)
        return torch.where(said < self._end, total, torch.logaddexp(total, scores))


def batches(
    texts: Sequence[Text], shares: Sequence[float], dice: np.random.Generator
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield contexts and words without end, from each text by its share."""
    walks = [text.walk(dice) for text in texts]
    ready: list[Places] = [np.zeros(0, np.int64) for _ in texts]
    while True:
        contexts, words = [], []
        for i, (text, share) in enumerate(zip(texts, shares, strict=True)):
            count = int(BATCH * share / sum(shares) + dice.random())
            while len(ready[i]) < count:
                ready[i] = np.concatenate((ready[i], next(walks[i])))
            places, ready[i] = ready[i][:count], ready[i][count:]
            contexts.append(text.contexts(places))
            words.append(text.words[places].astype(np.int64))
        yield torch.from_numpy(np.concatenate(contexts)), torch.from_numpy(np.concatenate(words))


@torch.no_grad()
def sums(network: WordNetwork, text: Text) -> tuple[float, NDArray[np.float32]]:
    """Return the perplexity of a text, and the logs of the sums over all words, by exact sums."""
    places = text.known(np.arange(min(TESTED, len(text.words))))
    losses, logs = [], []
    for some in np.array_split(places, -(-len(places) // 1000)):
        scores = (
            network.expect(torch.from_numpy(text.contexts(some))) @ network.vectors.weight.T
            + network.bias
        )[:, FIRST:]
        said = torch.from_numpy(text.words[some].astype(np.int64) - FIRST)
        losses.append(functional.cross_entropy(scores, said, reduction="sum").item())
        logs.append(torch.logsumexp(scores, 1).numpy())
    return float(np.exp(sum(losses) / len(places))), np.concatenate(logs)


def train(
    texts: Sequence[Text], shares: Sequence[float], test: Text, words: int, steps: int, seed: int
) -> WordNetwork:
    """Train on ``steps`` batches; print how it goes."""
    torch.manual_seed(seed)
    dice = np.random.default_rng(seed)
    frequencies = np.zeros(words)
    for text, share in zip(texts, shares, strict=True):
        seen = np.bincount(text.words, minlength=words)
        seen[:FIRST] = 0
        frequencies += share / sum(shares) * seen / seen.sum()
    network = WordNetwork(frequencies)
    total = Sum(frequencies, dice)
    optimizer = torch.optim.Adam(network.parameters(), betas=(0.9, 0.98))
    begun = time.monotonic()
    for step, (contexts, said) in zip(range(steps), batches(texts, shares, dice), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / WARM_UP) * (1 - step / steps)
        expected = network.expect(contexts)
        scores = (expected * network.vectors(said)).sum(1) + network.bias[said]
        logs = total.of(network, expected, said, scores)
        loss = (logs - scores).mean() + SUM_TO_ONE * (logs**2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (step + 1) % REPORT_EVERY == 0 or step + 1 == steps:
            value, over = sums(network, test)
            print(
                f"{step + 1} of {steps} batches, {(time.monotonic() - begun) / 60:.0f} min: "
                f"perplexity {value:.1f}, log of the sum {over.mean():.2f} ± {over.std():.2f}",
                flush=True,
            )
    _, over = sums(network, test)
    with torch.no_grad():
        network.bias -= float(over.mean())
    return network


def parse_text(value: str) -> tuple[Path, float]:
    """Read ``FILE=SHARE``."""
    name, _, share = value.rpartition("=")
    try:
        number = float(share)
    except ValueError:
        number = 0.0
    if not name or not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{value!r} is not FILE=SHARE, such as books.txt=0.85")
    if not Path(name).is_file():
        raise argparse.ArgumentTypeError(f"{name}: no such file")
    return Path(name), number


def lines_of(path: Path) -> Iterator[str]:
    """Yield the lines of a text, which may be larger than memory."""
    with path.open(encoding="utf-8") as file:
        yield from file


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--text", type=parse_text, nargs="+", required=True, metavar="FILE=SHARE",
        help="a sentence a line, and what share of the words to learn it has",
    )  # fmt: skip
    parser.add_argument("--home", type=float, default=0.06, help="share of our own templates")
    parser.add_argument("--scorer", type=Path, default=Path("models/stt-en-small.ngram"))
    parser.add_argument("--words", type=int, default=WORDS, help="words to know")
    parser.add_argument("--steps", type=int, default=20_000, help=f"batches of {BATCH} words")
    parser.add_argument("--share", type=float, default=0.65, help="weight beside the n-grams")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    for name, least, most in (("words", FIRST + 1, MOST_WORDS), ("steps", 1, math.inf),
                              ("threads", 1, math.inf), ("home", 0, math.inf)):  # fmt: skip
        if not least <= getattr(options, name) <= most:
            parser.error(f"--{name} is {least} to {most}")
    if not 0 < options.share < 1:
        parser.error("--share lies between 0 and 1")
    return options


def main() -> None:
    """Read, train, and write the file anew."""
    options = parse_options()
    torch.set_num_threads(options.threads)
    tables = read_ngram(options.scorer)
    words = tables.words[: options.words]
    sources: list[tuple[str, Iterable[str], float]] = [
        (str(path), lines_of(path), share) for path, share in options.text
    ]
    if options.home:
        frequent = words[FIRST : len(words) // 2]
        sources.append((HOME, home(DRAWS, SEED, frequent), options.home))
    texts, shares, tests = [], [], []
    for name, lines, share in sources:
        learned, left_out = encode(words, lines)
        if not len(learned.known(np.arange(len(learned.words)))):
            sys.exit(f"{name} has no sentence to learn from. It takes more than {BLOCK} lines, "
                     f"with words of {options.scorer}.")  # fmt: skip
        texts.append(learned)
        tests.append(left_out)
        shares.append(share)
    network = train(texts, shares, tests[0], len(words), options.steps, SEED).packed(options.share)
    size = write_ngram(options.scorer, replace(tables, network=network))
    print(f"{options.scorer}: {size:,} bytes, {network.words:,} words in the network")


if __name__ == "__main__":
    try:
        main()
    except ScorerError as error:
        sys.exit(str(error))
