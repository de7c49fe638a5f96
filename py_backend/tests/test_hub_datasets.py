"""Rows of hub datasets on their way to JSON lines. Reaching the hub itself is test_models' matter."""

from __future__ import annotations

import json

from py_backend.hub_datasets import without_nan


def test_numbers_that_json_lacks_become_null_wherever_they_are() -> None:
    row = {"prompt": "p", "score": float("nan"), "more": [1.5, float("inf"), {"deep": float("-inf"), "n": 3}]}
    assert without_nan(row) == {"prompt": "p", "score": None, "more": [1.5, None, {"deep": None, "n": 3}]}
    assert "NaN" not in json.dumps(without_nan(row))
