"""Rows of a hub dataset as JSON lines. Needs the optional package `datasets`."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from typing import Any

from .faults import Fault
from .models.hub import require_reachable_dataset

CHUNK_ROWS = 256
CHUNK_BYTES = 1 << 20


def read_dataset(
    name: str, split: str, revision: str, configuration: str, limit: int, give: Callable[[list[str]], None]
) -> None:
    """Calls `give` with chunks of rows. Raises UNSUPPORTED without the package, DATASET_NOT_FOUND."""
    try:
        import datasets
    except ImportError:
        raise Fault(
            "UNSUPPORTED",
            f"dataset {name}: hub datasets need the Python package datasets, which is not installed",
            f"Run `{sys.executable} -m pip install datasets`, or save the dataset as JSONL and name the file.",
        ) from None
    require_reachable_dataset(name, revision)
    try:
        rows = datasets.load_dataset(
            name, configuration or None, split=split or "train", revision=revision or None, streaming=True
        )
    except Exception as error:
        raise Fault("DATASET_NOT_FOUND", f"dataset {name}: it cannot be read: {one_line(error)}") from error
    chunk: list[str] = []
    size = 0
    for index, row in enumerate(rows):
        if 0 < limit <= index:
            break
        chunk.append(json.dumps(without_nan(with_names(rows.features, row)), ensure_ascii=False, default=str))
        size += len(chunk[-1])
        if len(chunk) >= CHUNK_ROWS or size >= CHUNK_BYTES:
            give(chunk)
            chunk, size = [], 0
    if chunk:
        give(chunk)


def with_names(feature: object, value: Any) -> Any:
    """A row with the names of its class labels: their numbers alone may say the opposite, since of chosen and rejected
    the chosen one is 0. feature: what `datasets` knows of the value, or None."""
    from datasets import ClassLabel

    if isinstance(feature, ClassLabel) and isinstance(value, int):
        return None if value < 0 else feature.int2str(value)
    if isinstance(feature, dict) and isinstance(value, dict):
        return {key: with_names(feature.get(key), part) for key, part in value.items()}
    inside = feature[0] if isinstance(feature, list) and feature else getattr(feature, "feature", None)
    if inside is None:
        return value
    if isinstance(value, dict) and isinstance(inside, dict):  # a list of structs that is kept as a struct of lists
        return {key: [with_names(inside.get(key), part) for part in parts] for key, parts in value.items()}
    return [with_names(inside, part) for part in value] if isinstance(value, list) else value


def one_line(error: Exception) -> str:
    """The whole message: the names of configurations and splits to choose from stand behind its first line."""
    return " ".join(str(error).split())[:500]


def without_nan(value: object) -> object:
    """JSON has no NaN and no infinity; a column that holds one, used or not, must not cost the row."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: without_nan(part) for key, part in value.items()}
    if isinstance(value, list):
        return [without_nan(part) for part in value]
    return value
