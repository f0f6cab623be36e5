"""Gradients in, changed weights out: Muon for the large matrices, AdamW for all else.

Muon makes each update of a matrix orthogonal, so that directions with small gradients learn as fast
as those with large ones. From the same weights, at the same rate, this network's loss per letter
was 0.1 lower than with AdamW alone after 450 steps.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from training.muon import Muon
from training.ranks import Ranks

MATRIX_SIDE = 64
"""Narrower matrices, as the one that names the letters, have too few directions to be worth it."""
MOMENTUM = 0.95
"""Muon's momentum."""
BETAS = (0.9, 0.98)
"""AdamW's memory of gradients and of their squares."""


class Optimizer:
    """Changes the weights of one model. Owned by the training loop's thread."""

    def __init__(self, model: nn.Module, weight_decay: float, ranks: Ranks) -> None:
        parameters = list(model.parameters())
        large = [p for p in parameters if p.ndim == 2 and min(p.shape) >= MATRIX_SIDE]
        rest = [p for p in parameters if p.ndim != 2 or min(p.shape) < MATRIX_SIDE]
        self._parts: dict[str, torch.optim.Optimizer] = {}
        if large:
            dtype = torch.bfloat16 if ranks.multiplies_bfloat16() else torch.float32
            self._parts["muon"] = Muon(large, weight_decay, MOMENTUM, dtype, ranks)
        self._parts["adamw"] = torch.optim.AdamW(
            rest, betas=BETAS, weight_decay=weight_decay, fused=True
        )

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for part in self._parts.values():
            part.zero_grad(set_to_none=True)

    def step(self, rate: float) -> None:
        """Change the weights by their gradients; ``rate`` is the learning rate."""
        for part in self._parts.values():
            for group in part.param_groups:
                group["lr"] = rate
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """Return what it remembers, by part."""
        return {name: part.state_dict() for name, part in self._parts.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned."""
        for name, part in self._parts.items():
            part.load_state_dict(state[name])
