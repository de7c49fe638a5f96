"""A linear layer with a low-rank adapter: y = x W^T + bias + scale * dropout(x) A^T B^T.

The rank-r product is added into y in place and its gradient into that of x, so that the adapter costs two thin products
a pass and no pass of its own over y or x. Base weights frozen, adapter in float32 or wider whatever the base's dtype.

Beside a half-precision base on a GPU the thin products take their factors in the base's dtype and sum in float32, as
its tensor cores do: x is kept once and as it is, where a float32 copy for every layer took half of all that a step
keeps. The matrices that the optimizer moves and their gradients stay float32.
"""

from __future__ import annotations

import torch
from torch import nn

from .dequantised import plain_weight


class AddLowRank(torch.autograd.Function):
    """y + scale * x A^T B^T, written into y. x [N, I], A [r, I], B [O, r], y [N, O]; y must not be needed elsewhere."""

    @staticmethod
    def forward(ctx, y, x, A, B, scale):
        """y + scale * x A^T B^T, written into y. x (..., in), A (r, in), B (out, r), y (..., out)."""
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
        """Gradients of y, x, A and B; none where none is needed."""
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
        """x W^T + bias + scale * x A^T B^T. x (rows, in), W (out, in), A (r, in), B (out, r)."""
        y = x @ W.t() if bias is None else torch.addmm(bias, x, W.t())
        thin = x @ A.t()
        ctx.save_for_backward(x, thin, W, A, B)
        ctx.scale = scale
        return y.addmm_(thin, B.t(), alpha=scale)

    @staticmethod
    def backward(ctx, grad):
        """Gradients of x, A and B; W and bias are frozen."""
        x, thin, W, A, B = ctx.saved_tensors
        thin_grad = (grad @ B).mul_(ctx.scale)
        x_grad = (grad @ W).addmm_(thin_grad, A) if ctx.needs_input_grad[0] else None
        A_grad = thin_grad.t() @ x if ctx.needs_input_grad[3] else None
        B_grad = (grad.t() @ thin).mul_(ctx.scale) if ctx.needs_input_grad[4] else None
        return x_grad, None, None, A_grad, B_grad, None


class AddHalfLowRank(torch.autograd.Function):
    """y + scale * x A^T B^T, written into y, with x and y in half precision and A and B in float32."""

    @staticmethod
    def forward(ctx, y, x, A, B, scale):
        """As the class says."""
        thin = x @ A.to(x.dtype).t()
        ctx.save_for_backward(x, thin, A, B)
        ctx.scale = scale
        ctx.mark_dirty(y)
        return y.addmm_(thin, B.to(x.dtype).t(), alpha=scale)

    @staticmethod
    def backward(ctx, grad):
        """Gradients of the inputs that need one."""
        x, thin, A, B = ctx.saved_tensors
        thin_grad = (grad @ B.to(grad.dtype)).mul_(ctx.scale)
        x_grad = thin_grad @ A.to(x.dtype) if ctx.needs_input_grad[1] else None
        A_grad = wide_product(thin_grad.t(), x) if ctx.needs_input_grad[2] else None
        B_grad = wide_product(grad.t(), thin).mul_(ctx.scale) if ctx.needs_input_grad[3] else None
        return grad, x_grad, A_grad, B_grad, None


class HalfLinearWithLowRank(torch.autograd.Function):
    """x W^T + bias + scale * x A^T B^T with x and a frozen W in half precision, with one gradient for x."""

    @staticmethod
    def forward(ctx, x, W, bias, A, B, scale):
        """As the class says."""
        y = x @ W.t() if bias is None else torch.addmm(bias, x, W.t())
        thin = x @ A.to(x.dtype).t()
        ctx.save_for_backward(x, thin, W, A, B)
        ctx.scale = scale
        return y.addmm_(thin, B.to(x.dtype).t(), alpha=scale)

    @staticmethod
    def backward(ctx, grad):
        """Gradients of the inputs that need one."""
        x, thin, W, A, B = ctx.saved_tensors
        thin_grad = (grad @ B.to(grad.dtype)).mul_(ctx.scale)
        x_grad = (grad @ W).addmm_(thin_grad, A.to(grad.dtype)) if ctx.needs_input_grad[0] else None
        A_grad = wide_product(thin_grad.t(), x) if ctx.needs_input_grad[3] else None
        B_grad = wide_product(grad.t(), thin).mul_(ctx.scale) if ctx.needs_input_grad[4] else None
        return x_grad, None, None, A_grad, B_grad, None


def wide_product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """a b of half-precision factors, in float32."""
    if a.is_cuda:
        return torch.mm(a, b, out_dtype=torch.float32)
    return a.float() @ b.float()


def forward(self: nn.Module, x: torch.Tensor, *args: object, **kwargs: object) -> torch.Tensor:
    """For peft's LoRA layers with plain adapters in force; anything else takes peft's own way.

    Adapters are added one after the other, so that one that is still zero changes no bit of what is below it.
    """
    adapters = _plain_adapters(self)
    if not adapters or args or kwargs:
        return type(self).forward(self, x, *args, **kwargs)
    flat = x.reshape(-1, x.shape[-1])
    y = _lowest(self, flat, adapters[0])
    for name in adapters[1:]:
        y = _add(self, y, flat, name)
    return y.view(*x.shape[:-1], y.shape[-1])


def _lowest(layer: nn.Module, flat: torch.Tensor, name: str) -> torch.Tensor:
    """The base layer with one adapter."""
    A, B = layer.lora_A[name].weight, layer.lora_B[name].weight
    dropout, base = layer.lora_dropout[name], layer.base_layer
    weight = plain_weight(base)
    silent = isinstance(dropout, nn.Identity) or not dropout.training
    if silent and weight is not None and weight.dtype == flat.dtype:
        if A.dtype == flat.dtype:
            return LinearWithLowRank.apply(flat, weight, base.bias, A, B, layer.scaling[name])
        if thin_in_half(flat, flat, A):
            return HalfLinearWithLowRank.apply(flat, weight, base.bias, A, B, layer.scaling[name])
    return _add(layer, base(flat), flat, name)


def _add(layer: nn.Module, y: torch.Tensor, flat: torch.Tensor, name: str) -> torch.Tensor:
    A, B = layer.lora_A[name].weight, layer.lora_B[name].weight
    if thin_in_half(flat, y, A):
        return AddHalfLowRank.apply(y, layer.lora_dropout[name](flat), A, B, layer.scaling[name])
    # peft drops out the input after its cast to the adapter's dtype; the masks are the same either way.
    return AddLowRank.apply(y, layer.lora_dropout[name](flat.to(A.dtype)), A, B, layer.scaling[name])


def thin_in_half(x: torch.Tensor, y: torch.Tensor, A: torch.Tensor) -> bool:
    """Whether the thin products take half-precision factors: on a GPU, beside a half-precision base."""
    return x.is_cuda and x.dtype in (torch.bfloat16, torch.float16) and y.dtype == x.dtype and A.dtype == torch.float32


def _plain_adapters(layer: nn.Module) -> list[str]:
    """The adapters in force; none where one of them is more than two matrices."""
    if layer.disable_adapters or layer.merged:
        return []
    names = [name for name in layer.active_adapters if name in layer.lora_A]
    plain = all(name not in layer.lora_variant and layer.lora_B[name].bias is None for name in names)
    return names if plain else []
