"""A bfloat16 model on a CPU: products with the base's weights in bfloat16, everything between them in float32.

The residual stream starts in float32 at the embedding and stays so, for what is added to it is widened there. Norms
compute in float32 and round once, to what the next products take; attention computes in float32; the last norm gives
float32 to the head. So there is one rounding before a product and one after it, and none elsewhere, and the processor's
own bfloat16 units (AVX512-BF16, AMX) do nearly all the work. Hooks do it, and the weights stay what they are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from .architecture import Parts

HALF = torch.bfloat16


def has_units() -> bool:
    """Whether this processor multiplies bfloat16 by itself; others take longer for it than for float32."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def fits(parts: Parts) -> bool:
    """Models with norms of Llama's kind; others scale in ways of their own and gain no exactness by it."""
    weight = parts.causal.get_input_embeddings().weight
    norms = [module for module in parts.backbone.modules() if type(module).__name__.endswith("Norm")]
    kind = norms and all(hasattr(norm, "variance_epsilon") for norm in norms)
    return bool(kind) and weight.device.type == "cpu" and weight.dtype == HALF


def install(parts: Parts) -> None:
    """To be proved by the caller: a model may mix formats in ways of its own."""
    parts.causal.get_input_embeddings().register_forward_hook(_widen)
    for module in parts.causal.modules():
        if isinstance(module, nn.Linear) and module.weight.dtype == HALF:
            module.register_forward_pre_hook(_narrow)
    last = getattr(parts.backbone, "norm", None)
    for module in parts.backbone.modules():
        if type(module).__name__.endswith("RMSNorm") and module is not last:
            module.narrows = True


def uninstall(parts: Parts) -> None:
    """Takes everything out wherever it is by now: an adapter wraps a module together with its hooks."""
    for module in parts.causal.modules():
        for hooks, ours in ((module._forward_pre_hooks, _narrow), (module._forward_hooks, _widen)):
            for key in [key for key, hook in hooks.items() if hook is ours]:
                del hooks[key]
        if hasattr(module, "narrows"):
            del module.narrows


def _widen(module: nn.Module, arguments: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
    return output.float()


def _narrow(module: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return (arguments[0].to(HALF), *arguments[1:])
