"""What is asked of an evaluation, and what it gives: plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class TaskChoice:
    """name: of a task or group of the harness, or the path of a task file or of a folder of them.
    num_fewshot: examples before each question; None = what the task itself says."""

    name: str
    num_fewshot: int | None = None


BATCH_SIZE = 8
"""Requests at once, where nothing else is asked."""


@dataclass(frozen=True, slots=True)
class EvaluationSpec:
    """limit: documents of each task from its start, 0 = all. data_folder: where datasets of the hub lie as folders, by
    their names (ORG/NAME); empty = from the hub or its cache."""

    tasks: tuple[TaskChoice, ...]
    batch_size: int = BATCH_SIZE
    limit: int = 0
    data_folder: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """name, filter: as the harness writes them: "exact_match", "strict-match". standard_error: NaN = not known."""

    name: str
    filter: str
    value: float
    standard_error: float


@dataclass(frozen=True, slots=True)
class TaskScore:
    """content: SHA-256 of every prompt and target in order, so that equal scores can be known to be of equal questions;
    empty for a group, whose parts have it. documents: those that were asked. parts: tasks of a group. source: the name
    that was asked for."""

    task: str
    version: str
    num_fewshot: int
    documents: int
    content: str
    metrics: tuple[Metric, ...]
    parts: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class TaskDocuments:
    """Results per document: JSON-ready objects with doc_id, filter, metrics, and hashes of document, prompt, target."""

    task: str
    documents: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Evaluated:
    """settings: what else decided the numbers: version of the harness, batch size, number format, BOS."""

    scores: tuple[TaskScore, ...]
    settings: dict[str, str]
