"""The compiled sums over time against torch's in full precision."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from training import recurrence  # noqa: E402
from training.ranks import Ranks  # noqa: E402


def trained_once(width: int, *, in_bfloat16: bool) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Return the outputs and the gradients (input, then weights) of one pass, seed fixed."""
    torch.manual_seed(4)
    lstm = torch.nn.LSTM(96, width)
    sequence = torch.randn(7, 5, 96, requires_grad=True)
    slopes = torch.randn(7, 5, width)
    with torch.autocast("cpu", torch.bfloat16, enabled=in_bfloat16):
        outputs = recurrence.run(lstm, sequence)
    (outputs.float() * slopes).sum().backward()
    gradients = [sequence.grad, *(weights.grad for weights in lstm.parameters())]
    return outputs.detach().float(), gradients


@pytest.mark.slow
@pytest.mark.parametrize("width", [64, 1024])
def test_compiled_sums_are_those_of_full_precision(width: int) -> None:
    """Outputs to 0.01 and gradients to 1 %: what bfloat16's eight bits leave."""
    if recurrence.compiled() is None:
        pytest.skip("no units for bfloat16 in this processor, or no compiler")
    outputs, gradients = trained_once(width, in_bfloat16=True)
    exact, exact_gradients = trained_once(width, in_bfloat16=False)
    assert float((outputs - exact).abs().max()) < 0.01
    for ours, theirs in zip(gradients, exact_gradients, strict=True):
        assert float((ours - theirs).norm() / theirs.norm()) < 0.01


@pytest.mark.slow
def test_gates_that_are_wide_open_or_shut_stay_finite() -> None:
    """Sums of a thousand either way, where exponentials overflow."""
    if recurrence.compiled() is None:
        pytest.skip("no units for bfloat16 in this processor, or no compiler")
    lstm = torch.nn.LSTM(64, 64)
    sequence = torch.full((3, 32, 64), 100.0)
    sequence[:, ::2] *= -1
    with torch.no_grad():
        lstm.weight_ih_l0.fill_(0.2)
    with torch.autocast("cpu", torch.bfloat16):
        outputs = recurrence.run(lstm, sequence)
    outputs.float().sum().backward()
    assert bool(outputs.isfinite().all())
    assert all(bool(weights.grad.isfinite().all()) for weights in lstm.parameters())


@pytest.mark.parametrize("in_bfloat16", [False, True])
def test_without_a_compiler_the_sums_are_torchs(
    in_bfloat16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the bit, in training; in bfloat16 where torch's own LSTM can do that at all."""
    if in_bfloat16 and not Ranks().multiplies_bfloat16():
        pytest.skip("no units for bfloat16 in this processor")
    monkeypatch.setattr(recurrence, "compiled", lambda: None)
    torch.manual_seed(4)
    lstm, sequence = torch.nn.LSTM(64, 64), torch.randn(3, 2, 64)
    with torch.autocast("cpu", torch.bfloat16, enabled=in_bfloat16):
        assert torch.equal(recurrence.run(lstm, sequence), lstm(sequence)[0])
