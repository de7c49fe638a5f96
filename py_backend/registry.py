"""What the backend holds, by handle: models, row sets, trainers. One trainer per model."""

from __future__ import annotations

import heapq
import itertools
import math
from dataclasses import dataclass, field

from .engine import Engine, TokenPair
from .faults import Fault
from .models.identity import ModelIdentity
from .models.load import Loaded
from .tokens.encode import TextEncoder
from .tokens.pair_text import TokenRule
from .tokens.rows import TokenizedRow
from .training.policy import Policy
from .training.trainer import Trainer


@dataclass(slots=True)
class HeldModel:
    """policy stays after its trainer was closed, so that it can be scored and exported. memory_bytes: of the weights,
    as they were loaded."""

    handle: str
    loaded: Loaded
    identity: ModelIdentity
    engine: Engine
    encoder: TextEncoder
    policy: Policy | None = None
    trainer: str | None = None
    memory_bytes: int = 0


@dataclass(slots=True)
class RowSet:
    """Rows of one model under one rule."""

    model_handle: str
    rule: TokenRule
    rows: list[TokenizedRow] = field(default_factory=list)

    def usable(self) -> list[int]:
        """Indices of the rows that can be scored, ascending."""
        return [index for index, row in enumerate(self.rows) if not row.facts.unusable]

    def pairs(self, indices: list[int]) -> list[TokenPair]:
        """Rows as the engine takes them, in the order of `indices`. Raises ROW_INVALID as `check` does."""
        return [self.rows[index].pair() for index in self.check(indices)]

    def check(self, indices: list[int]) -> list[int]:
        """The indices. Raises ROW_INVALID for one that does not exist or cannot be scored."""
        for index in indices:
            if not 0 <= index < len(self.rows):
                raise Fault("ROW_INVALID", f"row {index}: the row set has rows 0 to {len(self.rows) - 1}")
            if self.rows[index].facts.unusable:
                raise Fault("ROW_INVALID", f"row {index} cannot be scored: {self.rows[index].facts.unusable}")
        return indices


class Registry:
    """Handles are never used twice in one process."""

    def __init__(self) -> None:
        self._count = itertools.count(1)
        self._models: dict[str, HeldModel] = {}
        self._row_sets: dict[str, RowSet] = {}
        self._trainers: dict[str, Trainer] = {}

    def new_handle(self, kind: str) -> str:
        """A handle that this process has never given before: "model-1"."""
        return f"{kind}-{next(self._count)}"

    def add_model(self, model: HeldModel) -> None:
        """Keeps a model under its own handle."""
        self._models[model.handle] = model

    def model(self, handle: str) -> HeldModel:
        """The model of a handle. Raises UNKNOWN_HANDLE."""
        return self._models.get(handle) or _unknown("model", handle)

    def models(self) -> list[HeldModel]:
        """All of them, oldest first."""
        return list(self._models.values())

    def model_of(self, handle: str) -> str:
        """The handle of the model that a model, row set or trainer belongs to; empty for an unknown one."""
        if handle in self._models:
            return handle
        belonging = self._row_sets.get(handle) or self._trainers.get(handle)
        return "" if belonging is None else belonging.model_handle

    def drop_model(self, handle: str) -> None:
        """With its row sets and its trainer. An unknown handle is fine."""
        held = self._models.pop(handle, None)
        if held is not None and held.trainer is not None:
            self._trainers.pop(held.trainer, None)
        for name in [name for name, rows in self._row_sets.items() if rows.model_handle == handle]:
            del self._row_sets[name]

    def add_row_set(self, row_set: RowSet) -> str:
        """Keeps a row set; gives its handle."""
        handle = self.new_handle("rows")
        self._row_sets[handle] = row_set
        return handle

    def row_set(self, handle: str) -> RowSet:
        """The row set of a handle. Raises UNKNOWN_HANDLE."""
        return self._row_sets.get(handle) or _unknown("row set", handle)

    def pairs_of(self, model_handle: str) -> list[TokenPair]:
        """The shortest few pairs of a model's row sets."""
        shortest = heapq.nsmallest(
            3, self._rows_of(model_handle), key=lambda row: len(row.prefix) + len(row.chosen) + len(row.rejected)
        )
        return [row.pair() for row in shortest]

    def longest_of(self, model_handle: str) -> float:
        """Tokens of the longest sequence in a model's row sets; infinite where there is none."""
        lengths = (len(row.prefix) + max(len(row.chosen), len(row.rejected)) for row in self._rows_of(model_handle))
        return max(lengths, default=math.inf)

    def _rows_of(self, model_handle: str) -> list[TokenizedRow]:
        sets = [rows for rows in self._row_sets.values() if rows.model_handle == model_handle]
        return [each.rows[index] for each in sets for index in each.usable()]

    def add_trainer(self, model: HeldModel, trainer: Trainer) -> str:
        """Keeps a trainer and notes it on its model; gives its handle."""
        model.trainer = self.new_handle("trainer")
        self._trainers[model.trainer] = trainer
        return model.trainer

    def trainer(self, handle: str) -> Trainer:
        """The trainer of a handle. Raises UNKNOWN_HANDLE."""
        return self._trainers.get(handle) or _unknown("trainer", handle)

    def trainer_count(self) -> int:
        """Of all models."""
        return len(self._trainers)

    def drop_trainer(self, handle: str) -> None:
        """The policy stays on the model. An unknown handle is fine."""
        trainer = self._trainers.pop(handle, None)
        if trainer is not None:
            trainer.drop_step()
            self.model(trainer.model_handle).trainer = None


def _unknown(kind: str, handle: str):  # type: ignore[no-untyped-def]
    raise Fault(
        "UNKNOWN_HANDLE", f"no {kind} {handle!r} in this backend", "It was freed, or the backend was restarted."
    )
