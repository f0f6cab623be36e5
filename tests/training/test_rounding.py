"""Weights to int8: what rounding leaves of a layer's sums."""

from __future__ import annotations

import numpy as np
import pytest

from training.rounding import INT8_MAX, to_int8


def layer(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A matrix and rows of inputs that go together, as activations do, one of them always zero."""
    weight = rng.standard_normal((12, 40)).astype(np.float32)
    inputs = rng.standard_normal((500, 10)) @ rng.standard_normal((10, 40))
    inputs = np.maximum(inputs + 0.3 * rng.standard_normal(inputs.shape), 0.0)
    inputs[:, 7] = 0.0
    return weight, inputs


@pytest.mark.parametrize("seed", range(5))
def test_sums_over_what_is_heard_stay_closer(seed: int) -> None:
    """Rounding by the inputs' moment leaves less than half of the error in the layer's sums."""
    weight, inputs = layer(np.random.default_rng(seed))
    peaks = np.abs(weight).max(axis=1)
    exact = inputs @ weight.T

    def error(values: np.ndarray) -> float:
        assert values.dtype == np.int8
        return float(np.square(inputs @ (values * peaks[:, None] / INT8_MAX).T - exact).mean())

    heard = to_int8(weight, peaks, inputs.T @ inputs / len(inputs))
    assert error(heard) < 0.5 * error(to_int8(weight, peaks))


def test_inputs_that_do_not_go_together_change_nothing() -> None:
    """With nothing to take an error back by, each weight goes to the nearest step."""
    weight, _ = layer(np.random.default_rng(3))
    peaks = np.abs(weight).max(axis=1)
    moment = np.diag(np.linspace(1.0, 2.0, 40))
    np.testing.assert_array_equal(to_int8(weight, peaks, moment), to_int8(weight, peaks))


def test_a_layer_that_heard_nothing_is_rounded_all_the_same() -> None:
    """Silence has no moment to divide by."""
    weight, _ = layer(np.random.default_rng(3))
    peaks = np.abs(weight).max(axis=1)
    silent = to_int8(weight, peaks, np.zeros((40, 40)))
    np.testing.assert_array_equal(silent, to_int8(weight, peaks))
