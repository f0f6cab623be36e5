"""Make confidences mean what they say: logistic weights fitted to what was right and wrong.

Input are the signs of words (or utterances) decoded from held-out speech, and whether each was
right. Plain NumPy: Newton's method on a penalised likelihood, which has one maximum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from stt_service.decoder.confidence import Evidence, Judge, Signs, Weights

PENALTY = 1e-2
"""Of squared weights, in nats: keeps them finite when right and wrong part without overlap."""
STEPS = 100
"""Newton converges in about ten; more would mean that the input is no number."""
SMALL_STEP = 1e-8
"""A step of no weight beyond this ends the search."""
EVEN = 0.5
"""From where on a judge accepts until its threshold is chosen."""
BINS = 10
"""Of equal width, for the calibration error, as is usual."""


def fit(signs: Sequence[Signs], right: Sequence[bool]) -> Weights:
    """Return the weights under which what was seen is most probable.

    Raises :exc:`ValueError` when there is nothing to fit, or lengths differ.
    """
    _check(signs, right)
    return Weights(*regression([one.features() for one in signs], right))


def fit_judge(evidence: Sequence[Evidence], meant: Sequence[bool]) -> Judge:
    """Return the judge under which what was seen is most probable, both kinds weighing alike.

    There are many more sounds that are no command than there are commands in a test; a house is
    no different, but by how much nobody knows. It accepts from
    :data:`EVEN` on. Raises :exc:`ValueError`
    when there is nothing to fit, or only one kind.
    """
    _check(evidence, meant)
    yes = sum(meant)
    if not 0 < yes < len(meant):
        raise ValueError(f"{yes} of {len(meant)} were meant: both kinds are needed")
    share = [0.5 * len(meant) / (yes if one else len(meant) - yes) for one in meant]
    bias, *weights = regression([one.features() for one in evidence], meant, share)
    names = [one.name for one in fields(Judge)][1:-1]
    return Judge(bias=bias, accept_from=EVEN, **dict(zip(names, weights, strict=True)))


def regression(
    features: Sequence[tuple[float, ...]],
    right: Sequence[bool],
    share: Sequence[float] | None = None,
) -> list[float]:
    """Return bias and weights; ``share`` says how much each row counts, 1 by default."""
    inputs = np.array([(1.0, *one) for one in features])
    target = np.asarray(right, np.float64)
    counts = np.ones(len(target)) if share is None else np.asarray(share, np.float64)
    weights = np.zeros(inputs.shape[1])
    penalty = PENALTY * np.eye(len(weights))
    loss = _loss(weights, inputs, target, counts, penalty)
    for _ in range(STEPS):
        guess = _logistic(inputs @ weights)
        gradient = inputs.T @ (counts * (guess - target)) + penalty @ weights
        curvature = (inputs * (counts * guess * (1 - guess))[:, None]).T @ inputs + penalty
        step = np.linalg.solve(curvature, gradient)
        while (ahead := _loss(weights - step, inputs, target, counts, penalty)) > loss:
            step = step / 2  # Newton oversteps where the curve is flat
            if np.abs(step).max() < SMALL_STEP:
                break
        if np.abs(step).max() < SMALL_STEP:
            break
        weights, loss = weights - step, ahead
    return [float(weight) for weight in weights]


def _check(signs: Sequence[object], right: Sequence[bool]) -> None:
    if not signs or len(signs) != len(right):
        raise ValueError(f"{len(signs)} signs do not go with {len(right)} judgements")


def _logistic(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -30, 30))))


def _loss(
    weights: NDArray[np.float64],
    inputs: NDArray[np.float64],
    target: NDArray[np.float64],
    counts: NDArray[np.float64],
    penalty: NDArray[np.float64],
) -> float:
    odds = inputs @ weights
    misfit = np.logaddexp(0, odds) - target * odds
    return float(counts @ misfit + weights @ penalty @ weights / 2)


def calibration_error(confidences: Sequence[float], right: Sequence[bool]) -> float:
    """Return the expected calibration error, 0..1.

    That is how far confidence and share of right ones lie apart in each of :data:`BINS` bins,
    weighted by how many are in it.
    """
    given, truth = np.asarray(confidences, np.float64), np.asarray(right, np.float64)
    if not len(given) or len(given) != len(truth):
        raise ValueError(f"{len(given)} confidences do not go with {len(truth)} judgements")
    bins = np.minimum((given * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, given - truth, minlength=BINS)
    return float(np.abs(gaps).sum() / len(given))
