"""The LSTM's sums over time, compiled where that is faster than what torch does.

In bfloat16 on a processor, torch's own LSTM takes most of a training step, and with AMX its
gradients are a sixth off from 1,024 units on (torch 2.13). ``recurrence.cpp`` does the same sums in
half the time with AMX, in a seventh with AVX512-BF16 alone, to the precision of bfloat16; without a
compiler, or elsewhere, torch's is used.
"""

from __future__ import annotations

import logging
import os
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.utils import cpp_extension

logger = logging.getLogger(__name__)

SOURCE = Path(__file__).with_name("recurrence.cpp")
FLAGS = ["-O3", "-march=native", "-ffast-math"]
"""Without the last the exponentials would be computed one by one."""
WIDTH_UNIT = 64
"""The compiled sums want widths that are multiples of this."""


@cache
def compiled() -> ModuleType | None:
    """Return the compiled sums, built when first asked for; None where they cannot be built.

    Each process builds its own, in half a minute: in the folder that torch would keep them in, a
    process that was killed leaves a lock for which all later ones wait.
    """
    if not torch.cpu.get_capabilities().get("avx512_bf16", False):
        return None
    # ninja comes with the extra, beside this interpreter, which need not be on the path.
    os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    try:
        with TemporaryDirectory() as folder:
            return cpp_extension.load(
                "stt_recurrence", [str(SOURCE)], extra_cflags=FLAGS, build_directory=folder
            )
    except (OSError, RuntimeError) as error:
        logger.info("training with torch's own LSTM, which is slower: %s", error)
        return None


class _Sums(torch.autograd.Function):
    """From the inputs' part of the gates, ``[T, B, 4H]``, to the hidden outputs, ``[T, B, H]``."""

    @staticmethod
    def forward(ctx: FunctionCtx, inputs: Tensor, weights: Tensor, sums: ModuleType) -> Tensor:
        low = weights.bfloat16()
        gates = inputs.contiguous().clone()
        hidden, cells = sums.forward(gates, low.T.contiguous())
        ctx.save_for_backward(hidden, low)
        ctx.gates, ctx.cells, ctx.sums = gates, cells, sums
        return hidden

    @staticmethod
    def backward(ctx: FunctionCtx, slopes: Tensor) -> tuple[Tensor, Tensor, None]:
        hidden, low = ctx.saved_tensors
        ctx.sums.backward(slopes.bfloat16().contiguous(), ctx.gates, ctx.cells, low)
        weights = ctx.gates[1:].flatten(0, 1).T @ hidden[:-1].flatten(0, 1)
        return ctx.gates, weights.float(), None


def run(lstm: nn.LSTM, sequence: Tensor) -> Tensor:
    """Return the hidden outputs ``[T, B, H]`` of a one-layer LSTM over ``sequence [T, B, in]``."""
    in_bfloat16 = sequence.device.type == "cpu" and torch.is_autocast_enabled("cpu")
    fits = lstm.training and lstm.hidden_size % WIDTH_UNIT == 0
    sums = compiled() if in_bfloat16 and fits else None
    if sums is None:
        hidden: Tensor = lstm(sequence)[0]
        return hidden
    weight_ih, weight_hh, bias_ih, bias_hh = lstm.all_weights[0]
    inputs = nn.functional.linear(sequence, weight_ih, bias_ih + bias_hh)
    return _Sums.apply(inputs, weight_hh, sums)
