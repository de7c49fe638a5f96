"""The operations of `liger` in autograd, and the forward methods that put them into a module.

They keep for the backward pass what the functions in plain torch keep, in a kernel a pass where those take five to ten.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

import torch
from torch import nn

from . import gated_mlp, liger, rms_norm

_ROTATION = "apply_rotary_pos_emb"
"""What transformers' attention modules call the function by."""


class RmsNorm(torch.autograd.Function):
    """See `rms_norm.RmsNorm`; the gain is offset + gain."""

    @staticmethod
    def forward(ctx, x, gain, eps, offset, late_cast):
        """x [..., D], gain [D] -> [..., D]."""
        rows = x.reshape(-1, x.shape[-1]).contiguous()
        y, inverse = liger.rms_norm(rows, gain, eps, offset, late_cast)
        ctx.save_for_backward(rows, gain, inverse)
        ctx.settings = offset, late_cast
        return y.view(x.shape)

    @staticmethod
    def backward(ctx, grad):
        """Gradients of x and of the gain."""
        rows, gain, inverse = ctx.saved_tensors
        trained = ctx.needs_input_grad[1]
        grad_rows = grad.reshape(rows.shape)
        x_grad, gain_grad = liger.rms_norm_backward(grad_rows, rows, gain, inverse, *ctx.settings, trained)
        return x_grad.view(grad.shape), gain_grad if trained else None, None, None, None


class Gated(torch.autograd.Function):
    """activation(gate) * up, elementwise."""

    @staticmethod
    def forward(ctx, gate, up, activation):
        """Both of one shape."""
        gate, up = gate.contiguous(), up.contiguous()
        ctx.save_for_backward(gate, up)
        ctx.activation = activation
        return liger.gated(gate, up, activation)

    @staticmethod
    def backward(ctx, grad):
        """Gradients of gate and up, in their memory; a copy in float16, whose backward pass may come again."""
        gate, up = ctx.saved_tensors
        if gate.dtype == torch.float16:
            gate, up = gate.clone(), up.clone()
        liger.gated_backward_(grad, gate, up, ctx.activation)
        return gate, up, None


class Rotation(torch.autograd.Function):
    """Queries and keys rotated to their positions."""

    @staticmethod
    def forward(ctx, q, k, cos, sin):
        """q [B, H, T, d], k [B, H_kv, T, d], cos and sin [B or 1, T, d]."""
        ctx.save_for_backward(cos, sin)
        return liger.rotate(q, k, cos, sin, False)

    @staticmethod
    def backward(ctx, q_grad, k_grad):
        """The gradients rotated back."""
        cos, sin = ctx.saved_tensors
        return *liger.rotate(q_grad, k_grad, cos, sin, True), None, None


def _llama_norm(self: nn.Module, hidden_states: torch.Tensor) -> torch.Tensor:
    return RmsNorm.apply(hidden_states, self.weight, self.variance_epsilon, 0.0, False)


def _gemma_norm(self: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return RmsNorm.apply(x, self.weight, self.eps, 1.0, True)


def _silu_mlp(self: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return self.down_proj(Gated.apply(self.gate_proj(x), self.up_proj(x), "silu"))


def _gelu_mlp(self: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return self.down_proj(Gated.apply(self.gate_proj(x), self.up_proj(x), "gelu"))


_NORM, _MLP, _ROTARY = KINDS = ("RMSNorm", "gated MLP", "rotary positions")
_IN_PLACE_OF = {
    rms_norm.llama_forward: (_NORM, _llama_norm),
    rms_norm.gemma_forward: (_NORM, _gemma_norm),
    gated_mlp.silu_forward: (_MLP, _silu_mlp),
    gated_mlp.gelu_tanh_forward: (_MLP, _gelu_mlp),
}


def forward_by_kernel(module: nn.Module, kind: str) -> Callable[..., Any] | None:
    """The forward method of this module with a kernel of this kind; None where it has no use for one."""
    own = vars(module).get("forward")
    if own is None:
        return _rotating(type(module).forward) if kind == _ROTARY else None
    found, forward = _IN_PLACE_OF.get(getattr(own, "__func__", None), ("", None))
    return forward if found == kind else None


def _rotating(forward: Callable[..., Any]) -> Callable[..., Any] | None:
    """The same function, for which the name of the rotation means the kernel; None where it does not use the name."""
    if not isinstance(forward, FunctionType) or _ROTATION not in forward.__code__.co_names:
        return None
    plain = forward.__globals__[_ROTATION]

    def rotation(q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, *more: Any) -> Any:
        whole = q.ndim == 4 and q.shape[-1] == k.shape[-1] == cos.shape[-1] and q.dtype == cos.dtype
        return plain(q, k, cos, sin, *more) if more or not whole else Rotation.apply(q, k, cos, sin)

    names = forward.__globals__ | {_ROTATION: rotation}
    other = FunctionType(forward.__code__, names, forward.__name__, forward.__defaults__, forward.__closure__)
    other.__kwdefaults__ = forward.__kwdefaults__
    return other
