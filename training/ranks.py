"""The processes of one run: alone on a processor or GPU, or several started by ``torchrun``."""

from __future__ import annotations

import os

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

BFLOAT16_UNITS = ("amx_bf16", "avx512_bf16", "sve_bf16", "bf16")
"""What processors call the units that multiply in bfloat16, as torch names them."""


class Ranks:
    """Where this process stands among those of its run, and what they must agree on."""

    def __init__(self) -> None:
        self.rank = int(os.environ.get("RANK", "0"))
        """This process, from 0; process 0 alone writes files."""
        self.world = int(os.environ.get("WORLD_SIZE", "1"))
        """Number of processes."""
        # oneDNN keeps the code of the last 1,024 shapes, and hardly two batches are of one size:
        # without this limit it held 7 GB after 250 steps.
        os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "48")
        gpu = torch.cuda.is_available()
        self.device = torch.device("cpu")
        if gpu:
            self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(self.device)
        if self.world > 1 and not torch.distributed.is_initialized():
            torch.distributed.init_process_group("nccl" if gpu else "gloo")

    def multiplies_bfloat16(self) -> bool:
        """Return whether products in bfloat16 are faster here than in float32.

        A processor that has to imitate them takes thirty times as long instead.
        """
        if self.device.type == "cuda":
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
        able = torch.cpu.get_capabilities()
        return any(able.get(unit, False) for unit in BFLOAT16_UNITS)

    def share(self, model: nn.Module) -> nn.Module:
        """Return the model with gradients averaged over all processes."""
        return DistributedDataParallel(model) if self.world > 1 else model

    def hand_on(self, values: torch.Tensor, owner: int) -> None:
        """Give the values that process ``owner`` has to all others, in place."""
        if self.world > 1:
            torch.distributed.broadcast(values, owner)

    def agree(self, seconds: float, stop: bool) -> tuple[float, bool]:
        """Return process 0's clock and whether any process was asked to stop.

        Clocks differ a little; without this the learning rates would too, and one process would
        leave while the others wait for it.
        """
        if self.world == 1:
            return seconds, stop
        clock = torch.tensor([seconds], dtype=torch.float64, device=self.device)
        flag = torch.tensor([int(stop)], device=self.device)
        torch.distributed.broadcast(clock, 0)
        torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX)
        return float(clock), bool(flag)
