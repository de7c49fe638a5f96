"""Rows of hub datasets on their way to JSON lines. Reaching the hub itself is test_models' matter."""

from __future__ import annotations

import json

import pytest

from py_backend.hub_datasets import one_line, with_names, without_nan


def test_numbers_that_json_lacks_become_null_wherever_they_are() -> None:
    row = {"prompt": "p", "score": float("nan"), "more": [1.5, float("inf"), {"deep": float("-inf"), "n": 3}]}
    assert without_nan(row) == {"prompt": "p", "score": None, "more": [1.5, None, {"deep": None, "n": 3}]}
    assert "NaN" not in json.dumps(without_nan(row))


def test_the_configurations_to_choose_from_are_told() -> None:
    error = ValueError("Config name is missing.\nPlease pick one among the available configs: ['axis', 'comparisons']")
    assert one_line(error).endswith("configs: ['axis', 'comparisons']")


def test_class_labels_go_by_their_names() -> None:
    datasets = pytest.importorskip("datasets")
    label = datasets.ClassLabel(names=["chosen", "rejected"])
    features = datasets.Features(
        {"label": label, "many": datasets.Sequence(label), "in": {"label": label}, "n": datasets.Value("int64")}
    )
    row = {"label": 0, "many": [1, 0], "in": {"label": -1}, "n": 0, "unknown": 1}
    assert with_names(features, row) == {
        "label": "chosen",
        "many": ["rejected", "chosen"],
        "in": {"label": None},
        "n": 0,
        "unknown": 1,
    }
    assert with_names(None, row) == row
