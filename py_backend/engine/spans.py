"""Where the parts of packed pairs lie in one row of tokens.

A row holds one or more pairs. First come the trunks of all pairs, one after the other, each `prefix + chosen`; then
the rejected branches of all pairs in the same order. A pair's rejected branch continues its prefix: its positions
restart where the prefix ends, it attends to the prefix and to itself, and nothing attends to it.

    row        P1 C1 | P2 C2 | R1 | R2
    positions  0...    0...    |P1|...  |P2|...
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Span:
    """One pair in a row: lengths in input tokens (a branch may have none) and where its two stretches start."""

    prefix: int
    chosen: int
    rejected: int
    trunk_at: int
    rejected_at: int

    @property
    def trunk(self) -> int:
        """Tokens of prefix and chosen branch together."""
        return self.prefix + self.chosen

    def trunk_slice(self) -> slice:
        """Where the trunk lies in the row."""
        return slice(self.trunk_at, self.trunk_at + self.trunk)

    def prefix_slice(self) -> slice:
        """Where the prefix lies in the row."""
        return slice(self.trunk_at, self.trunk_at + self.prefix)

    def rejected_slice(self) -> slice:
        """Where the rejected branch lies in the row."""
        return slice(self.rejected_at, self.rejected_at + self.rejected)


def place(lengths: Sequence[tuple[int, int, int]]) -> tuple[Span, ...]:
    """Spans for pairs of (prefix, chosen, rejected) input tokens."""
    trunk_at, rejected_at = 0, sum(prefix + chosen for prefix, chosen, _ in lengths)
    spans = []
    for prefix, chosen, rejected in lengths:
        spans.append(Span(prefix, chosen, rejected, trunk_at, rejected_at))
        trunk_at += prefix + chosen
        rejected_at += rejected
    return tuple(spans)


def positions(spans: Sequence[Span]) -> torch.Tensor:
    """int64 [T]: position of every token of the row in its own sequence."""
    trunks = [torch.arange(span.trunk) for span in spans]
    branches = [torch.arange(span.prefix, span.prefix + span.rejected) for span in spans]
    return torch.cat(trunks + branches)
