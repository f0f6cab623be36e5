"""Widening: the same function, more room."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from tests.training.test_model import SMALL, trained_looking_model  # noqa: E402
from training.widen import at_least, blended, widened  # noqa: E402

WIDE = replace(SMALL, dense1=30, dense2=20, dense3=33, lstm=17, dense5=40)


def test_a_widened_network_computes_the_same() -> None:
    """Every layer's new units are unheard at first."""
    model = trained_looking_model()
    features, lengths = torch.randn(2, 31, 26) * 4, torch.tensor([31, 20])
    wide = widened(model, WIDE).eval()
    assert wide.config == WIDE
    with torch.no_grad():
        torch.testing.assert_close(
            wide(features, lengths), model(features, lengths), atol=1e-4, rtol=0
        )


def test_new_units_can_learn() -> None:
    """A gradient reaches the weights that lead out of the new units."""
    wide = widened(trained_looking_model(), WIDE)
    wide(torch.randn(3, 31, 26) * 4, torch.tensor([31, 31, 31])).square().mean().backward()
    new = {
        "layer2": wide.layer2.linear.weight.grad[:, SMALL.dense1 :],
        "lstm": wide.lstm.weight_hh_l0.grad[:, SMALL.lstm :],
        "layer6": wide.layer6.weight.grad[:, SMALL.dense5 :],
    }
    assert all(gradient.abs().max() > 0 for gradient in new.values())


def test_narrower_layers_are_refused() -> None:
    """Weights cannot be thrown away silently; the wider of two shapes keeps them all."""
    narrow = replace(SMALL, lstm=8)
    with pytest.raises(ValueError, match="lstm cannot go from 12 to 8"):
        widened(trained_looking_model(), narrow)
    assert at_least(SMALL, narrow).lstm == SMALL.lstm


def test_blending_goes_from_one_network_to_the_other() -> None:
    """At the ends it is one of them, however narrow the first was; between, neither."""
    origin = trained_looking_model()
    later = widened(origin, WIDE)
    with torch.no_grad():
        for weight in later.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    features, lengths = torch.randn(2, 31, 26) * 4, torch.tensor([31, 20])

    def heard(network):
        with torch.no_grad():
            return network.eval()(features, lengths)

    torch.testing.assert_close(heard(blended(later, origin, 0.0)), heard(later))
    torch.testing.assert_close(heard(blended(later, origin, 1.0)), heard(origin), atol=1e-4, rtol=0)
    half = blended(later, origin, 0.5)
    mean = (later.layer6.bias + origin.layer6.bias) / 2
    torch.testing.assert_close(half.layer6.bias, mean)
    outward = half.layer2.linear.weight[:, SMALL.dense1 :]
    torch.testing.assert_close(outward, later.layer2.linear.weight[:, SMALL.dense1 :] / 2)
    inward = half.layer2.linear.weight[SMALL.dense2 :, : SMALL.dense1]
    torch.testing.assert_close(inward, later.layer2.linear.weight[SMALL.dense2 :, : SMALL.dense1])
    with pytest.raises(ValueError, match="cannot go from"):
        blended(origin, later, 0.5)
