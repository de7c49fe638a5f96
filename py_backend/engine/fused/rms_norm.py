"""y = x / sqrt(mean(x^2) + eps) * gain, keeping x and one number a token for the backward pass.

The eager form keeps three tensors of the size of x. Statistics are float32, or float64 for float64 models.
"""

from __future__ import annotations

import torch
from torch import nn


class RmsNorm(torch.autograd.Function):
    """x [..., D], gain [D] -> [..., D]. late_cast: the gain comes before the return to x's dtype (Gemma).
    narrows: the result has the gain's dtype, rounded once."""

    @staticmethod
    def forward(ctx, x, gain, eps, late_cast, narrows=False):
        """Keeps x and one number a token for the backward pass."""
        wide = x if x.dtype == torch.float64 else x.float()
        inverse = (wide.square().mean(-1, keepdim=True) + eps).rsqrt_()
        ctx.save_for_backward(x, gain, inverse)
        y = wide * inverse
        if narrows:
            return y.mul_(gain).to(gain.dtype)
        if late_cast:
            return y.mul_(gain).to(x.dtype)
        return y.to(x.dtype).mul_(gain) if x.dtype == gain.dtype else y.to(x.dtype) * gain

    @staticmethod
    def backward(ctx, grad):
        """Gradients of x and, if it is trained, of the gain."""
        x, gain, inverse = ctx.saved_tensors
        wide = x if x.dtype == torch.float64 else x.float()
        scaled = grad.to(wide.dtype)
        normal = wide * inverse
        gain_grad = None
        if ctx.needs_input_grad[1]:
            gain_grad = (scaled * normal).reshape(-1, len(gain)).sum(0).to(gain.dtype)
        scaled = scaled * gain
        # d x = (g - n * mean(g * n)) / rms, with g the gradient behind the gain and n the normalised input
        along = (scaled * normal).mean(-1, keepdim=True)
        return scaled.sub_(normal.mul_(along)).mul_(inverse).to(x.dtype), gain_grad, None, None, None


def llama_forward(self: nn.Module, hidden_states: torch.Tensor) -> torch.Tensor:
    """Gain is the weight; multiplied after the result is back in the model's dtype."""
    return RmsNorm.apply(hidden_states, self.weight, self.variance_epsilon, False, getattr(self, "narrows", False))


def gemma_forward(self: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Gain is 1 + weight; multiplied in float32."""
    wide = self.weight if self.weight.dtype == torch.float64 else self.weight.float()
    return RmsNorm.apply(x, 1.0 + wide, self.eps, True)
