"""Liger-Kernel's Triton kernels as operations of torch: RMSNorm, gated MLP, rotary positions, with their gradients.

An operation of torch has shapes and dtypes without values, so that a device that is not there can run and count it. A
real tensor goes straight to the kernel: the operation's own way costs the host 11 us a call (13.0 against 1.6 for a
function that does nothing, torch 2.13 on an EPYC), and a short row waits for the host.
Liger writes gradients of a gated MLP over what was kept for them, and rotates in place; an operation here says what it
writes to, or takes a copy. The packages are an extra: `missing` says what is not there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from inspect import signature
from typing import Any

import torch

from ...devices import before_ampere

_NAME = "mrpo"


class _Operation:
    """A function as an operation of torch for tensors without values, and as itself for all others. Either way autograd
    is told what was written to, so that a second backward over it is an error and no wrong gradient."""

    def __init__(self, function: Callable[..., Any], schema: str, mutated: tuple[str, ...]) -> None:
        name = f"{_NAME}::{function.__name__}"
        self._operation = torch.library.custom_op(name, function, mutates_args=mutated, schema=schema)
        self._function = function
        self._mutated = [place for place, name in enumerate(signature(function).parameters) if name in mutated]
        self.register_fake = self._operation.register_fake

    def __call__(self, *given: Any) -> Any:
        if type(given[0]) is not torch.Tensor:
            return self._operation(*given)
        result = self._function(*given)
        for place in self._mutated:
            torch.autograd.graph.increment_version(given[place])
        return result


def _operation(schema: str, mutated: tuple[str, ...] = ()) -> Callable[[Callable[..., Any]], _Operation]:
    return lambda function: _Operation(function, schema, mutated)


def missing(device: torch.device) -> str:
    """Why this device cannot run them; empty where it can. A CPU runs them in Triton's interpreter, for tests."""
    if device.type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        return "they are for GPUs"
    if before_ampere(device):
        return "this GPU is older than Ampere"
    absent = [name for name in ("triton", "liger_kernel") if find_spec(name) is None]
    return f"{' and '.join(absent)} not installed, see requirements-cuda.txt" if absent else ""


def _casting(late_cast: bool) -> str:
    return "gemma" if late_cast else "llama"


@_operation("(Tensor x, Tensor gain, float eps, float offset, bool late_cast) -> (Tensor, Tensor)")
def rms_norm(x, gain, eps, offset, late_cast):
    """x [N, D], gain [D] -> y [N, D], 1 / sqrt(mean(x^2) + eps) [N] in float32. The gain is offset + gain; late_cast:
    it is multiplied before the return to x's dtype."""
    from liger_kernel.ops.rms_norm import rms_norm_forward

    y, _, inverse, *_ = rms_norm_forward(x, gain, eps, offset, _casting(late_cast), None)
    return y, inverse


@rms_norm.register_fake
def _(x, gain, eps, offset, late_cast):
    return torch.empty_like(x), x.new_empty(len(x), dtype=torch.float32)


@_operation(
    "(Tensor grad, Tensor x, Tensor gain, Tensor inverse, float offset, bool late_cast, bool trained) "
    "-> (Tensor, Tensor)"
)
def rms_norm_backward(grad, x, gain, inverse, offset, late_cast, trained):
    """Gradients of x [N, D] and, of a gain that is trained, of the gain [D]; else [0] stands in its place."""
    from liger_kernel.ops.rms_norm import _str_to_casting_mode, rms_norm_backward
    from liger_kernel.ops.utils import calculate_settings

    mode = _str_to_casting_mode[_casting(late_cast)]
    settings = calculate_settings(x.shape[1])
    x_grad, gain_grad = rms_norm_backward(
        grad.contiguous(), x, gain, inverse, offset, mode, *settings, in_place=False, row_mode=None, needs_dw=trained
    )
    return x_grad, gain_grad if trained else gain.new_empty(0)


@rms_norm_backward.register_fake
def _(grad, x, gain, inverse, offset, late_cast, trained):
    return torch.empty_like(x), torch.empty_like(gain) if trained else gain.new_empty(0)


def _gated(activation: str):
    if activation == "silu":
        from liger_kernel.ops.swiglu import swiglu_backward, swiglu_forward

        return swiglu_forward, swiglu_backward
    from liger_kernel.ops.geglu import geglu_backward, geglu_forward

    return geglu_forward, geglu_backward


@_operation("(Tensor gate, Tensor up, str activation) -> Tensor")
def gated(gate, up, activation):
    """activation(gate) * up, elementwise; activation: silu, or gelu in its tanh form."""
    return _gated(activation)[0](gate, up)[2]


@gated.register_fake
def _(gate, up, activation):
    return torch.empty_like(gate)


@_operation("(Tensor grad, Tensor(a!) gate, Tensor(b!) up, str activation) -> ()", mutated=("gate", "up"))
def gated_backward_(grad, gate, up, activation):
    """Writes the gradients of gate and up over them."""
    _gated(activation)[1](gate, up, grad.contiguous())


@gated_backward_.register_fake
def _(grad, gate, up, activation):
    return None


@_operation("(Tensor q, Tensor k, Tensor cos, Tensor sin, bool back) -> (Tensor, Tensor)")
def rotate(q, k, cos, sin, back):
    """q [B, H, T, d], k [B, H_kv, T, d], cos and sin [B or 1, T, d]: both rotated to their positions, or back."""
    from liger_kernel.ops.rope import rope_backward, rope_forward

    q, k = (_by_token(part).transpose(1, 2) for part in (q, k))
    run = rope_backward if back else rope_forward
    return tuple(run(q, k, cos.contiguous(), sin.contiguous())[:2])


@rotate.register_fake
def _(q, k, cos, sin, back):
    return _by_token(q).transpose(1, 2), _by_token(k).transpose(1, 2)


def _by_token(heads: torch.Tensor) -> torch.Tensor:
    """A copy [B, T, H, d] of [B, H, T, d]."""
    return heads.transpose(1, 2).clone(memory_format=torch.contiguous_format)
