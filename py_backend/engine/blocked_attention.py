"""Exact attention over shared rows for a CPU, in matrix products of a good size and with nothing computed twice.

Queries go in blocks of about 64; a block multiplies only with the keys up to its own end, so that no more than its
triangle is wasted. Query heads that share a key head are stacked into one product. The probabilities are kept for the
backward pass, which is why long rows are left to the flash kernel of torch (see `fits`).

Legend: G key heads, M query heads per key head, T tokens of the row, D width of a head, m keys, n query rows of a
block (its tokens times M), q all query rows.
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
    """query [1, M*G, T, D], key and value [1, G, T, D] -> [1, T, M*G, D].

    Queries are laid out token by token with the M heads of a group side by side, [G, T*M, D]: a block of queries is
    then a slice of memory.
    """

    @staticmethod
    def forward(ctx, query, key, value, spans, scale):
        """query [1, H, T, D], key and value [1, G, T, D] -> [1, T, H, D]."""
        heads, tokens, width = query.shape[1:]
        groups = key.shape[1]
        per_group = heads // groups
        q_GTMD = query.new_empty(groups, tokens, per_group, width)
        torch.mul(query[0].view(groups, per_group, tokens, width).transpose(1, 2), scale, out=q_GTMD)
        q_GqD = q_GTMD.view(groups, -1, width)
        out_TGMD = query.new_empty(tokens, groups, per_group, width)
        kept: list[torch.Tensor] = [q_GqD]
        for segment in _segments(spans):
            k_GmD, v_GmD = _gather(key[0], segment), _gather(value[0], segment)
            kept += [k_GmD, v_GmD]
            for rows, m in _blocks(segment):
                block = rows.stop - rows.start
                p_Gnm = torch.bmm(_block(q_GqD, rows, per_group), k_GmD[:, :m].transpose(1, 2))
                p_Gnm.view(groups, block, per_group, m)[..., m - block :].add_(_future(block, p_Gnm.dtype))
                torch.softmax(p_Gnm, -1, out=p_Gnm)
                out_TGMD[rows] = _by_token(torch.bmm(p_Gnm, v_GmD[:, :m]), block)
                kept.append(p_Gnm)
        ctx.save_for_backward(*kept)
        ctx.spans, ctx.scale = spans, scale
        return out_TGMD.view(1, tokens, heads, width)

    @staticmethod
    def backward(ctx, grad):
        """Gradients of queries, keys and values; `grad` has the shape of the output."""
        kept = iter(ctx.saved_tensors)  # read once: a recomputed layer hands its tensors out only once
        q_GqD = next(kept)
        groups = q_GqD.shape[0]
        tokens, heads, width = grad.shape[1:]
        per_group = heads // groups
        g_GqD = grad[0].view(tokens, groups, per_group, width).transpose(0, 1).reshape(groups, -1, width)
        q_grad_TGMD = grad.new_empty(tokens, groups, per_group, width)
        k_grad, v_grad = grad.new_zeros(groups, tokens, width), grad.new_zeros(groups, tokens, width)
        for segment in _segments(ctx.spans):
            k_GmD, v_GmD = next(kept), next(kept)
            dk_GmD, dv_GmD = torch.zeros_like(k_GmD), torch.zeros_like(v_GmD)
            for rows, m in _blocks(segment):
                p_Gnm = next(kept)
                g_GnD = _block(g_GqD, rows, per_group)
                dv_GmD[:, :m].baddbmm_(p_Gnm.transpose(1, 2), g_GnD)
                dp_Gnm = torch.bmm(g_GnD, v_GmD[:, :m].transpose(1, 2))
                ds_Gnm = torch._softmax_backward_data(dp_Gnm, p_Gnm, -1, p_Gnm.dtype)
                q_grad_TGMD[rows] = _by_token(torch.bmm(ds_Gnm, k_GmD[:, :m]), rows.stop - rows.start)
                dk_GmD[:, :m].baddbmm_(ds_Gnm.transpose(1, 2), _block(q_GqD, rows, per_group))
            _scatter(k_grad, dk_GmD, segment)
            _scatter(v_grad, dv_GmD, segment)
        q_grad = q_grad_TGMD.mul_(ctx.scale).view(1, tokens, heads, width).transpose(1, 2)
        return q_grad, k_grad[None], v_grad[None], None, None


def _segments(spans: tuple[Span, ...]) -> Iterator[Segment]:
    for span in spans:
        yield Segment(span.trunk_slice(), (span.trunk_slice(),), 0)
        if span.rejected:
            yield Segment(span.rejected_slice(), (span.prefix_slice(), span.rejected_slice()), span.prefix)


def _blocks(segment: Segment) -> Iterator[tuple[slice, int]]:
    """Rows of each block of queries, and how many of the segment's keys its last query sees. Blocks of one segment
    differ by one row at most: a last block of a few rows would cost nearly as much as a full one."""
    queries = segment.queries.stop - segment.queries.start
    count = max(1, round(queries / BLOCK))
    for i in range(count):
        start, stop = queries * i // count, queries * (i + 1) // count
        yield slice(segment.queries.start + start, segment.queries.start + stop), segment.before + stop


def _block(source_GqD: torch.Tensor, rows: slice, per_group: int) -> torch.Tensor:
    return source_GqD[:, rows.start * per_group : rows.stop * per_group]


def _by_token(block_GnD: torch.Tensor, tokens: int) -> torch.Tensor:
    """[G, n*M, D] as [n, G, M, D], not copied."""
    groups, _, width = block_GnD.shape
    return block_GnD.view(groups, tokens, -1, width).transpose(0, 1)


def _gather(source_GTD: torch.Tensor, segment: Segment) -> torch.Tensor:
    return torch.cat([source_GTD[:, part] for part in segment.keys], dim=1)


def _scatter(total_GTD: torch.Tensor, part_GmD: torch.Tensor, segment: Segment) -> None:
    at = 0
    for part in segment.keys:
        length = part.stop - part.start
        total_GTD[:, part] += part_GmD[:, at : at + length]
        at += length


@lru_cache(maxsize=4 * BLOCK)
def _future(block: int, dtype: torch.dtype) -> torch.Tensor:
    """[block, 1, block]: -inf for keys after the query, 0 elsewhere."""
    return torch.full((block, block), -torch.inf, dtype=dtype).triu_(1)[:, None]
