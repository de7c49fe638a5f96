"""Keeps chance out of the base model, and out of it only.

Sequence log-probs are compared with constants that were scored without dropout, so noise in the base model would move
the margin of an untrained policy away from 0. Dropout of an adapter cannot: an untrained adapter adds 0. Models have
more of it than dropout layers (StarCoder 2's residual dropout, layers that are skipped, a router's jitter), all of it
in training mode only. So the base model stays in evaluation mode, whatever it is switched to.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn
from transformers.modeling_layers import GradientCheckpointingLayer


def keep_quiet(model: nn.Module) -> None:
    """Repeating it is harmless, and needed for layers that an adapter brought. Quantised layers see to themselves, see
    `quantised_layers`."""
    for name, module in model.named_modules():
        if "lora_" in name or isinstance(module, BaseTunerLayer) or type(module).__module__.startswith("bitsandbytes"):
            continue
        if isinstance(module, GradientCheckpointingLayer):
            _quiet_inside(module)
        else:
            module.training = False
            module.train = MethodType(_train_children, module)  # type: ignore[method-assign]


def _train_children(self: nn.Module, mode: bool = True) -> nn.Module:
    for child in self.children():
        child.train(mode)
    self.training = False
    return self


def _quiet_inside(layer: nn.Module) -> None:
    """By its mode, transformers decides whether the layer is recomputed; its own forward is to see the other one."""
    if _leave_mode in layer._forward_pre_hooks.values():
        return
    layer.register_forward_pre_hook(_leave_mode)
    layer.register_forward_hook(_restore_mode, always_call=True)


def _leave_mode(layer: nn.Module, _arguments: tuple[Any, ...]) -> None:
    layer.mode_outside = layer.training
    layer.training = False


def _restore_mode(layer: nn.Module, _arguments: tuple[Any, ...], _output: Any) -> None:
    layer.training = layer.mode_outside
