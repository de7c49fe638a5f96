"""A half-precision format on a processor that has no units for it is told to be slower, and only there."""

from __future__ import annotations

import pytest
import torch

from py_backend.models import load
from py_backend.models.spec import ModelSpec

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


@pytest.mark.parametrize(
    ("dtype", "device", "units", "told"),
    [
        ("bfloat16", CPU, False, True),
        ("bfloat16", CPU, True, False),
        ("float16", CPU, True, True),
        ("", CPU, False, False),
        ("float32", CPU, False, False),
        ("bfloat16", GPU, False, False),
    ],
)
def test_slower_formats_are_told(
    dtype: str, device: torch.device, units: bool, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "has_units", lambda: units)
    notes = load.notes_on_speed(ModelSpec("m", dtype=dtype), device)
    assert [f"dtype {dtype} is slower than float32" in note for note in notes] == [True] * told
