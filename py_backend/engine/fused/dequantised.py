"""bitsandbytes' 4-bit layers with their weights written out once instead of in every pass.

Their own forward dequantises the whole matrix to the compute dtype and multiplies, twice a step and once more where a
layer is recomputed. Written out, the product is the same and only memory is spent, so this is done when memory allows.
The 4-bit weights stay what they are: what is saved, hashed or merged is not touched. 8-bit layers are left to their
product: who chose 8 bits over 4 is short of memory for more.
"""

from __future__ import annotations

import torch
from torch import nn

from ..eight_bit_product import eight_bit_layers

SHARE = 0.25
"""Of the free memory, what written-out weights may take in all."""

_WEIGHT = "dequantised"


def four_bit_layers(model: nn.Module) -> list[nn.Module]:
    """Layers whose weights are quantised by now. PEFT has a class of the same name for the layer with its adapter."""
    own = [module for module in model.modules() if type(module).__module__.startswith("bitsandbytes")]
    linear = [module for module in own if type(module).__name__ == "Linear4bit"]
    return [module for module in linear if getattr(module.weight, "quant_state", None) is not None]


def has_packed_weights(model: nn.Module) -> bool:
    """Whether there are 4-bit or 8-bit weights that every pass writes out anew."""
    return bool(eight_bit_layers(model)) or not all(map(is_written_out, four_bit_layers(model)))


def is_written_out(layer: nn.Module) -> bool:
    """Whether `write_out` has been here."""
    return _WEIGHT in layer._buffers


def written_out_bytes(layers: list[nn.Module]) -> int:
    """Memory that the matrices of these layers take in the compute dtype."""
    return sum(layer.in_features * layer.out_features * _dtype(layer).itemsize for layer in layers)


def write_out(layer: nn.Module) -> None:
    """Gives the layer its weights in the compute dtype, as a buffer that no checkpoint contains."""
    from bitsandbytes.functional import dequantize_4bit

    weight = dequantize_4bit(layer.weight.data, layer.weight.quant_state).to(_dtype(layer))
    layer.register_buffer(_WEIGHT, weight, persistent=False)


def drop(layer: nn.Module) -> None:
    """Frees a matrix that `write_out` made; does nothing if there is none."""
    if is_written_out(layer):
        del layer._buffers[_WEIGHT]


def plain_weight(layer: nn.Module) -> torch.Tensor | None:
    """[O, I]: the frozen matrix that this layer multiplies with; None when it is no plain matrix in memory."""
    if type(layer) is nn.Linear:
        return None if layer.weight.requires_grad else layer.weight
    return layer._buffers.get(_WEIGHT)


def forward(self: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """x W^T + bias in the compute dtype, rounded to that of x, as the layer's own forward does."""
    weight = self._buffers[_WEIGHT]
    bias = None if self.bias is None else self.bias.to(weight.dtype)
    return nn.functional.linear(x.to(weight.dtype), weight, bias).to(x.dtype)


def _dtype(layer: nn.Module) -> torch.dtype:
    return layer.compute_dtype or layer.weight.quant_state.dtype
