"""Attention of a whole packed row in two variable-length flash calls (CUDA, bfloat16 or float16).

The trunks lie one after the other at the start of the row, so that their queries, keys and values are slices. The
rejected branches read the keys of their prefixes through one gather. A flash kernel aligns its causal triangle to the
bottom right, which is what a branch that continues a prefix needs.

Where torch's own backward of the kernel is known, both calls are one operation for autograd, which keeps the queries,
keys, values and the result once: left to autograd, the gathered keys and values and a second copy of the result stay
as well, 13 % of what a step without recomputation holds.

`attend_by_segments` is the same contract in plain torch: it runs everywhere and is what tests compare with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from inspect import signature
from typing import Any

import torch

from ..devices import before_ampere
from .visibility import PackedIndex, Visibility

Varlen = Callable[..., torch.Tensor]
"""(q [Tq, H, D], k and v [Tk, H_kv, D], lengths_q, lengths_k, longest_q, longest_k, window, scale) -> [Tq, H, D]."""

_HALF = (torch.bfloat16, torch.float16)
_MAX_HEAD, _HEAD_STEP = 256, 8


@dataclass(frozen=True, slots=True)
class Kernel:
    """attend: see `Varlen`; with sums=True it also returns what the backward pass needs of the softmax.
    gradients: (grad, q, k, v, out, sums, lengths_q, lengths_k, longest_q, longest_k, window, scale) -> dq, dk, dv; None
    where torch's is not known."""

    attend: Callable[..., Any]
    gradients: Callable[..., tuple[torch.Tensor, torch.Tensor, torch.Tensor]] | None = None


def available(device: torch.device) -> bool:
    """Whether torch has the kernel for this device."""
    return device.type == "cuda" and not before_ampere(device) and _flash() is not None


def can_pack(query: torch.Tensor, visible: Visibility) -> bool:
    """Whether the flash kernel takes this, and computes it exactly as the pair-by-pair path would."""
    width = query.shape[-1]
    fits = query.dtype in _HALF and width <= _MAX_HEAD and width % _HEAD_STEP == 0
    return fits and visible.plain and available(query.device)


def branch_attention_packed(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    visible: Visibility,
    scaling: float | None,
    kernel: Kernel | None = None,
) -> torch.Tensor:
    """query [1, H, T, D], key and value [1, H_kv, T, D] -> [1, T, H, D]."""
    kernel = kernel or _flash()
    if kernel.gradients is not None:
        return PackedAttention.apply(query, key, value, visible.packed, visible.window, scaling, kernel)
    index: PackedIndex = visible.packed
    q, k, v = (t[0].transpose(0, 1) for t in (query, key, value))
    end = index.trunk_tokens
    out = kernel.attend(q[:end], k[:end], v[:end], *index.trunk, visible.window, scaling)
    if end < q.shape[0]:
        keys, values = (t.index_select(0, index.branch_keys) for t in (k, v))
        branch = kernel.attend(q[end:], keys, values, *index.branch, visible.window, scaling)
        out = torch.cat([out, branch])
    return out[None]


class PackedAttention(torch.autograd.Function):
    """Trunks and branches of a row."""

    @staticmethod
    def forward(ctx, query, key, value, index, window, scale, kernel):
        """query [1, H, T, D], key and value [1, H_kv, T, D] -> [1, T, H, D]."""
        q, k, v = (t[0].transpose(0, 1) for t in (query, key, value))
        end = index.trunk_tokens
        out, *sums = kernel.attend(q[:end], k[:end], v[:end], *index.trunk, window, scale, sums=True)
        if end < q.shape[0]:
            keys, values = (t.index_select(0, index.branch_keys) for t in (k, v))
            branch, more = kernel.attend(q[end:], keys, values, *index.branch, window, scale, sums=True)
            out, sums = torch.cat([out, branch]), [*sums, more]
        ctx.save_for_backward(q, k, v, out, *sums)
        ctx.call = index, window, scale, kernel
        return out[None]

    @staticmethod
    def backward(ctx, grad):
        """Gradients of queries, keys and values."""
        q, k, v, out, *sums = ctx.saved_tensors
        index, window, scale, kernel = ctx.call
        end, grad = index.trunk_tokens, grad[0].contiguous()
        given = (grad[:end], q[:end], k[:end], v[:end], out[:end], sums[0])
        found = kernel.gradients(*given, *index.trunk, window, scale)
        if end < q.shape[0]:
            keys, values = (t.index_select(0, index.branch_keys) for t in (k, v))
            given = (grad[end:], q[end:], keys, values, out[end:], sums[1])
            q_grad, *key_grads = kernel.gradients(*given, *index.branch, window, scale)
            whole = [torch.cat([found[0], q_grad])]
            for trunk, branch in zip(found[1:], key_grads, strict=True):
                # Each row is a key of one branch at most: gathered, added and put back, where a sum by index would
                # take atomic additions, several times as long in half precision.
                padded = torch.cat([trunk, trunk.new_zeros(len(q) - end, *trunk.shape[1:])])
                together = branch.add_(padded.index_select(0, index.branch_keys))
                whole.append(padded.index_copy_(0, index.branch_keys, together))
            found = whole
        return *(t.transpose(0, 1)[None] for t in found), None, None, None, None


def attend_by_segments(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    lengths_q: torch.Tensor,
    lengths_k: torch.Tensor,
    longest_q: int,
    longest_k: int,
    window: int | None,
    scale: float | None,
) -> torch.Tensor:
    """Reference of the kernel's contract: segment by segment, causal triangle aligned to the bottom right."""
    groups = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    outs = []
    for i in range(len(lengths_q) - 1):
        queries, keys = slice(lengths_q[i], lengths_q[i + 1]), slice(lengths_k[i], lengths_k[i + 1])
        qs, ks, vs = q[queries], k[keys], v[keys]
        back = torch.arange(len(qs))[:, None] + (len(ks) - len(qs)) - torch.arange(len(ks))[None, :]
        hidden = (back < 0) | (back >= (window or len(ks)))
        scores = torch.einsum("qhd,khd->hqk", qs, ks) * scale
        weights = scores.masked_fill(hidden.to(q.device), float("-inf")).softmax(-1)
        outs.append(torch.einsum("hqk,khd->qhd", weights, vs))
    return torch.cat(outs)


@cache
def _flash() -> Kernel | None:
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None
    attend = adapted(varlen_attn)
    return None if attend is None else Kernel(attend, _gradients())


def adapted(varlen_attn: Callable[..., Any]) -> Callable[..., Any] | None:
    """torch's function under our contract, by what its signature takes: windows since 2.11, a flag for grouped queries
    since 2.12, which releases without the flag need not be told of. None without windows."""
    takes = signature(varlen_attn).parameters
    if "window_size" not in takes or "scale" not in takes:
        return None

    def flash(q, k, v, lengths_q, lengths_k, longest_q, longest_k, window, scale, *, sums=False):
        more: dict[str, Any] = {}
        if "enable_gqa" in takes and q.shape[1] != k.shape[1]:
            more["enable_gqa"] = True
        if sums:
            from torch.nn.attention.varlen import AuxRequest

            more["return_aux"] = AuxRequest(lse=True)
        return varlen_attn(
            q, k, v, lengths_q, lengths_k, longest_q, longest_k, scale=scale, window_size=_span(window), **more
        )

    return flash


_BACKWARD = (
    *("grad_out", "query", "key", "value", "out", "lse", "cu_seq_q", "cu_seq_k", "max_q", "max_k"),
    *("is_causal", "rng_state", "scale", "window_size"),
)
"""Arguments of torch's operation, which it has not promised to keep."""


def _gradients() -> Callable[..., Any] | None:
    operation = getattr(torch.ops.torch_attn, "_varlen_attn_backward", None)
    if operation is None or tuple(a.name for a in operation.default._schema.arguments) != _BACKWARD:
        return None

    def gradients(grad, q, k, v, out, sums, lengths_q, lengths_k, longest_q, longest_k, window, scale):
        span = _span(window)
        no_dropout = torch.zeros(2, dtype=torch.uint64, device=q.device)
        segments = (lengths_q, lengths_k, longest_q, longest_k)
        return operation(grad, q, k, v, out, sums, *segments, span == (-1, 0), no_dropout, scale, list(span))

    return gradients


def _span(window: int | None) -> tuple[int, int]:
    return (-1, 0) if window is None else (window - 1, 0)
