"""Full fine-tuning in half precision moves its weights as float32 does, and float16 keeps small gradients."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from py_backend.engine import build_engine
from py_backend.tests.engine.tiny import PAIRS, model, with_adapter
from py_backend.training import gradients as gradients_module
from py_backend.training.optimizers import OptimizerSpec
from py_backend.training.policy import LoraSpec, Policy
from py_backend.training.trainer import Trainer

LORA = LoraSpec(r=4, alpha=8, dropout=0.0, target_modules=())
UPHILL = [-0.1, 0.1] * len(PAIRS)
RATE = 1e-5
"""The usual one of full fine-tuning: far below what a bfloat16 weight can show."""


def trainer_of(policy: nn.Module, lora: LoraSpec | None, optimizer: str = "adamw") -> Trainer:
    return Trainer(
        "model", Policy(policy, lora, False), build_engine(policy), 0, OptimizerSpec(optimizer, 0.9, 0.999, 1e-8)
    )


def steps(trainer: Trainer, first: int, last: int) -> None:
    for step in range(first, last + 1):
        for micro_batch, some in enumerate((PAIRS[:2], PAIRS[2:])):
            logps, _ = trainer.forward(step, micro_batch, some, step)
            trainer.backward(step, micro_batch, UPHILL[: len(logps)])
        assert not trainer.commit(step, [0, 1], RATE, 0.0, 1.0).skipped


def weights(trainer: Trainer) -> torch.Tensor:
    return torch.cat([value.flatten() for value in trainer.snapshot(trainer.committed_step).policy.values()]).double()


@pytest.mark.parametrize(
    ("dtype", "optimizer"),
    [(torch.bfloat16, "adamw"), (torch.float16, "adamw"), (torch.bfloat16, "paged_adamw_8bit")],
)
def test_full_fine_tuning_moves_as_in_float32(dtype: torch.dtype, optimizer: str) -> None:
    start = model("llama").to(dtype)
    wide = trainer_of(copy.deepcopy(start).float(), None, optimizer)
    half = trainer_of(start, None, optimizer)
    before = weights(half)
    assert torch.equal(before, weights(wide))
    for trainer in (wide, half):
        steps(trainer, 1, 6)
    wanted, moved = weights(wide) - before, weights(half) - before
    # AdamW divides by the gradient's size: entries whose gradient is rounding noise move another way in half precision.
    assert torch.nn.functional.cosine_similarity(wanted, moved, dim=0) > 0.95
    assert float(moved.norm() / wanted.norm()) == pytest.approx(1, abs=0.05)
    for name, parameter in half.policy.named_parameters().items():
        assert torch.equal(parameter, half.snapshot(6).policy[name].to(dtype)), name


def test_gradients_of_many_micro_batches_add_up_in_float32() -> None:
    """In bfloat16 a sum stops growing when a term is 1/256 of it."""
    weight = nn.Parameter(torch.tensor([0.3, -0.7]).bfloat16())
    sums = gradients_module.StepGradients([weight], {torch.bfloat16})
    for _ in range(1000):
        sums.backward((weight * torch.tensor([1.0, 3.0]).bfloat16()).double().sum()[None], [0.1])
        assert weight.grad is None
    one = torch.tensor([0.1, 0.3]).bfloat16().float()
    torch.testing.assert_close(sums.masters[0].grad, 1000 * one, rtol=5e-3, atol=0)
    sums.clear()
    assert sums.masters[0].grad is None


def test_a_resumed_half_precision_run_goes_on_bit_for_bit() -> None:
    start = model("llama").to(torch.bfloat16)
    whole, first, second = (trainer_of(copy.deepcopy(start), None) for _ in range(3))
    steps(whole, 1, 3)
    steps(first, 1, 2)
    second.restore(first.snapshot(2))
    steps(second, 3, 3)
    assert torch.equal(weights(whole), weights(second))
    for one, other in zip(whole.policy.parameters(), second.policy.parameters(), strict=True):
        assert torch.equal(one, other)


# ------------------------------------------------------------------------------------------------------- float16


def adapter_gradients(dtype: torch.dtype, size: float) -> torch.Tensor:
    """Of an adapter in float32 (float64) on a base in dtype, divided by the size of dL/dlogp."""
    policy = with_adapter(model("llama", initializer_range=0.1))
    for name, parameter in policy.named_parameters():
        half = dtype != torch.float64
        parameter.data = parameter.data.half().to(dtype) if "lora_" not in name else parameter.data.float()
        parameter.requires_grad_("lora_" in name)
        if not half:
            parameter.data = parameter.data.double()
    trainer = trainer_of(policy, LORA)
    logps, _ = trainer.forward(1, 0, PAIRS, 0)
    trainer.backward(1, 0, [-size, size] * (len(logps) // 2))
    return torch.cat([parameter.grad.flatten() for parameter in trainer._parameters]).double() / size


@pytest.mark.parametrize("size", [1.0, 1.6e-5, 1e-7])
def test_small_gradients_are_as_exact_in_float16_as_large_ones(size: float) -> None:
    expected = adapter_gradients(torch.float64, 1.0)
    got = adapter_gradients(torch.float16, size)
    assert float((got - expected).norm() / expected.norm()) < 0.01


def test_a_backward_that_overflows_float16_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = adapter_gradients(torch.float16, 1e-3)
    monkeypatch.setattr(gradients_module, "SCALED", 2.0**20)
    got = adapter_gradients(torch.float16, 1e-3)
    assert float((got - expected).norm() / expected.norm()) < 0.01


def test_a_gradient_that_is_no_number_still_skips_the_step() -> None:
    policy = with_adapter(model("llama")).half()
    for name, parameter in policy.named_parameters():
        if "lora_" in name:
            parameter.data = parameter.data.float()
    trainer = trainer_of(policy, LORA)
    trainer.forward(1, 0, PAIRS[:1], 0)
    trainer.backward(1, 0, [float("nan"), 0.1])
    assert trainer.commit(1, [0], RATE, 0.0, 1.0).skipped
