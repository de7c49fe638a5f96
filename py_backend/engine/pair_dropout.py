"""Dropout of adapters whose masks belong to a pair and not to its company.

How many pairs a forward holds follows from free memory. So each mask is drawn from a generator of its own, seeded by
the pair's seed, the layer and the stretch of the row (see `Row.stretches`): the same pair gets the same mask alone, in
any order, in a packed row and in every recomputation.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import blake2b
from types import MethodType

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True, slots=True)
class MaskPart:
    """Consecutive tokens of one pair in a row. part: 0 = trunk or chosen, 1 = rejected. scored: how many of them are
    scored, which is what the end of the last layer sees."""

    pair: int
    part: int
    tokens: int
    scored: int


@dataclass(frozen=True, slots=True)
class _Row:
    stretches: tuple[MaskPart, ...]
    seeds: Sequence[int]


_row: ContextVar[_Row | None] = ContextVar("dropout_row", default=None)


@contextmanager
def masks_of(stretches: tuple[MaskPart, ...], seeds: Sequence[int] | None) -> Iterator[None]:
    """While it is open, a forward in this thread is of this row. seeds: one a pair of the call; None = torch's own."""
    token = _row.set(None if seeds is None else _Row(stretches, seeds))
    try:
        yield
    finally:
        _row.reset(token)


def install(model: nn.Module) -> None:
    """Gives the dropout of every adapter these masks. Repeating it is harmless."""
    dropouts = [m for name, m in model.named_modules() if "lora_dropout" in name and isinstance(m, nn.Dropout)]
    for number, module in enumerate(dropouts):
        module.number = number
        module.forward = MethodType(_forward, module)


def _forward(self: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """x [..., T, I]."""
    row = _row.get()
    counts = None if row is None or not self.training or self.p == 0 else _counts(row.stretches, x)
    if row is None or counts is None:
        return F.dropout(x, self.p, self.training)
    keep = torch.empty(x.shape, dtype=torch.bool, device=x.device)
    generator = generator_on(x.device)
    at = 0
    for stretch, tokens in zip(row.stretches, counts, strict=True):
        generator.manual_seed(_seed(row.seeds[stretch.pair], self.number, stretch.part))
        keep[..., at : at + tokens, :].bernoulli_(1 - self.p, generator=generator)
        at += tokens
    return x * keep * (1 / (1 - self.p))


def generator_on(device: torch.device) -> torch.Generator:
    """A generator of that device, to be seeded."""
    return torch.Generator(device)


def _counts(stretches: tuple[MaskPart, ...], x: torch.Tensor) -> list[int] | None:
    """Tokens of each stretch in x: all, or the scored ones. None for a layer that sees others (an expert's share)."""
    for counts in ([s.tokens for s in stretches], [s.scored for s in stretches]):
        if sum(counts) == x.shape[-2] and x.numel() == x.shape[-2] * x.shape[-1]:
            return counts
    return None


def _seed(pair: int, layer: int, part: int) -> int:
    digest = blake2b(struct.pack("<QII", pair & (2**64 - 1), layer, part), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
