"""The paged optimizer moves weights as bitsandbytes' own does, bit for bit."""

from __future__ import annotations

import pytest
import torch
from bitsandbytes.optim import PagedAdamW8bit
from torch import nn

from py_backend.training.optimizers import OptimizerSpec, apply_update, create_optimizer


@pytest.mark.filterwarnings("ignore:Paged optimizers are not supported on CPU")
def test_three_steps_are_those_of_bitsandbytes() -> None:
    draw = torch.Generator().manual_seed(1)
    start = [torch.randn(shape, generator=draw) for shape in ((96, 64), (5, 7))]
    mine, own = ([nn.Parameter(weight.clone()) for weight in start] for _ in range(2))
    ours = create_optimizer(OptimizerSpec("paged_adamw_8bit", 0.9, 0.99, 1e-8), mine)
    theirs = PagedAdamW8bit(own, lr=1e-2, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1)
    for _ in range(3):
        for one, other in zip(mine, own, strict=True):
            one.grad = torch.randn(one.shape, generator=draw)
            other.grad = one.grad.clone()
        apply_update(ours, 1e-2, 0.1)
        theirs.step()
    assert all(torch.equal(one, other) for one, other in zip(mine, own, strict=True))
