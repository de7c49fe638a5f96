"""Pairs to put through whole objectives: worked examples, degenerate pairs, random ones under random settings."""

import random
from typing import Any

LOSSES = ("dpo", "multi-dpo", "mrpo", "forward-kl", "hypo", "alpha-dpo", "simpo")
CLIPS = (
    {"mode": "off"},
    {"mode": "fixed", "epsilon": 0.05},
    {"mode": "adaptive", "epsilon_max": 0.1},
    {"mode": "adaptive", "epsilon_max": 1.0},
)
POOLINGS = ("harmonic", "geometric", "arithmetic", "min", "max", {"power": -2.0}, {"power": 0.25}, {"power": 1e-9})
VARIANTS = (
    {},
    {"label_smoothing": 0.1},
    {"variant": "robust", "label_smoothing": 0.2},
    {"variant": "ipo"},
    {"variant": "hinge"},
)
UNITS = ("sum", "token", "byte")
RANDOM_PAIRS = 210

Input = dict[str, Any]


def worked_examples() -> list[Input]:
    """The five worked examples of arXiv 2405.16388 at beta = epsilon_max = 0.1."""
    pair = {"policy": [-100.0, -120.0], "tokens": [40, 50], "bytes": [170, 210]}
    objectives: tuple[dict[str, Any], ...] = (
        {"loss": "mrpo"},
        {"loss": "mrpo", "official_code": True},
        {"loss": "multi-dpo"},
        {"loss": "multi-dpo", "official_code": True},
        {"loss": "mrpo", "pooling": "geometric"},
    )
    two = ([[-105.0, -118.0], [-110.0, -119.0]], [[-105.0, -118.0], [-106.0, -116.0]])
    three = [[-105.0, -118.0], [-110.0, -119.0], [-90.0, -150.0]]
    return [
        *({**pair, "references": references, "objective": entry} for references in two for entry in objectives),
        *({**pair, "references": three, "objective": {"loss": loss}} for loss in LOSSES),
        {**pair, "references": three, "objective": {"loss": "mrpo", "pooling": "geometric"}},
    ]


def degenerate_pairs() -> list[Input]:
    """Certain responses, no differences, equal references, tiny and huge log-probs."""
    lengths = {"tokens": [12, 30], "bytes": [50, 120]}
    pairs = (
        {"policy": [0.0, 0.0], "references": [[0.0, 0.0], [0.0, 0.0]]},
        {"policy": [-1e5, -99990.0], "references": [[-1e5, -99995.0], [-1e5, -99999.0]]},
        {"policy": [-50.0, -60.0], "references": [[-50.0, -60.0]] * 4},
        {"policy": [-50.0, -60.0], "references": [[-55.0, -55.0], [-66.0, -66.0]]},
        {"policy": [-1e-9, -3e-9], "references": [[-2e-9, -1e-9], [-4e-9, -1e-8]]},
        {"policy": [-30.0, -9000.0], "references": [[-40.0, -100.0], [-1e5, -80.0]]},
    )
    objectives = [{"loss": loss} for loss in LOSSES] + [{"loss": "mrpo", "clip": {"mode": "off"}}]
    return [{**pair, **lengths, "objective": objective} for pair in pairs for objective in objectives]


def random_pairs(rng: random.Random) -> list[Input]:
    """Random pairs, each loss in turn under random settings."""
    return [random_pair(rng, LOSSES[index % len(LOSSES)], VARIANTS[index // 7 % 5]) for index in range(RANDOM_PAIRS)]


def random_pair(rng: random.Random, loss: str, variant: dict[str, Any]) -> Input:
    count = rng.choice((1, 2, 2, 3, 3, 4, 7))
    tokens = [rng.randrange(4, 300), rng.randrange(4, 300)]
    base = [-length * rng.uniform(0.3, 2.0) for length in tokens]
    shares = [rng.randrange(1, 20) / 32 for _ in range(count)]
    return {
        "policy": near(rng, base),
        "references": [near(rng, base) for _ in range(count)],
        "tokens": tokens,
        "bytes": [length * rng.randrange(3, 6) for length in tokens],
        "objective": {
            "loss": loss,
            "beta": rng.choice((0.1, 0.5, 2.0)),
            "clip": rng.choice(CLIPS),
            "pooling": rng.choice(POOLINGS),
            "weights": rng.choice(("arwc", "uniform", [share / sum(shares) for share in shares])),
            "normalization": rng.choice(UNITS),
            "weights_on": rng.choice(UNITS),
            **({} if loss == "simpo" and variant.get("variant") == "ipo" else variant),
        },
    }


def near(rng: random.Random, base: list[float]) -> list[float]:
    return [value * rng.uniform(0.8, 1.25) for value in base]
