"""MRPO at any K in vectorised NumPy, timed: value, gradient and the metrics that bench/math.ts computes.

    python bench/math_numpy.py COLUMNS.f64 K ROUNDS

COLUMNS.f64 holds, for the policy and each reference, chosen and rejected log-probs and chosen and rejected token
counts, as raw doubles. Prints one JSON object. Plain formulas, no attention to extreme inputs.
"""

import json
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
BETA = 0.1
EPSILON_MAX = 0.1


def mrpo(policy: Array, references: Array) -> dict[str, Array]:
    """policy (2, B), references (K, 2, B): loss and gradient of every pair, and what the metrics need."""
    assert np.isfinite(policy).all() and (policy <= 0).all()
    assert np.isfinite(references).all() and (references <= 0).all()
    size = np.abs(references.sum(0))
    epsilon = EPSILON_MAX * size / size.sum(0)
    gaps = np.abs(references[:, 0] - references[:, 1])
    weights = gaps / gaps.sum(0)
    bounded = references.copy()
    np.clip(references[1:], (1 + epsilon) * references[0], (1 - epsilon) * references[0], out=bounded[1:])
    terms = np.log(weights)[:, None] - bounded
    largest = terms.max(0)
    virtual = -(largest + np.log(np.exp(terms - largest).sum(0)))
    rewards = BETA * (policy - virtual)
    margins = rewards[0] - rewards[1]
    small = np.exp(-np.abs(margins))
    return {
        "losses": np.maximum(-margins, 0) + np.log1p(small),
        "gradient": -BETA * np.where(margins >= 0, small, 1) / (1 + small),
        "rewards": rewards,
        "weights": weights,
        "bounded": bounded,
        "clipped": bounded != references,
    }


def metrics(policy: Array, references: Array, tokens: Array, result: dict[str, Array]) -> dict[str, Any]:
    """Means and shares over the pairs."""
    rewards, (chosen, rejected) = result["rewards"], policy
    signs = np.sign(references[:, 0] - references[:, 1])
    least = result["bounded"].argmin(0)
    return {
        "loss": result["losses"].mean(),
        "rewards": rewards.mean(1),
        "accuracy": (rewards[0] > rewards[1]).mean(),
        "logps": policy.mean(1),
        "reference_free": (chosen / tokens[0] > rejected / tokens[1]).mean(),
        "longer": (tokens[0] > tokens[1]).mean(),
        "ref1": (chosen - references[0, 0] > rejected - references[0, 1]).mean(),
        "disagreement": ((signs.max(0) > 0) & (signs.min(0) < 0)).mean(),
        "right": (references[:, 0] > references[:, 1]).mean(1),
        "weights": result["weights"].mean(1),
        "clipped": result["clipped"].mean((1, 2)),
        "dominance": [(least == k).mean() for k in range(len(references))],
    }


def main() -> None:
    file, count, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    columns = np.fromfile(file).reshape(count + 1, 4, -1)
    policy, references, tokens = columns[0, :2], columns[1:, :2].copy(), columns[0, 2:]
    timings = []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        result = mrpo(policy, references)
        found = metrics(policy, references, tokens, result)
        timings.append({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu})
    summary = {"loss": float(found["loss"]), "gradient": float(result["gradient"].mean())}
    print(json.dumps({"rounds": timings, **summary, "numpy": np.__version__}))


if __name__ == "__main__":
    main()
