"""What the attention of one layer type may see in a shared row.

transformers builds masks from rules on token positions (causal, sliding window, chunks...). Here the model's own rule
is asked, at the positions that tokens have in their own sequence, so that a new kind of window needs no code:

    visible(q, k) = rule(position of q, position of k)  and  k lies in q's own sequence
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache

import torch

from .spans import Span
from .staging import to_device

Rule = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""transformers' mask function: (batch, head, query index, key index) -> may attend."""


class Visibility:
    """Handed to every layer of one type in place of a mask tensor.

    spans: the pairs in the row. window: how many positions back a token sees, itself included; None = all.
    plain: the rule is causal or a causal window, so that kernels which know only those may be used.
    """

    def __init__(self, spans: tuple[Span, ...], rule: Rule, device: torch.device) -> None:
        self.spans = spans
        self.device = device
        self._rule = rule
        longest = max(span.prefix + max(span.chosen, span.rejected) for span in spans)
        self.window, self.plain = _recognise(rule, longest)

    @cached_property
    def masks(self) -> list[tuple[torch.Tensor | None, torch.Tensor]]:
        """Per span: bool [trunk, trunk] (None = causal) and bool [rejected, prefix + rejected]; True = may attend."""
        return [self._masks_of(span) for span in self.spans]

    def _masks_of(self, span: Span) -> tuple[torch.Tensor | None, torch.Tensor]:
        trunk = torch.arange(span.trunk)
        branch = torch.arange(span.prefix + span.rejected)
        causal = self.plain and (self.window is None or self.window >= span.trunk)
        trunk_mask = None if causal else _grid(self._rule, trunk, trunk).to(self.device)
        return trunk_mask, _grid(self._rule, branch[span.prefix :], branch).to(self.device)

    @cached_property
    def packed(self) -> PackedIndex:
        """Index tensors for variable-length attention kernels; all layer types of a row share them."""
        return packed_index(self.spans, self.device)


class PackedIndex:
    """Lengths and gathers for two variable-length calls: all trunks; all rejected branches after their prefix.

    trunk, branch: (lengths of queries and of keys, both int32, cumulative, from 0; the longest of queries and of keys).
    branch_keys: int64 [sum(prefix + rejected)], rows of the keys that the rejected branches see, pair by pair.
    """

    def __init__(self, spans: tuple[Span, ...], device: torch.device) -> None:
        branching = [span for span in spans if span.rejected > 0]
        self.trunk_tokens = sum(span.trunk for span in spans)
        trunk_longest = max(span.trunk for span in spans)
        query_longest = max((span.rejected for span in branching), default=0)
        key_longest = max((span.prefix + span.rejected for span in branching), default=0)
        keys = [
            torch.arange(stretch.start, stretch.stop)
            for span in branching
            for stretch in (span.prefix_slice(), span.rejected_slice())
        ]
        trunk, queries, both, self.branch_keys = to_device(
            [
                _cumulative([span.trunk for span in spans]),
                _cumulative([span.rejected for span in branching]),
                _cumulative([span.prefix + span.rejected for span in branching]),
                torch.cat(keys) if keys else torch.zeros(0, dtype=torch.int64),
            ],
            device,
        )
        trunk, queries, both = trunk.int(), queries.int(), both.int()
        self.trunk = (trunk, trunk, trunk_longest, trunk_longest)
        self.branch = (queries, both, query_longest, key_longest)


@lru_cache(maxsize=2)
def packed_index(spans: tuple[Span, ...], device: torch.device) -> PackedIndex:
    """The index of these spans, remembered for the layers of one pass."""
    return PackedIndex(spans, device)


def _grid(rule: Rule, queries: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    zero = torch.zeros((), dtype=torch.int64)
    allowed = rule(zero, zero, queries[:, None], keys[None, :])
    return allowed.expand(len(queries), len(keys)).contiguous()


def _recognise(rule: Rule, longest: int) -> tuple[int | None, bool]:
    """Asks the rule about a few query positions: (window, True) if every answer is that of one causal window."""
    keys = torch.arange(longest)
    last = _grid(rule, keys[-1:], keys)[0]
    window = int(last.sum())
    probes = torch.tensor(sorted({longest - 1, longest // 2, longest // 3, longest // 4, 1, 0} & set(range(longest))))
    distance = probes[:, None] - keys[None, :]
    expected = (distance >= 0) & (distance < window)
    if not torch.equal(_grid(rule, probes, keys), expected):
        return None, False
    return (None if window == longest else window), True


def _cumulative(lengths: list[int]) -> torch.Tensor:
    return torch.tensor([0, *lengths]).cumsum(0)
