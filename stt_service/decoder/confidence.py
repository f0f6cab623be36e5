"""How sure the search is, as a number that means what it says.

Three signs tell a right word from a wrong one: how much of the n-best list's probability agrees
on it, how probable the model found its letters, and how far they lie below what the model found
most probable there. Logistic weights turn them into a probability of being right; the weights
come from held-out speech (``training/calibrate.py``), so that of words with confidence 0.8 about
80 % are right.

Whether to answer at all is another question: a door that slams is heard as some word too, and a
strict grammar finds a sentence in anything. :class:`Evidence` compares what was decoded with what
the network heard without grammar or language model, and a :class:`Judge` weighs it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from operator import mul
from typing import TypeVar

from stt_service.errors import ModelError

SURE = 6.0
"""Log odds at which the n-best list's share is cut off: it is too short to tell more."""
EXTREME = 10.0
"""Nats per label; what lies further below is no less wrong."""
SHORTEST = 0.1
"""Seconds; no word is shorter, though the network may put its labels into one frame."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What the confidence of a word or of an utterance is computed from."""

    posterior: float
    """0..1; share of the n-best list's probability that has it."""
    emission: float
    """Mean natural-log probability of its labels where they were put; at most 0."""
    margin: float
    """Mean natural log by which its labels lie below the most probable output; at most 0."""

    def features(self) -> tuple[float, float, float]:
        """Return what the weights are multiplied with."""
        share = min(max(self.posterior, 1e-9), 1 - 1e-9)
        odds = math.log(share / (1 - share))
        return min(max(odds, -SURE), SURE), self.emission, self.margin


@dataclass(frozen=True, slots=True)
class Weights:
    """A logistic regression on :class:`Signs`; each in log odds per unit of its sign."""

    bias: float
    posterior: float
    emission: float
    margin: float

    def confidence(self, signs: Signs) -> float:
        """Return the probability, 0..1, of being right."""
        posterior, emission, margin = signs.features()
        odds = (
            self.bias + self.posterior * posterior + self.emission * emission + self.margin * margin
        )
        return 1 / (1 + math.exp(-min(max(odds, -30.0), 30.0)))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What tells speech that was meant and understood from speech that was not, and from noise."""

    slack: float
    """0 and up; natural log per label by which the decoded text lies below the best unconstrained
    path."""
    posterior: float
    """0..1; share of the n-best list's probability that has this text."""
    weakest: float
    """Mean natural-log probability of the labels of the word where it is lowest; at most 0."""
    agreement: float
    """0..1; share of labels, of the text and of the unconstrained path together, that both have at
    about the same time."""
    labels: int
    """Labels of the text: short ones are soon found in noise."""
    seconds: float
    """From the first label to the last: noise spreads a text thinly."""

    def features(self) -> tuple[float, ...]:
        """Return what a judge's weights are multiplied with, in the order of its fields."""
        share = min(max(self.posterior, 1e-9), 1 - 1e-9)
        return (
            min(self.slack, EXTREME),
            min(max(math.log(share / (1 - share)), -SURE), SURE),
            max(self.weakest, -EXTREME),
            self.agreement,
            math.log(max(self.labels, 1)),
            math.log(max(self.labels, 1) / max(self.seconds, SHORTEST)),
        )


@dataclass(frozen=True, slots=True)
class Judge:
    """A logistic regression on :class:`Evidence`, and from where on it says yes.

    Weights are log odds per unit of what :meth:`Evidence.features` returns.
    """

    bias: float
    slack: float
    posterior: float
    weakest: float
    agreement: float
    length: float
    rate: float
    accept_from: float
    """0..1; what is less probable is rejected."""

    def probability(self, evidence: Evidence) -> float:
        """Return the probability, 0..1, that this was said and meant."""
        weights = (
            self.slack,
            self.posterior,
            self.weakest,
            self.agreement,
            self.length,
            self.rate,
        )
        odds = self.bias + sum(map(mul, weights, evidence.features()))
        return 1 / (1 + math.exp(-min(max(odds, -30.0), 30.0)))


Regression = TypeVar("Regression", Weights, Judge)

STRICT = Judge(-4.1, -1.75, 0.26, 0.48, 4.8, -0.36, 1.3, accept_from=0.5)
OPEN = Judge(-11.6, -2.1, 1.1, 2.6, 8.2, 1.4, 1.7, accept_from=0.4)
"""What was fitted on the bundled model, rounded: for models that nobody calibrated."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """The weights of one acoustic model, and when not to vouch for a result.

    The defaults are those of the bundled model, rounded.
    """

    word: Weights = field(default_factory=lambda: Weights(0.7, 0.5, 0.6, 0.6))
    utterance: Weights = field(default_factory=lambda: Weights(0.3, 0.5, 0.8, 0.8))
    strict: Judge = field(default_factory=lambda: STRICT)
    """Whether a sentence of a strict grammar was said: its confidence."""
    open: Judge = field(default_factory=lambda: OPEN)
    """Whether there was intelligible speech at all, without a strict grammar."""

    @classmethod
    def from_mapping(cls, values: Mapping[str, object]) -> Calibration:
        """Read the form of a model's card: tables ``word``, ``utterance``, ``strict``, ``open``.

        What is left out keeps its default. Raises :exc:`ModelError` naming an unknown or
        mistyped key.
        """
        default = cls()
        known = {"word", "utterance", "strict", "open"}
        if unknown := set(values) - known:
            raise ModelError(
                f"calibration has no key {min(unknown)!r}",
                f"It has {', '.join(sorted(known))}.",
            )
        return cls(
            _table("word", values.get("word"), default.word),
            _table("utterance", values.get("utterance"), default.utterance),
            _table("strict", values.get("strict"), default.strict),
            _table("open", values.get("open"), default.open),
        )


def _table(name: str, values: object, default: Regression) -> Regression:
    """Read the numbers of one regression."""
    if values is None:
        return default
    if not isinstance(values, Mapping):
        raise ModelError(f"calibration.{name} is not a table")
    names = [one.name for one in fields(default)]
    if unknown := set(values) - set(names):
        raise ModelError(
            f"calibration.{name} has no key {min(map(str, unknown))!r}",
            f"It has {', '.join(names)}.",
        )
    return type(default)(
        *(_number(f"{name}.{key}", values.get(key, getattr(default, key))) for key in names)
    )


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ModelError(f"calibration.{name} is not a number: {value!r}")
    return float(value)
