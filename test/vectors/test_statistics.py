"""statistics.json is what SciPy says today."""

import json
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import make_statistics  # noqa: E402


def flat(value: object) -> list[float]:
    if isinstance(value, dict):
        return [number for part in value.values() for number in flat(part)]
    if isinstance(value, list):
        return [number for part in value for number in flat(part)]
    return [float(value)]  # type: ignore[arg-type]


def test_the_golden_statistics_are_current() -> None:
    stored = json.loads((HERE / "statistics.json").read_text(encoding="utf-8"))
    assert flat(stored) == pytest.approx(flat(make_statistics.make()), rel=1e-9, abs=1e-12)
