"""act(gate) * up, keeping gate and up for the backward pass and not act(gate)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class SiluProduct(torch.autograd.Function):
    """silu(gate) * up, elementwise."""

    @staticmethod
    def forward(ctx, gate, up):
        """silu(gate) * up; both of one shape."""
        ctx.save_for_backward(gate, up)
        return F.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx, grad):
        """Gradients of gate and up."""
        gate, up = ctx.saved_tensors
        share = torch.sigmoid(gate)
        active = gate * share
        up_grad = grad * active
        # silu' = s + g s (1 - s) = s + silu - silu s
        slope = torch.addcmul(share, active, share, value=-1).add_(active)
        return slope.mul_(up).mul_(grad), up_grad


class GeluTanhProduct(torch.autograd.Function):
    """gelu(gate), tanh form, times up, elementwise."""

    @staticmethod
    def forward(ctx, gate, up):
        """gelu(gate) * up, with the tanh approximation; both of one shape."""
        ctx.save_for_backward(gate, up)
        return F.gelu(gate, approximate="tanh").mul_(up)

    @staticmethod
    def backward(ctx, grad):
        """Gradients of gate and up."""
        gate, up = ctx.saved_tensors
        up_grad = F.gelu(gate, approximate="tanh").mul_(grad)
        return torch.ops.aten.gelu_backward(grad * up, gate, approximate="tanh"), up_grad


def silu_forward(self: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """In place of the forward of a gated MLP with SiLU."""
    return self.down_proj(SiluProduct.apply(self.gate_proj(x), self.up_proj(x)))


def gelu_tanh_forward(self: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """In place of the forward of a gated MLP with GELU in its tanh approximation."""
    return self.down_proj(GeluTanhProduct.apply(self.gate_proj(x), self.up_proj(x)))
