"""Shared-row attention of a whole packed row in two variable-length flash calls (CUDA, bfloat16 or float16).

The trunks lie one after the other at the start of the row, so that their queries, keys and values are slices. The
rejected branches read the keys of their prefixes through one gather; autograd adds the gradients back. A flash kernel
aligns its causal triangle to the bottom right, which is what a branch that continues a prefix needs.

`attend_by_segments` is the same contract in plain torch: it runs everywhere and is what tests compare with.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from .visibility import PackedIndex, Visibility

Varlen = Callable[..., torch.Tensor]
"""(q [Tq, H, D], k and v [Tk, H_kv, D], lengths_q, lengths_k, longest_q, longest_k, window, scale) -> [Tq, H, D]."""

_HALF = (torch.bfloat16, torch.float16)
_MAX_HEAD = 256


def can_pack(query: torch.Tensor, visible: Visibility) -> bool:
    """Whether the flash kernel computes this exactly as the pair-by-pair path would."""
    fits = query.is_cuda and query.dtype in _HALF and query.shape[-1] <= _MAX_HEAD
    return fits and visible.plain and _flash() is not None


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


def _flash() -> Varlen | None:
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None

    def flash(q, k, v, lengths_q, lengths_k, longest_q, longest_k, window, scale):
        return varlen_attn(
            q,
            k,
            v,
            lengths_q,
            lengths_k,
            longest_q,
            longest_k,
            scale=scale,
            window_size=(-1, 0) if window is None else (window - 1, 0),
            enable_gqa=q.shape[1] != k.shape[1],
        )

    return flash
