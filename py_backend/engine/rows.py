"""Lays pairs out as rows of tokens, and says which hidden state predicts which scored token.

plain:  every response is a row of its own, `prefix + response`.
shared: the prompt is written once, `prefix + chosen + rejected`, positions of the rejected branch restart at the end
        of the prefix, and attention is restricted so that neither branch sees the other (see `attention`).

The last token of a sequence is never an input: nothing is predicted from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from .pairs import TokenPair


@dataclass(frozen=True, slots=True)
class Row:
    """One row for the backbone.

    input_ids: int64 [1, T].
    score_at: int64 [N], index in the row of the hidden state that predicts a scored token.
    targets: int64 [N], that token. sequence: int64 [N], which sequence of the call it belongs to.
    """

    input_ids: torch.Tensor
    score_at: torch.Tensor
    targets: torch.Tensor
    sequence: torch.Tensor


def plain_rows(pairs: Sequence[TokenPair], device: torch.device) -> list[Row]:
    """Two rows a pair; sequence 2i is chosen, 2i + 1 rejected of pair i."""
    rows = []
    for index, pair in enumerate(pairs):
        for side, branch, first in ((0, pair.chosen, pair.chosen_from), (1, pair.rejected, pair.rejected_from)):
            tokens = pair.prefix + branch[:-1]
            start = len(pair.prefix) - 1 + first
            rows.append(
                Row(
                    input_ids=torch.tensor([tokens], dtype=torch.int64, device=device),
                    score_at=torch.arange(start, len(tokens), device=device),
                    targets=torch.tensor(branch[first:], dtype=torch.int64, device=device),
                    sequence=torch.full((len(branch) - first,), 2 * index + side, dtype=torch.int64, device=device),
                )
            )
    return rows
