"""Muon against torch's own, and what makes it worth having one's own: float32 and shares."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from training.muon import Muon, orthogonal  # noqa: E402
from training.ranks import Ranks  # noqa: E402


@pytest.mark.parametrize("shape", [(48, 96), (96, 48), (64, 64)])
def test_updates_are_those_of_torch(shape: tuple[int, int]) -> None:
    """In bfloat16, as torch computes them, five steps change a matrix to the same bits."""
    generator = torch.Generator().manual_seed(1)
    ours = torch.nn.Parameter(torch.randn(shape, generator=generator))
    theirs = torch.nn.Parameter(ours.detach().clone())
    own = Muon([ours], 0.01, 0.95, torch.bfloat16, Ranks())
    other = torch.optim.Muon(
        [theirs], weight_decay=0.01, momentum=0.95, adjust_lr_fn="match_rms_adamw"
    )
    for _ in range(5):
        gradient = torch.randn(shape, generator=generator)
        for matrix, optimizer in ((ours, own), (theirs, other)):
            matrix.grad = gradient.clone()
            optimizer.param_groups[0]["lr"] = 0.01
            optimizer.step()
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("shape", [(48, 96), (96, 48), (64, 64)])
def test_all_directions_become_about_as_large(shape: tuple[int, int]) -> None:
    """Gradients whose singular values differ by a hundred leave with values of 0.3 to 1.3."""
    generator = torch.Generator().manual_seed(2)
    left, _, right = torch.linalg.svd(torch.randn(shape, generator=generator), full_matrices=False)
    spread = left @ torch.diag(torch.logspace(0, -2, min(shape))) @ right
    values = torch.linalg.svdvals(orthogonal(spread, torch.float32))
    assert float(values.min()) > 0.3
    assert float(values.max()) < 1.3
