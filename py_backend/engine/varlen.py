"""Shared-row attention of a whole packed row in two variable-length flash calls (CUDA, bfloat16 or float16).

The trunks lie one after the other at the start of the row, so that their queries, keys and values are slices. The
rejected branches read the keys of their prefixes through one gather; autograd adds the gradients back. A flash kernel
aligns its causal triangle to the bottom right, which is what a branch that continues a prefix needs.

`attend_by_segments` is the same contract in plain torch: it runs everywhere and is what tests compare with.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from inspect import signature

import torch

from ..devices import before_ampere
from .visibility import PackedIndex, Visibility

Varlen = Callable[..., torch.Tensor]
"""(q [Tq, H, D], k and v [Tk, H_kv, D], lengths_q, lengths_k, longest_q, longest_k, window, scale) -> [Tq, H, D]."""

_HALF = (torch.bfloat16, torch.float16)
_MAX_HEAD, _HEAD_STEP = 256, 8


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
    varlen: Varlen | None = None,
) -> torch.Tensor:
    """query [1, H, T, D], key and value [1, H_kv, T, D] -> [1, T, H, D]."""
    varlen = varlen or _flash()
    index: PackedIndex = visible.packed
    q, k, v = (t[0].transpose(0, 1) for t in (query, key, value))
    end = index.trunk_tokens
    lengths, longest = index.trunk_lengths, index.trunk_longest
    out = varlen(q[:end], k[:end], v[:end], lengths, lengths, longest, longest, visible.window, scaling)
    if end < q.shape[0]:
        branch = varlen(
            q[end:],
            k.index_select(0, index.branch_keys),
            v.index_select(0, index.branch_keys),
            index.branch_query_lengths,
            index.branch_key_lengths,
            index.branch_query_longest,
            index.branch_key_longest,
            visible.window,
            scaling,
        )
        out = torch.cat([out, branch])
    return out[None]


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
def _flash() -> Varlen | None:
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None
    return adapted(varlen_attn)


def adapted(varlen_attn: Callable[..., torch.Tensor]) -> Varlen | None:
    """torch's function under our contract, by what its signature takes: windows since 2.11, a flag for grouped queries
    since 2.12, which releases without the flag need not be told of. None without windows."""
    takes = signature(varlen_attn).parameters
    if "window_size" not in takes or "scale" not in takes:
        return None

    def flash(q, k, v, lengths_q, lengths_k, longest_q, longest_k, window, scale):
        more = {"enable_gqa": True} if "enable_gqa" in takes and q.shape[1] != k.shape[1] else {}
        span = (-1, 0) if window is None else (window - 1, 0)
        return varlen_attn(q, k, v, lengths_q, lengths_k, longest_q, longest_k, scale=scale, window_size=span, **more)

    return flash
