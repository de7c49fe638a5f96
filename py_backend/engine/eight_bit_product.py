"""bitsandbytes' 8-bit layers as a plain product with the weights they hold: y = x W^T + bias, W = codes * scales / 127.

bitsandbytes' own product rounds activations too, with columns for large ones that depend on all tokens of a call, so
that a pair's numbers depend on its company; it waits for the device twice a layer, and keeps its input where neither
recomputation frees it nor a count finds it. On a CPU in training it computes exactly what is computed here.
"""

from __future__ import annotations

from types import MethodType

import torch
import torch.nn.functional as F
from torch import nn


class EightBitProduct(torch.autograd.Function):
    """x [..., I], codes int8 [O, I], scales [O], frozen bias [O] or None -> [..., O]. Keeps no activation."""

    @staticmethod
    def forward(ctx, x, codes, scales, bias):
        """The product in x's dtype; only codes and scales are kept."""
        ctx.save_for_backward(codes, scales)
        return F.linear(x, written_out(codes, scales, x.dtype), bias)

    @staticmethod
    def backward(ctx, grad):
        """The gradient of x alone."""
        codes, scales = ctx.saved_tensors
        return grad @ written_out(codes, scales, grad.dtype), None, None, None


def written_out(codes: torch.Tensor, scales: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """[O, I]: the weights in `dtype`, codes * scales / 127."""
    return codes.to(dtype).mul_(scales.unsqueeze(1).mul(1.0 / 127.0))


def eight_bit_layers(model: nn.Module) -> list[nn.Module]:
    """bitsandbytes' layers whose weights are quantised by now. PEFT has a class of the same name for its own."""
    own = [module for module in model.modules() if type(module).__module__.startswith("bitsandbytes")]
    return [m for m in own if type(m).__name__ == "Linear8bitLt" and m.weight.dtype == torch.int8]


def install(model: nn.Module) -> None:
    """Repeating it is harmless."""
    for layer in eight_bit_layers(model):
        layer.forward = MethodType(_forward, layer)


def _forward(self: nn.Module, x: torch.Tensor) -> torch.Tensor:
    if self.weight.CB is not None:
        self.init_8bit_state()
    bias = None if self.bias is None else self.bias.to(x.dtype)
    return EightBitProduct.apply(x, self.state.CB, self.state.SCB, bias)
