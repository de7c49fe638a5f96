"""Attention over shared rows, registered with transformers under one name.

A shared row needs, for every pair, two attentions and no third: the trunk (prefix + chosen) over itself, and the
rejected branch over prefix + rejected. Together they are exactly the useful part of the square that a dense mask
would compute. On CUDA in half precision all pairs of a row go through two variable-length flash calls; on a CPU short
rows go through `blocked_attention`; elsewhere the same two attentions run pair by pair through
scaled_dot_product_attention.

Outside a shared row (generation, another caller of the model) everything is handed to transformers' own sdpa.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from .blocked_attention import BlockedAttention, fits
from .spans import Span
from .varlen import branch_attention_packed, can_pack
from .visibility import Visibility

NAME = "mrpo_shared_prompt"
"""Name under which models find these functions."""

_row: ContextVar[tuple[Span, ...] | None] = ContextVar("shared_row", default=None)


@contextmanager
def shared_row(spans: tuple[Span, ...]) -> Iterator[None]:
    """While it is open, a model forward in this thread treats its single row as laid out by these spans."""
    token = _row.set(spans)
    try:
        yield
    finally:
        _row.reset(token)


def register() -> None:
    """Makes NAME known to transformers. Repeating it is harmless."""
    AttentionInterface.register(NAME, _attention)
    AttentionMaskInterface.register(NAME, _mask)


def _mask(*args: Any, **kwargs: Any) -> Visibility | torch.Tensor | None:
    spans = _row.get()
    if spans is None:
        return sdpa_mask(*args, **kwargs)
    return Visibility(spans, kwargs["mask_function"], torch.device(kwargs["device"]))


def _attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: Visibility | torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    softcap: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """query [B, H, T, D], key and value [B, H_kv, T, D] -> [B, T, H, D]."""
    if value.dtype != query.dtype:  # see `float32_stream`
        shared = isinstance(attention_mask, Visibility)
        query, key, value = (part.to(query.dtype if shared else value.dtype) for part in (query, key, value))
    if not isinstance(attention_mask, Visibility):
        if softcap is None:
            return sdpa_attention_forward(
                module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
            )
        key, value = _repeat(module, query, key, value)
        causal = attention_mask is None and query.shape[2] > 1
        return _softcapped(query, key, value, attention_mask, scaling, softcap, causal).transpose(1, 2), None
    if kwargs.get("s_aux") is not None or kwargs.get("position_bias") is not None:
        raise NotImplementedError("attention with sinks or position biases")
    if softcap is None and can_pack(query, attention_mask):
        return branch_attention_packed(query, key, value, attention_mask, scaling), None
    if softcap is None and attention_mask.plain and fits(query, attention_mask.spans, attention_mask.window):
        scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
        return BlockedAttention.apply(query, key, value, attention_mask.spans, scaling), None
    key, value = _repeat(module, query, key, value)
    return _pair_by_pair(query, key, value, attention_mask, scaling, softcap).transpose(1, 2), None


def _repeat(
    module: nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    groups = query.shape[1] // key.shape[1]
    return repeat_kv(key, groups), repeat_kv(value, groups)


def _pair_by_pair(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    visible: Visibility,
    scaling: float | None,
    softcap: float | None,
) -> torch.Tensor:
    trunks, branches = [], []
    for span, (trunk_mask, branch_mask) in zip(visible.spans, visible.masks, strict=True):
        trunk, prefix, rejected = span.trunk_slice(), span.prefix_slice(), span.rejected_slice()
        trunks.append(_attend(query[:, :, trunk], key[:, :, trunk], value[:, :, trunk], trunk_mask, scaling, softcap))
        if span.rejected:
            keys = torch.cat([key[:, :, prefix], key[:, :, rejected]], dim=2)
            values = torch.cat([value[:, :, prefix], value[:, :, rejected]], dim=2)
            branches.append(_attend(query[:, :, rejected], keys, values, branch_mask, scaling, softcap))
    return torch.cat(trunks + branches, dim=2)


def _attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    scaling: float | None,
    softcap: float | None,
) -> torch.Tensor:
    if softcap is not None:
        return _softcapped(query, key, value, mask, scaling, softcap, mask is None)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=mask is None, scale=scaling)


def _softcapped(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    scaling: float | None,
    softcap: float,
    causal: bool,
) -> torch.Tensor:
    """softmax(softcap * tanh(scaling * q k^T / softcap)) v, as Gemma 2 defines it; sdpa has no such term."""
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    scores = softcap * torch.tanh(query @ key.transpose(-1, -2) * (scaling / softcap))
    if causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril(
            scores.shape[-1] - scores.shape[-2]
        )
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf")) if mask.dtype == torch.bool else scores + mask
    return torch.softmax(scores, dim=-1, dtype=torch.promote_types(scores.dtype, torch.float32)).to(value.dtype) @ value
