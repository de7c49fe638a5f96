"""Puts the fused operations into the modules of a loaded model that they fit, and takes them out again."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType

import torch
from torch import nn

from . import dequantised, gated_mlp, lora, rms_norm

_MLP_BY_ACTIVATION = {
    "SiLUActivation": gated_mlp.silu_forward,
    "SiLU": gated_mlp.silu_forward,
    "GELUTanh": gated_mlp.gelu_tanh_forward,
}


def install(model: nn.Module, free_bytes: int) -> list[nn.Module]:
    """Replaces the forward method of fitting modules; returns these modules. They stay what they are otherwise.

    free_bytes: memory of the device; of it, 4-bit weights may be written out in a part.
    """
    replaced = _write_out_weights(model, free_bytes)
    for module in model.modules():
        forward = _fused_forward(module)
        if forward is not None and "forward" not in vars(module):
            module.forward = MethodType(forward, module)
            replaced.append(module)
    return replaced


def _write_out_weights(model: nn.Module, free_bytes: int) -> list[nn.Module]:
    """All 4-bit layers or, where they would take too much, none; what an earlier engine has written out goes then."""
    layers = dequantised.four_bit_layers(model)
    written = [layer for layer in layers if dequantised.is_written_out(layer)]
    free_bytes += dequantised.written_out_bytes(written)
    if dequantised.written_out_bytes(layers) > dequantised.SHARE * free_bytes:
        uninstall(written)
        return []
    fresh = [layer for layer in layers if "forward" not in vars(layer)]
    for layer in fresh:
        dequantised.write_out(layer)
        layer.forward = MethodType(dequantised.forward, layer)
    return fresh


def uninstall(replaced: list[nn.Module]) -> None:
    """Gives modules their own forward method back."""
    for module in replaced:
        del module.forward
        dequantised.drop(module)


def _fused_forward(module: nn.Module) -> Callable[..., torch.Tensor] | None:
    name = type(module).__name__
    if name.endswith("RMSNorm"):
        return _matching_norm(module)
    if all(isinstance(getattr(module, part, None), nn.Module) for part in ("gate_proj", "up_proj", "down_proj")):
        return _matching_mlp(module)
    if hasattr(module, "lora_A") and hasattr(module, "base_layer") and not _is_special_lora(module):
        return lora.forward
    return None


def _matching_norm(module: nn.Module) -> Callable[..., torch.Tensor] | None:
    """Classes of this name differ in where the gain goes; a probe decides."""
    weight = getattr(module, "weight", None)
    if weight is None or weight.ndim != 1:
        return None
    probe = torch.linspace(-2, 3, 2 * len(weight), device=weight.device).view(2, -1).to(weight.dtype)
    candidates = ((rms_norm.llama_forward, "variance_epsilon"), (rms_norm.gemma_forward, "eps"))
    with torch.no_grad():
        expected = module(probe)
        for forward, epsilon in candidates:
            if hasattr(module, epsilon) and torch.allclose(forward(module, probe), expected, rtol=1e-5, atol=1e-6):
                return forward
    return None


def _matching_mlp(module: nn.Module) -> Callable[..., torch.Tensor] | None:
    """Only a module that is nothing but down(act(gate(x)) * up(x)); the engine's self-check proves the whole."""
    if len(list(module.children())) != 4 or not type(module).__name__.endswith("MLP"):
        return None
    return _MLP_BY_ACTIVATION.get(type(getattr(module, "act_fn", None)).__name__)


def _is_special_lora(module: nn.Module) -> bool:
    """Embeddings and convolutions have adapters too, of other shapes."""
    base = module.base_layer
    return not hasattr(base, "in_features") or not hasattr(base, "out_features")
