"""Exact attention over shared rows for a CPU, in matrix products of a good size and with nothing computed twice.

Queries go in blocks of 64; a block multiplies only with the keys up to its own end, so that no more than a block's
triangle is wasted. Query heads that share a key head are stacked into one product. The probabilities are kept for the
backward pass, which is why long rows are left to the flash kernel of torch (see `fits`).

Legend: G key heads, M query heads per key head, T tokens of the row, D width of a head, m keys, n queries of a block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import torch

from .spans import Span

BLOCK = 64
LONGEST = 1024
"""Tokens of a sequence up to which probabilities are kept: at most 4 * 1024 / 2 bytes a token, head and layer."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Queries that are the last tokens of a causal sequence whose keys may lie in two places of the row."""

    queries: slice
    keys: tuple[slice, ...]
    before: int  # keys ahead of the first query


def fits(query: torch.Tensor, spans: tuple[Span, ...], window: int | None) -> bool:
    """Decided by shapes only, so that scoring and training of one pair always take the same path."""
    longest = max(span.prefix + max(span.chosen, span.rejected) for span in spans)
    whole = window is None or window >= longest
    return whole and longest <= LONGEST and query.device.type == "cpu" and query.dtype in (torch.float32, torch.float64)


class BlockedAttention(torch.autograd.Function):
    """query [1, M*G, T, D], key and value [1, G, T, D] -> [1, T, M*G, D]."""

    @staticmethod
    def forward(ctx, query, key, value, spans, scale):
        heads, tokens, width = query.shape[1:]
        groups = key.shape[1]
        q_GMTD = query[0].view(groups, heads // groups, tokens, width)
        out_TGMD = query.new_empty(tokens, groups, heads // groups, width)
        kept: list[torch.Tensor] = []
        for segment in _segments(spans):
            k_GmD, v_GmD = _gather(key[0], segment), _gather(value[0], segment)
            kept += [k_GmD, v_GmD]
            for rows, m in _blocks(segment):
                n = rows.stop - rows.start
                q_GnD = (q_GMTD[:, :, rows] * scale).reshape(groups, -1, width)
                p_Gnm = torch.bmm(q_GnD, k_GmD[:, :m].transpose(1, 2))
                triangle = p_Gnm.view(groups, -1, n, m)[..., m - n :]
                triangle.masked_fill_(_future(n), -torch.inf)
                torch.softmax(p_Gnm, -1, out=p_Gnm)
                out_TGMD[rows] = torch.bmm(p_Gnm, v_GmD[:, :m]).view(groups, -1, n, width).permute(2, 0, 1, 3)
                kept += [q_GnD, p_Gnm]
        ctx.save_for_backward(*kept)
        ctx.spans, ctx.scale = spans, scale
        return out_TGMD.view(1, tokens, heads, width)

    @staticmethod
    def backward(ctx, grad):
        saved = ctx.saved_tensors  # read once: a recomputed layer hands its tensors out only once
        kept = iter(saved)
        groups = saved[0].shape[0]
        tokens, heads, width = grad.shape[1:]
        g_GMTD = grad[0].view(tokens, groups, heads // groups, width).permute(1, 2, 0, 3)
        q_grad = grad.new_empty(groups, heads // groups, tokens, width)
        k_grad, v_grad = grad.new_zeros(groups, tokens, width), grad.new_zeros(groups, tokens, width)
        for segment in _segments(ctx.spans):
            k_GmD, v_GmD = next(kept), next(kept)
            dk_GmD, dv_GmD = torch.zeros_like(k_GmD), torch.zeros_like(v_GmD)
            for rows, m in _blocks(segment):
                q_GnD, p_Gnm = next(kept), next(kept)
                g_GnD = g_GMTD[:, :, rows].reshape(groups, -1, width)
                dv_GmD[:, :m].baddbmm_(p_Gnm.transpose(1, 2), g_GnD)
                dp_Gnm = torch.bmm(g_GnD, v_GmD[:, :m].transpose(1, 2))
                ds_Gnm = torch._softmax_backward_data(dp_Gnm, p_Gnm, -1, p_Gnm.dtype)
                q_grad[:, :, rows] = torch.bmm(ds_Gnm, k_GmD[:, :m]).view(groups, -1, rows.stop - rows.start, width)
                dk_GmD[:, :m].baddbmm_(ds_Gnm.transpose(1, 2), q_GnD)
            _scatter(k_grad, dk_GmD, segment)
            _scatter(v_grad, dv_GmD, segment)
        return q_grad.mul_(ctx.scale).view(1, heads, tokens, width), k_grad[None], v_grad[None], None, None


def _segments(spans: tuple[Span, ...]) -> Iterator[Segment]:
    for span in spans:
        yield Segment(span.trunk_slice(), (span.trunk_slice(),), 0)
        if span.rejected:
            yield Segment(span.rejected_slice(), (span.prefix_slice(), span.rejected_slice()), span.prefix)


def _blocks(segment: Segment) -> Iterator[tuple[slice, int]]:
    """Rows of each block of queries, and how many of the segment's keys its last query sees."""
    first, stop = segment.queries.start, segment.queries.stop
    for start in range(first, stop, BLOCK):
        end = min(start + BLOCK, stop)
        yield slice(start, end), segment.before + end - first


def _gather(source_GTD: torch.Tensor, segment: Segment) -> torch.Tensor:
    return torch.cat([source_GTD[:, part] for part in segment.keys], dim=1)


def _scatter(total_GTD: torch.Tensor, part_GmD: torch.Tensor, segment: Segment) -> None:
    at = 0
    for part in segment.keys:
        length = part.stop - part.start
        total_GTD[:, part] += part_GmD[:, at : at + length]
        at += length


@lru_cache(maxsize=2 * BLOCK)
def _future(n: int) -> torch.Tensor:
    """bool [n, n]: keys after the query."""
    return torch.ones(n, n, dtype=torch.bool).triu(1)
