"""A linear layer with a low-rank adapter: y = x W^T + bias + scale * dropout(x) A^T B^T.

The rank-r product is added into y in place and its gradient into that of x, so that the adapter costs two thin products
a pass and no pass of its own over y or x. Base weights frozen, adapter in float32 or wider whatever the base's dtype.
"""

from __future__ import annotations

import torch
from torch import nn

from .dequantised import plain_weight


class AddLowRank(torch.autograd.Function):
    """y + scale * x A^T B^T, written into y. x [N, I], A [r, I], B [O, r], y [N, O]; y must not be needed elsewhere."""

    @staticmethod
    def forward(ctx, y, x, A, B, scale):
        wide = x.to(A.dtype)
        thin = wide @ A.t()
        ctx.save_for_backward(x, thin, A, B)
        ctx.scale = scale
        ctx.mark_dirty(y)
        if y.dtype == A.dtype:
            return y.addmm_(thin, B.t(), alpha=scale)
        return y.add_(thin @ B.t(), alpha=scale)  # summed in float32, rounded once

    @staticmethod
    def backward(ctx, grad):
        x, thin, A, B = ctx.saved_tensors
        wide_grad = grad.to(A.dtype)
        thin_grad = (wide_grad @ B).mul_(ctx.scale)
        x_grad = (thin_grad @ A).to(x.dtype) if ctx.needs_input_grad[1] else None
        A_grad = thin_grad.t() @ x.to(A.dtype) if ctx.needs_input_grad[2] else None
        B_grad = (wide_grad.t() @ thin).mul_(ctx.scale) if ctx.needs_input_grad[3] else None
        return grad, x_grad, A_grad, B_grad, None


class LinearWithLowRank(torch.autograd.Function):
    """x W^T + bias + scale * x A^T B^T for a frozen W in the adapter's dtype, with one gradient for x."""

    @staticmethod
    def forward(ctx, x, W, bias, A, B, scale):
        y = x @ W.t() if bias is None else torch.addmm(bias, x, W.t())
        thin = x @ A.t()
        ctx.save_for_backward(x, thin, W, A, B)
        ctx.scale = scale
        return y.addmm_(thin, B.t(), alpha=scale)

    @staticmethod
    def backward(ctx, grad):
        x, thin, W, A, B = ctx.saved_tensors
        thin_grad = (grad @ B).mul_(ctx.scale)
        x_grad = (grad @ W).addmm_(thin_grad, A) if ctx.needs_input_grad[0] else None
        A_grad = thin_grad.t() @ x if ctx.needs_input_grad[3] else None
        B_grad = (grad.t() @ thin).mul_(ctx.scale) if ctx.needs_input_grad[4] else None
        return x_grad, None, None, A_grad, B_grad, None


def forward(self: nn.Module, x: torch.Tensor, *args: object, **kwargs: object) -> torch.Tensor:
    """For peft's LoRA layers with one plain adapter in force; anything else takes peft's own way."""
    adapter = _single_plain_adapter(self)
    if adapter is None or args or kwargs:
        return type(self).forward(self, x, *args, **kwargs)
    A, B = self.lora_A[adapter].weight, self.lora_B[adapter].weight
    dropout, scale = self.lora_dropout[adapter], self.scaling[adapter]
    base = self.base_layer
    flat = x.reshape(-1, x.shape[-1])
    weight = plain_weight(base)
    whole = weight is not None and weight.dtype == A.dtype == x.dtype
    if whole and (isinstance(dropout, nn.Identity) or not dropout.training):
        y = LinearWithLowRank.apply(flat, weight, base.bias, A, B, scale)
    else:
        # peft drops out the input after its cast to the adapter's dtype; the masks are the same either way.
        y = AddLowRank.apply(base(flat), dropout(flat.to(A.dtype)), A, B, scale)
    return y.view(*x.shape[:-1], y.shape[-1])


def _single_plain_adapter(layer: nn.Module) -> str | None:
    if layer.disable_adapters or layer.merged or len(layer.active_adapters) != 1:
        return None
    name = layer.active_adapters[0]
    plain = name in layer.lora_A and name not in layer.lora_variant and layer.lora_B[name].bias is None
    return name if plain else None
