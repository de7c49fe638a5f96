"""Log-probs of rows without gradients: longest first, micro-batch by micro-batch, so that a stop takes effect between
two of them. What does not fit in memory is tried again in halves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .engine import Engine, OutOfMemory
from .faults import Fault
from .tokens.rows import TokenizedRow

MAX_ROWS = 16


def score_rows(
    engine: Engine,
    rows: Sequence[TokenizedRow],
    indices: Sequence[int],
    give: Callable[[list[int], list[float]], None],
    max_tokens: int,
) -> None:
    """Calls `give(indices, logps interleaved)` for every micro-batch."""
    ordered = sorted(indices, key=lambda index: (-tokens_of(rows[index]), index))
    for batch in micro_batches(ordered, [tokens_of(rows[index]) for index in ordered], max_tokens):
        _score_batch(engine, rows, batch, give)


def _score_batch(
    engine: Engine, rows: Sequence[TokenizedRow], batch: list[int], give: Callable[[list[int], list[float]], None]
) -> None:
    failure = ""
    try:
        logps = engine.forward([rows[index].pair() for index in batch], grad=False).tolist()
    except OutOfMemory as error:
        failure = str(error)
    if not failure:
        give(batch, logps)
    elif len(batch) == 1:
        raise Fault("OUT_OF_MEMORY", f"row {batch[0]} alone does not fit: {failure}", "Lower max_length.")
    else:
        middle = len(batch) // 2
        _score_batch(engine, rows, batch[:middle], give)
        _score_batch(engine, rows, batch[middle:], give)


def tokens_of(row: TokenizedRow) -> int:
    """Tokens of a row's forward pass: the prompt once, both responses."""
    return len(row.prefix) + len(row.chosen) + len(row.rejected)


def micro_batches(ordered: Sequence[int], tokens: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Neighbours together, up to a token budget; a row above the budget is alone."""
    batches: list[list[int]] = []
    filled = 0
    for index, size in zip(ordered, tokens, strict=True):
        if not batches or filled + size > max_tokens or len(batches[-1]) >= MAX_ROWS:
            batches.append([])
            filled = 0
        batches[-1].append(index)
        filled += size
    return batches
