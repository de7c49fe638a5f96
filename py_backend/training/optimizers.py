"""The optimizers a trainer can have. Learning rate and weight decay come with every commit.

State exists from the start and an update works in place, so an update needs no memory and cannot fail half-way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ..faults import Fault

OPTIMIZERS = ("adamw", "paged_adamw_8bit")


@dataclass(frozen=True, slots=True)
class OptimizerSpec:
    """Name and constants of an optimizer; betas in [0, 1)."""

    name: str  # one of OPTIMIZERS
    beta1: float
    beta2: float
    epsilon: float


def create_optimizer(spec: OptimizerSpec, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    """An optimizer whose state exists already; learning rate and weight decay are 0 until a commit sets them."""
    options = {"lr": 0.0, "betas": (spec.beta1, spec.beta2), "eps": spec.epsilon, "weight_decay": 0.0}
    if spec.name == "adamw":
        adamw = torch.optim.AdamW(parameters, fused=True, **options)
        for parameter in parameters:
            adamw.state[parameter] = {
                "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
        return adamw
    from .paged import PagedAdamW

    paged = PagedAdamW(parameters, **options)
    for group_index, group in enumerate(paged.param_groups):
        for index, parameter in enumerate(group["params"]):
            paged.init_state(group, parameter, group_index, index)
    return paged


def bytes_to_come(spec: OptimizerSpec, parameters: list[nn.Parameter]) -> tuple[int, int]:
    """Bytes of a step's gradients, and of the state that a trainer makes when it begins (masters, moments)."""
    moved = sum(parameter.numel() * max(4, parameter.dtype.itemsize) for parameter in parameters)
    masters = sum(4 * parameter.numel() for parameter in parameters if parameter.dtype.itemsize < 4)
    moments = 2 * moved if spec.name == "adamw" else 2 * sum(parameter.numel() for parameter in parameters)
    return moved, masters + moments


def state_of(optimizer: torch.optim.Optimizer, parameter: nn.Parameter) -> dict[str, Any]:
    """What the optimizer remembers of a parameter, without tables that are the same for all and never change."""
    return {key: value for key, value in optimizer.state[parameter].items() if not key.startswith("qmap")}


def check_update(learning_rate: float, weight_decay: float, max_norm: float) -> None:
    """Raises UNSUPPORTED for settings that would make the weights something else than numbers."""
    for name, value in (
        ("learning_rate", learning_rate),
        ("weight_decay", weight_decay),
        ("max_grad_norm", max_norm),
    ):
        if not (math.isfinite(value) and value >= 0):
            raise Fault("UNSUPPORTED", f"{name}: got {value}, expected a number of 0 or more; nothing was applied")


def gradient_norm(parameters: list[nn.Parameter]) -> float:
    """L2 norm over all gradients, before clipping."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return float(torch.nn.utils.get_total_norm(gradients)) if gradients else 0.0


def clip_gradients(parameters: list[nn.Parameter], norm: float, max_norm: float) -> None:
    """Scales gradients of norm `norm` down to `max_norm`; 0 = leaves them as they are."""
    if max_norm > 0:
        torch.nn.utils.clip_grads_with_norm_(parameters, max_norm, torch.tensor(norm))


def apply_update(optimizer: torch.optim.Optimizer, learning_rate: float, weight_decay: float) -> None:
    """One optimizer step with the gradients as they are."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
        group["weight_decay"] = weight_decay
    optimizer.step()
