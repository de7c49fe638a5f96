"""What the engine takes: a preference pair as token ids, split where the two responses part.

The engine knows no tokenizer, no chat template and no preference loss. A pair is scored as two sequences,
`prefix + chosen` and `prefix + rejected`; token `i` of a branch is scored when `i >= *_from` and no stretch of
`*_skipped` holds it, given all before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Stretches = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class TokenPair:
    """One preference pair.

    prefix: prompt tokens shared by both sequences, at least one.
    chosen, rejected: tokens after the prefix.
    chosen_from, rejected_from: first index in the branch that is scored; above 0 only where the tokenizer encodes the
        end of the prompt differently in the two sequences, so that this end belongs to the branches.
    chosen_skipped, rejected_skipped: stretches [start, end) of the branch that are context only, in order: turns of a
        conversation that others than the assistant write.
    """

    prefix: list[int]
    chosen: list[int]
    rejected: list[int]
    chosen_from: int = 0
    rejected_from: int = 0
    chosen_skipped: Stretches = ()
    rejected_skipped: Stretches = ()

    def __post_init__(self) -> None:
        if not self.prefix:
            raise ValueError("TokenPair.prefix: expected at least one token, got none")
        for name, branch, first, skipped in (
            ("chosen", self.chosen, self.chosen_from, self.chosen_skipped),
            ("rejected", self.rejected, self.rejected_from, self.rejected_skipped),
        ):
            if not (0 <= first < len(branch) and scored_at(len(branch), first, skipped)):
                but = f" but for {list(skipped)}" if skipped else ""
                raise ValueError(
                    f"TokenPair.{name}: expected a scored token, got {len(branch)} tokens scored from {first}{but}"
                )

    def chosen_at(self) -> Sequence[int]:
        """Indices of scored tokens in the branch, ascending."""
        return scored_at(len(self.chosen), self.chosen_from, self.chosen_skipped)

    def rejected_at(self) -> Sequence[int]:
        """Places of the rejected branch that are scored, from 0."""
        return scored_at(len(self.rejected), self.rejected_from, self.rejected_skipped)

    @property
    def tokens(self) -> int:
        """Prompt + chosen + rejected: what a micro-batch budget counts."""
        return len(self.prefix) + len(self.chosen) + len(self.rejected)


def scored_at(length: int, first: int, skipped: Stretches) -> Sequence[int]:
    """Places from `first` to `length` - 1 that lie in no stretch of context, ascending."""
    if not skipped:
        return range(first, length)
    context = {at for start, end in skipped for at in range(start, end)}
    return [at for at in range(first, length) if at not in context]
