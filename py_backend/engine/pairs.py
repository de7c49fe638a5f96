"""What the engine takes: a preference pair as token ids, split where the two responses part.

The engine knows no tokenizer, no chat template and no preference loss. A pair is scored as two sequences,
`prefix + chosen` and `prefix + rejected`; token `i` of a branch is scored when `i >= *_from`, given all before it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenPair:
    """One preference pair.

    prefix: prompt tokens shared by both sequences, at least one.
    chosen, rejected: tokens after the prefix.
    chosen_from, rejected_from: first index in the branch that is scored; above 0 only where the tokenizer encodes the
        end of the prompt differently in the two sequences, so that this end belongs to the branches.
    """

    prefix: list[int]
    chosen: list[int]
    rejected: list[int]
    chosen_from: int = 0
    rejected_from: int = 0

    def __post_init__(self) -> None:
        if not self.prefix:
            raise ValueError("TokenPair.prefix: expected at least one token, got none")
        for name, branch, first in (
            ("chosen", self.chosen, self.chosen_from),
            ("rejected", self.rejected, self.rejected_from),
        ):
            if not 0 <= first < len(branch):
                raise ValueError(
                    f"TokenPair.{name}: expected a scored token, got {len(branch)} tokens scored from {first}"
                )

    @property
    def tokens(self) -> int:
        """Prompt + chosen + rejected: what a micro-batch budget counts."""
        return len(self.prefix) + len(self.chosen) + len(self.rejected)
