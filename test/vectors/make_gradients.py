"""Writes gradients.json: losses and autograd gradients of whole objectives over random batches, in float64.

    python test/vectors/make_gradients.py            write gradients.json beside this file
    python test/vectors/make_gradients.py --check    fail if a fresh computation differs by more than 1e-10 relative

Every loss x pooling x weights x clip combination once, with variant, normalisation, beta and K varied along; every loss
x variant x normalisation among them. The formulas are plain_formulas.py, the derivatives autograd's.
"""

import argparse
import itertools
import json
import random
import sys
from pathlib import Path
from typing import Any

import torch
from plain_formulas import Batch, Objective, pair_losses

FILE = Path(__file__).with_name("gradients.json")
ROWS = 3
COUNTS = (1, 2, 3, 5)
BATCHES_PER_COUNT = 5
LOSSES = ("dpo", "multi-dpo", "mrpo", "forward-kl", "hypo", "alpha-dpo", "simpo")
POOLINGS: tuple[Any, ...] = ("harmonic", "geometric", "arithmetic", "min", "max", {"power": -3.0}, {"power": 0.5})
WEIGHTS: tuple[Any, ...] = (
    "uniform",
    "fixed",
    "arwc",
    "vdw",
    "vaw",
    "swcw",
    {"method": "swcw", "window": 2},
    "swcw-one-hot",
    {"method": "tsw", "prior": 5, "seed": 1},
)
CLIPS: tuple[Any, ...] = (
    {"mode": "off"},
    {"mode": "fixed", "epsilon": 0.05},
    {"mode": "adaptive", "epsilon_max": 0.1},
)
VARIANTS: tuple[Objective, ...] = (
    {},
    {"label_smoothing": 0.1},
    {"variant": "robust", "label_smoothing": 0.2},
    {"variant": "ipo"},
    {"variant": "hinge"},
)
UNITS = ("sum", "token", "byte")


def random_batch(rng: random.Random, count: int) -> Batch:
    """Pairs of 5 to 200 tokens under a policy and `count` references that are some 20 % apart."""
    lengths = [[rng.randrange(5, 200), rng.randrange(5, 200)] for _ in range(ROWS)]
    base = [[-n * rng.uniform(0.4, 1.6) for n in pair] for pair in lengths]
    near = [[[logp * rng.uniform(0.85, 1.18) for logp in pair] for pair in base] for _ in range(count + 1)]
    tokens = [[[max(1, round(n * rng.uniform(0.8, 1.3))) for n in pair] for pair in lengths] for _ in range(count + 1)]
    values = {
        "policy": near[0],
        "references": near[1:],
        "tokens": tokens,
        "bytes": [[n * rng.randrange(3, 6) for n in pair] for pair in lengths],
    }
    return {name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()}


def objectives() -> list[Objective]:
    """Settings of every case, before the number of references is known."""
    products = itertools.product(LOSSES, POOLINGS, WEIGHTS, CLIPS)
    multi = [entry for entry in products if entry[0] not in ("dpo", "simpo")]
    single = [(loss, "harmonic", "arwc", {"mode": "off"}) for loss in ("dpo", "simpo") for _ in range(15)]
    cases: list[Objective] = []
    for index, (loss, pooling, weights, clip) in enumerate([*multi, *single]):
        variant = VARIANTS[index % 5]
        unit = UNITS[index // 5 % 3]
        unusable = loss == "simpo" and variant.get("variant") == "ipo"
        cases.append(
            {
                "loss": loss,
                "pooling": pooling,
                "weights": weights,
                "clip": clip,
                "normalization": unit,
                "beta": (0.1, 0.3, 2.0)[index % 3] if unit == "sum" else (0.5, 2.5, 8.0)[index % 3],
                **({} if unusable else variant),
                **({"weights_on": UNITS[index // 7 % 3]} if index % 2 else {}),
            }
        )
    return cases


def complete(objective: Objective, index: int, count: int) -> Objective:
    """Settings that depend on the number of references."""
    if objective["weights"] == "fixed":
        parts = [1 + (index * (k + 3)) % 7 for k in range(count)]
        return {**objective, "weights": [part / sum(parts) for part in parts]}
    if isinstance(objective["weights"], dict) and objective["weights"]["method"] == "tsw":
        return {**objective, "chosen": index % count}
    return objective


def gradients(objective: Objective, batch: Batch, past: list[Batch]) -> dict[str, list[Any]]:
    """Losses (B) and dL/dlogp (B, 2) of a batch."""
    policy = batch["policy"].clone().requires_grad_()
    losses = pair_losses(objective, {**batch, "policy": policy}, past)
    losses.sum().backward()
    assert policy.grad is not None
    return {"losses": losses.tolist(), "gradients": policy.grad.tolist()}


def contents() -> dict[str, Any]:
    """Batches, and cases that name them by index: `past` are the steps (or validation pairs) seen before `batch`."""
    rng = random.Random(11)
    counts = [count for count in COUNTS for _ in range(BATCHES_PER_COUNT)]
    batches = [random_batch(rng, count) for count in counts]
    cases = []
    for index, entry in enumerate(objectives()):
        start = BATCHES_PER_COUNT * (index % len(COUNTS))
        objective = complete(entry, index, counts[start])
        order = [start + (index // len(COUNTS) + step) % BATCHES_PER_COUNT for step in range(3)]
        result = gradients(objective, batches[order[2]], [batches[order[0]], batches[order[1]]])
        cases.append({"objective": objective, "past": order[:2], "batch": order[2], **result})
    return {"batches": [{name: tensor.tolist() for name, tensor in batch.items()} for batch in batches], "cases": cases}


def same(left: Any, right: Any) -> bool:
    """Equal up to the last digits, which may differ between machines."""
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    return abs(left - right) <= 1e-10 * abs(right) if isinstance(left, float) else left == right


def main() -> int:
    parser = argparse.ArgumentParser(description="Autograd gradients of the preference losses.")
    parser.add_argument("--check", action="store_true", help="compare with the file instead of writing it")
    fresh = contents()
    if parser.parse_args().check:
        return 0 if same(json.loads(FILE.read_text(encoding="utf-8")), fresh) else 1
    lines = ",\n".join(json.dumps(case, separators=(",", ":"), allow_nan=False) for case in fresh["cases"])
    batches = ",\n".join(json.dumps(batch, separators=(",", ":")) for batch in fresh["batches"])
    FILE.write_text(f'{{"batches":[\n{batches}\n],"cases":[\n{lines}\n]}}\n', encoding="utf-8")
    print(f"{FILE}: {len(fresh['cases'])} cases of {ROWS} pairs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
