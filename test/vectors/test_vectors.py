"""The golden files, seen from Python: they are current, and float64 PyTorch arrives at the same numbers.

The mpmath scripts, these plain PyTorch formulas and the TypeScript share no code: three ways to the same numbers.
"""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import plain_formulas as plain  # noqa: E402

CASES: list[dict[str, Any]] = json.loads((HERE / "vectors.json").read_text(encoding="utf-8"))
EPSILON = sys.float_info.epsilon


def of(*operations: str) -> list[Any]:
    return [pytest.param(case, id=case["id"]) for case in CASES if case["op"] in operations]


def column(values: list[float]) -> torch.Tensor:
    """K numbers as a (K, B = 1, 2) table with equal sides."""
    return torch.tensor(values, dtype=torch.float64)[:, None, None].expand(-1, 1, 2)


def references(case: dict[str, Any]) -> torch.Tensor:
    return torch.tensor(case["input"]["references"], dtype=torch.float64)[:, None]


def close(actual: float, expected: float, relative: float = 1e-12, absolute: float = 5e-324) -> bool:
    return math.isclose(actual, expected, rel_tol=relative, abs_tol=absolute)


@pytest.mark.parametrize("script", ["make_vectors.py", "make_gradients.py"])
def test_file_is_what_its_script_writes(script: str) -> None:
    assert subprocess.run([sys.executable, HERE / script, "--check"], check=False).returncode == 0


def test_there_are_at_least_200_cases_and_the_worked_examples_are_among_them() -> None:
    assert len(CASES) >= 200
    worked = [case for case in CASES if case["op"] == "pair" and case["input"]["policy"] == [-100.0, -120.0]]
    margins = {round(case["expected"]["margin"], 6) for case in worked}
    assert {1.057804, 1.077226, 0.802946, 0.834949, 0.314544, 0.86341, 0.830435, -0.081671} <= margins


@pytest.mark.parametrize("case", of("epsilon"))
def test_epsilon(case: dict[str, Any]) -> None:
    epsilon = plain.adaptive_epsilon(references(case), case["input"]["epsilonMax"])[0]
    assert all(close(float(a), b) for a, b in zip(epsilon, case["expected"], strict=True))
    assert close(sum(case["expected"]), case["input"]["epsilonMax"])


@pytest.mark.parametrize("case", of("arwc", "official-weights"))
def test_weights(case: dict[str, Any]) -> None:
    rule = plain.arwc if case["op"] == "arwc" else plain.official_weights
    weights = rule(references(case))[:, 0]
    assert all(close(float(a), b, absolute=4 * EPSILON) for a, b in zip(weights, case["expected"], strict=True))
    assert close(sum(case["expected"]), 1)


@pytest.mark.parametrize("case", of("clip"))
def test_clip(case: dict[str, Any]) -> None:
    given = case["input"]
    table = column([given["first"], given["logp"]])
    clipped = plain.clip_references(table, {"mode": "fixed", "epsilon": given["epsilon"]})
    assert close(float(clipped[1, 0, 0]), case["expected"])


@pytest.mark.parametrize("case", of("pool", "official-pool"))
def test_pooling(case: dict[str, Any]) -> None:
    logps, weights = (
        column(case["input"]["logps"]),
        torch.tensor(case["input"]["weights"], dtype=torch.float64)[:, None],
    )
    power = float(case["input"].get("power", -1))
    official = case["op"] == "official-pool"
    pooled = plain.official_pool(logps, weights) if official else plain.pool(logps, weights, power)
    # The printed form adds numbers as large as its largest exponent, and divides what it loses there by the power.
    largest = max([1.0, *(abs(power * logp) for logp in case["input"]["logps"] if math.isfinite(power))])
    loss = 8 * EPSILON * largest / abs(power) if power else 0
    assert close(float(pooled[0, 0]), case["expected"], absolute=max(loss, 5e-324))


@pytest.mark.parametrize("case", of("link"))
def test_link(case: dict[str, Any]) -> None:
    given = case["input"]
    margin = torch.tensor(given["margin"], dtype=torch.float64, requires_grad=True)
    objective = {"variant": given["variant"], "label_smoothing": given["smoothing"], "beta": given["beta"]}
    loss = plain.link(objective, margin)
    loss.backward()
    assert margin.grad is not None
    sizes = case["cancellation"]
    assert close(loss.item(), case["expected"][0], absolute=16 * EPSILON * sizes[0])
    assert close(margin.grad.item(), case["expected"][1], absolute=16 * EPSILON * sizes[1])


@pytest.mark.parametrize("case", of("pair"))
def test_pair(case: dict[str, Any]) -> None:
    """Loss by the plain formula, gradient by autograd."""
    given, expected, size = case["input"], case["expected"], case["cancellation"]
    count = len(given["references"])
    batch = {
        "policy": torch.tensor([given["policy"]], dtype=torch.float64, requires_grad=True),
        "references": torch.tensor(given["references"], dtype=torch.float64)[:, None],
        "tokens": torch.tensor(given["tokens"], dtype=torch.float64).expand(count + 1, 1, 2),
        "bytes": torch.tensor([given["bytes"]], dtype=torch.float64),
    }
    loss = plain.pair_losses(given["objective"], batch, [])
    loss.sum().backward()
    gradient = batch["policy"].grad
    assert gradient is not None
    # A power mean with exponent 1e-9 has seven digits in the printed form: its pairs are held to those.
    pooling = given["objective"].get("pooling")
    loose = 1e-6 if isinstance(pooling, dict) and abs(pooling["power"]) < 1e-6 else 0
    assert close(loss.item(), expected["loss"], relative=1e-11 + loose, absolute=64 * EPSILON * size["loss"] + loose)
    for side in (0, 1):
        allowed = 64 * EPSILON * size["gradient"][side] + loose * 1e-1
        assert close(gradient[0, side].item(), expected["gradient"][side], relative=1e-11 + loose, absolute=allowed)
