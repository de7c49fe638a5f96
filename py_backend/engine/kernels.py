"""Fused kernels in a loaded model: kind by kind, where this model's values and gradients stay what they are.

Values are compared with the model's own forward. Gradients are compared with those of the same layers without the
kernel: every layer is given what it got in the model's own forward, and what its attention and its MLP give gets a
made-up gradient; the gradients of the layers' inputs, and of gains that are trained, must agree.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import MethodType

import torch
from torch import nn

from .architecture import Parts
from .checkpointing import decoder_layers
from .fused import by_kernel, liger
from .rows import plain_rows
from .self_check import TOLERANCE, Backbone, OwnForward, plain_difference, relative, watching

log = logging.getLogger(__name__)
_BEFORE = "forward_before_kernel"


def use_kernels(model: nn.Module, parts: Parts, own: OwnForward, run: Backbone) -> dict[str, str]:
    """Puts in what proves right. Returns of each kind that the model has layers for: empty, or why it is not used."""
    device = own.hidden.device
    absent = liger.missing(device)
    if absent:
        if device.type == "cuda":
            log.info("%s: fused kernels are not used: %s", type(parts.causal).__name__, absent)
        return {}
    found: dict[str, str] = {}
    expected = _layer_gradients(parts, own, run)
    for kind in by_kernel.KINDS:
        replaced = _put_in(model, kind)
        if not replaced:
            continue
        found[kind] = _problem(parts, own, run, expected)
        if found[kind]:
            for module in replaced:
                _take_out(module)
            log.warning("%s: the kernel of %s is not used: %s", type(parts.causal).__name__, kind, found[kind])
    return found


def remove_kernels(model: nn.Module) -> None:
    """Every layer computes as before `use_kernels`."""
    for module in model.modules():
        if _BEFORE in vars(module):
            _take_out(module)


def _put_in(model: nn.Module, kind: str) -> list[nn.Module]:
    replaced = []
    for module in model.modules():
        forward = by_kernel.forward_by_kernel(module, kind)
        if forward is not None:
            object.__setattr__(module, _BEFORE, vars(module).get("forward"))
            module.forward = MethodType(forward, module)
            replaced.append(module)
    return replaced


def _take_out(module: nn.Module) -> None:
    before: Callable[..., object] | None = vars(module).pop(_BEFORE)
    if before is None:
        del module.forward
    else:
        module.forward = before


def _problem(parts: Parts, own: OwnForward, run: Backbone, expected: list[torch.Tensor]) -> str:
    limit = TOLERANCE[own.dtype]
    try:
        values = plain_difference(parts, run, own)
        if not values <= limit:
            return f"values differ by {values:.1e}"
        got = _layer_gradients(parts, own, run)
        gradients = max(map(relative, got, expected))
        return "" if gradients <= limit else f"gradients differ by {gradients:.1e}"
    except Exception as error:  # a compiler, a driver or an architecture may refuse, each in its own way
        return f"{type(error).__name__}: {str(error)[:300]}"


def _layer_gradients(parts: Parts, own: OwnForward, run: Backbone) -> list[torch.Tensor]:
    """Of one response: [1, T, D] for every layer's input, and the gradients of vectors that are trained."""
    row = plain_rows([own.pair], own.hidden.device)[0]
    inputs: dict[int, torch.Tensor] = {}
    outputs: dict[tuple[int, str], torch.Tensor] = {}

    def taught(index: int, x: torch.Tensor) -> torch.Tensor:
        inputs[index] = own.inputs[0][index][None].to(x.dtype).requires_grad_()
        return inputs[index]

    with torch.enable_grad():
        with watching(decoder_layers(parts.backbone), outputs, taught):
            last = run(row)[0]
        given = [*outputs.values(), last]
        vectors = [weight for weight in parts.backbone.parameters() if weight.requires_grad and weight.ndim == 1]
        found = torch.autograd.grad(
            given, [*inputs.values(), *vectors], [_made_up(x) for x in given], allow_unused=True
        )
    return [gradient for gradient in found if gradient is not None]


def _made_up(x: torch.Tensor) -> torch.Tensor:
    """A gradient without a pattern that a fault could hide behind."""
    return torch.arange(x.numel(), device=x.device, dtype=torch.float32).mul_(1.7).cos_().view(x.shape).to(x.dtype)
