"""Activation checkpointing layer by layer: recompute some decoder layers in the backward pass to save memory.

transformers' decoder layers carry a switch each; all-or-nothing is only its public face. The recomputation replays the
random state, so that dropout draws the same masks in both passes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer

MODES = ("off", "selective", "full", "auto")


def decoder_layers(backbone: nn.Module) -> list[nn.Module]:
    """The layers that can be recomputed, first to last."""
    return [module for module in backbone.modules() if isinstance(module, GradientCheckpointingLayer)]


def set_checkpointed(layers: list[nn.Module], count: int) -> None:
    """Recompute `count` of the layers, spread evenly, and keep the activations of the others."""
    chosen = {i * len(layers) // count for i in range(count)} if count else set()
    for index, layer in enumerate(layers):
        layer.gradient_checkpointing = index in chosen
        layer._gradient_checkpointing_func = _recompute


def _recompute(layer: Callable[..., Any], *arguments: Any) -> Any:
    """Recomputes in the context of the forward pass: what a layer reads there (see `last_layer`) is gone by then."""
    context = copy_context()
    return checkpoint(lambda *given: context.run(layer, *given), *arguments, use_reentrant=False)


def layers_for(mode: str, layers: int) -> int:
    """How many layers a fixed mode recomputes: selective is every second one."""
    return {"off": 0, "selective": (layers + 1) // 2, "full": layers}[mode]
