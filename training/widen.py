"""A trained network in, a wider one out that computes the same: training goes on from there.

The new units' own weights are random and nothing listens to them yet: every weight that leads out
of one is zero, and grows as training finds use for it. What training has then forgotten, the mean
of both networks still knows.
"""

from __future__ import annotations

from dataclasses import fields, replace

from torch import Tensor

from training.model import DeepSpeech, ModelConfig

WIDTHS = ("dense1", "dense2", "dense3", "lstm", "dense5")
"""Fields of the configuration that may grow."""
GATES = 4
"""Blocks of rows in an LSTM's weights: input, forget, cell, output."""


def at_least(config: ModelConfig, other: ModelConfig) -> ModelConfig:
    """Return ``other`` with every layer as wide as the wider of the two."""
    return replace(
        other, **{name: max(getattr(config, name), getattr(other, name)) for name in WIDTHS}
    )


def widened(model: DeepSpeech, config: ModelConfig, dropout: float = 0.0) -> DeepSpeech:
    """Return a network of shape ``config`` that computes what ``model`` does.

    Raises :exc:`ValueError` where a layer would become narrower or the labels and features change.
    """
    for field in fields(ModelConfig):
        old, new = getattr(model.config, field.name), getattr(config, field.name)
        if new != old and not (field.name in WIDTHS and new > old):
            raise ValueError(f"{field.name} cannot go from {old} to {new} with the same weights")
    result = DeepSpeech(config, dropout)
    own = result.state_dict()
    state = {name: _placed(name, old, own[name]) for name, old in model.state_dict().items()}
    result.load_state_dict(state)
    return result


def blended(model: DeepSpeech, origin: DeepSpeech, share: float) -> DeepSpeech:
    """Return the mean of a network's weights and of those its training began with.

    ``share``, 0 to 1, is the weight of ``origin``, which may be narrower: units that it lacks keep
    what they listen to, and are heard less. Only where one was trained from the other is a mean of
    weights a network at all. Raises :exc:`ValueError` where ``origin`` is wider, or of other labels
    or features.
    """
    result = widened(origin, model.config)
    state = model.state_dict()
    for name, old in origin.state_dict().items():
        if state[name].is_floating_point():
            before = _placed(name, old, state[name])
            state[name] = (1 - share) * state[name] + share * before
    result.load_state_dict(state)
    return result.eval()


def _placed(name: str, old: Tensor, new: Tensor) -> Tensor:
    """Put ``old`` into the corner of ``new``; what leads from new units to anything is zero."""
    if old.shape == new.shape:
        return old
    blocks = GATES if name.startswith("lstm") else 1
    rows = old.unflatten(0, (blocks, -1))
    result = new.unflatten(0, (blocks, -1)).clone()
    inner = tuple(slice(0, size) for size in rows.shape[2:])
    if old.dim() == 2 and "norm" not in name:
        result[:, :, rows.shape[2] :] = 0.0
    result[(slice(None), slice(0, rows.shape[1]), *inner)] = rows
    return result.flatten(0, 1)
