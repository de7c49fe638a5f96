"""Lays pairs out as rows of tokens, and says which hidden state predicts which scored token.

plain:  every response is a row of its own, `prefix + response`; packed, they stand in one row and see only themselves.
shared: what chosen and rejected have in common is written once, `common + chosen + rejected` (see `spans`). Common are
        the prompt and also the first response tokens while both responses say the same.

The last token of a sequence is no input, but for `whole` rows: nothing is predicted from it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from .pair_dropout import MaskPart
from .pairs import TokenPair
from .spans import Span, place, positions
from .staging import to_device

Scored = tuple[int, int, int]
"""Index of the hidden state that predicts a scored token, that token, and its sequence of the call."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row for the backbone.

    input_ids: int64 [1, T]. position_ids: int64 [1, T]. spans: None where the row is one response.
    score_at: int64 [N], index in the row of the hidden state that predicts a scored token.
    distinct: int64 [M], the same, ascending and without repetition.
    targets: int64 [N], that token; those of one sequence stand side by side. sequences: int64 [S], which sequences of
    the call they belong to (2i chosen, 2i + 1 rejected of pair i), in their order. lengths: int64 [S], how many each
    has. stretches: whose tokens the row's are, in their order.
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    spans: tuple[Span, ...] | None
    score_at: torch.Tensor
    distinct: torch.Tensor
    targets: torch.Tensor
    sequences: torch.Tensor
    lengths: torch.Tensor
    stretches: tuple[MaskPart, ...]


def plain_rows(
    pairs: Sequence[TokenPair],
    device: torch.device,
    *,
    pack: bool = False,
    numbers: Sequence[int] | None = None,
    whole: bool = False,
) -> list[Row]:
    """Two rows a pair, or with pack one row for all, in which every response stands by itself, without padding.
    numbers: of the pairs in the call, where these are only some of them. whole: with the last token, from which nothing
    is predicted, for models to which the length of a row matters."""
    rows = [row for index, pair in _numbered(pairs, numbers) for row in _responses(index, pair, whole)]
    if not pack:
        return [_row(tokens, torch.arange(len(tokens)), None, scored, [s], device) for tokens, scored, s in rows]
    spans = place([(len(tokens), 0, 0) for tokens, _, _ in rows])
    return [
        _row(
            [token for tokens, _, _ in rows for token in tokens],
            positions(spans),
            spans,
            [
                (span.trunk_at + at, target, sequence)
                for span, (_, scored, _) in zip(spans, rows, strict=True)
                for at, target, sequence in scored
            ],
            [stretch for _, _, stretch in rows],
            device,
        )
    ]


def _responses(
    index: int, pair: TokenPair, whole: bool
) -> Iterator[tuple[list[int], list[Scored], tuple[int, int, int]]]:
    """Of both responses of a pair: input tokens, what is scored, and the stretch that they are."""
    before = len(pair.prefix) - 1  # where the hidden state before response token 0 lies
    for side, branch, indices in ((0, pair.chosen, pair.chosen_at()), (1, pair.rejected, pair.rejected_at())):
        tokens = pair.prefix + (branch if whole else branch[:-1])
        yield tokens, [(before + i, branch[i], 2 * index + side) for i in indices], (index, side, len(tokens))


def shared_rows(
    pairs: Sequence[TokenPair], device: torch.device, *, pack: bool, numbers: Sequence[int] | None = None
) -> list[Row]:
    """One row a pair, or with pack one row for all pairs. numbers: as of `plain_rows`."""
    numbered = _numbered(pairs, numbers)
    return [_shared_row(row, device) for row in ([numbered] if pack else [[pair] for pair in numbered])]


def _numbered(pairs: Sequence[TokenPair], numbers: Sequence[int] | None) -> list[tuple[int, TokenPair]]:
    return list(enumerate(pairs) if numbers is None else zip(numbers, pairs, strict=True))


def _shared_row(pairs: Sequence[tuple[int, TokenPair]], device: torch.device) -> Row:
    forks = [_common(pair.chosen, pair.rejected) for _, pair in pairs]
    spans = place(
        [
            (len(pair.prefix) + fork, len(pair.chosen[fork:-1]), len(pair.rejected[fork:-1]))
            for (_, pair), fork in zip(pairs, forks, strict=True)
        ]
    )
    trunks: list[int] = []
    branches: list[int] = []
    scored: list[Scored] = []
    for (index, pair), fork, span in zip(pairs, forks, spans, strict=True):
        trunks += pair.prefix + pair.chosen[:fork] + pair.chosen[fork:-1]
        branches += pair.rejected[fork:-1]
        before = span.trunk_at + len(pair.prefix) - 1  # where the hidden state before response token 0 lies
        for i in pair.chosen_at():
            scored.append((before + i, pair.chosen[i], 2 * index))
        for i in pair.rejected_at():
            at = before + i if i <= fork else span.rejected_at + i - 1 - fork
            scored.append((at, pair.rejected[i], 2 * index + 1))
    stretches = [(index, 0, span.trunk) for (index, _), span in zip(pairs, spans, strict=True)]
    stretches += [(index, 1, span.rejected) for (index, _), span in zip(pairs, spans, strict=True)]
    return _row(trunks + branches, positions(spans), spans, scored, stretches, device)


def _common(chosen: Sequence[int], rejected: Sequence[int]) -> int:
    """How many tokens both branches start with."""
    count = 0
    for a, b in zip(chosen, rejected, strict=False):
        if a != b:
            break
        count += 1
    return count


def _row(
    tokens: list[int],
    position_ids: torch.Tensor,
    spans: tuple[Span, ...] | None,
    scored: Sequence[Scored],
    stretches: Sequence[tuple[int, int, int]],
    device: torch.device,
) -> Row:
    distinct = sorted({at for at, _, _ in scored})
    counts = Counter(sequence for _, _, sequence in scored)
    score_at, targets, _ = torch.tensor(scored, dtype=torch.int64).t().contiguous()
    whole = [torch.tensor([tokens]), position_ids[None], score_at, torch.tensor(distinct), targets]
    whole += [torch.tensor(list(counts)), torch.tensor(list(counts.values()))]
    input_ids, position_ids, score_at, at, targets, sequences, lengths = to_device(whole, device)
    return Row(
        input_ids=input_ids,
        position_ids=position_ids,
        spans=spans,
        score_at=score_at,
        distinct=at,
        targets=targets,
        sequences=sequences,
        lengths=lengths,
        stretches=_with_scored(stretches, distinct),
    )


def _with_scored(stretches: Sequence[tuple[int, int, int]], distinct: Sequence[int]) -> tuple[MaskPart, ...]:
    found, start = [], 0
    for pair, part, tokens in stretches:
        scored = bisect_left(distinct, start + tokens) - bisect_left(distinct, start)
        found.append(MaskPart(pair, part, tokens, scored))
        start += tokens
    return tuple(found)
