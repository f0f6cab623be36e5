"""Muon: gradients of matrices in, orthogonal updates out (Jordan and others, 2024).

``torch.optim.Muon`` makes them orthogonal in bfloat16 always, which a processor without units for
it has to imitate: thirty times as long as all the rest of a step. Here it is done in what the
machine multiplies fast, and each process of a run does its share of the matrices.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from training.ranks import Ranks

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic that pulls all singular values towards 1: the authors' own, steepest at zero."""
ROUNDS = 5
"""Of that quintic; singular values then lie between 0.5 and 1.5, which is as good as 1."""
LIKE_ADAMW = 0.2
"""Typical size of AdamW's updates in units of the learning rate, so that one rate serves both."""


def orthogonal(matrix: Tensor, dtype: torch.dtype) -> Tensor:
    """Return ``matrix`` (``[rows, columns]``) with all singular values near 1."""
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix).to(dtype)
    x = x / x.norm().clamp_min(1e-7)
    for _ in range(ROUNDS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.T if tall else x).to(matrix.dtype)


class Muon(torch.optim.Optimizer):
    """Changes matrices by orthogonal updates. Owned by the training loop's thread."""

    def __init__(
        self,
        matrices: Iterable[nn.Parameter],
        weight_decay: float,
        momentum: float,
        dtype: torch.dtype,
        ranks: Ranks,
    ) -> None:
        super().__init__(list(matrices), {"lr": 0.0, "weight_decay": weight_decay})
        self._momentum, self._dtype, self._ranks = momentum, dtype, ranks

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Change the matrices by their gradients, which are the same in all processes."""
        for group in self.param_groups:
            for number, matrix in enumerate(group["params"]):
                mean = self.state[matrix].setdefault("momentum_buffer", torch.zeros_like(matrix))
                mean.lerp_(matrix.grad, 1 - self._momentum)
                owner = number % self._ranks.world
                if owner == self._ranks.rank:
                    ahead = matrix.grad.lerp(mean, self._momentum)
                    size = LIKE_ADAMW * max(matrix.shape) ** 0.5
                    matrix.mul_(1 - group["lr"] * group["weight_decay"])
                    matrix.add_(orthogonal(ahead, self._dtype), alpha=-group["lr"] * size)
            for number, matrix in enumerate(group["params"]):
                self._ranks.hand_on(matrix, number % self._ranks.world)
