"""One pair through a whole objective in 50 digits: every stage, and how much of each result cancellation can take.

Follows the order of arXiv 2405.16388: unit, epsilon (Eq. 9), clip (Eq. 8), weights (Eq. 10), pooling (Prop. 1),
margin and loss (Eq. 7 and 11). Uses only high_precision.py.
"""

from typing import Any

import high_precision as hp
from mpmath import mpf

Objective = dict[str, Any]
Pair = hp.Pair


def compose(given: dict[str, Any]) -> dict[str, Any]:
    """Expected stages of `given` (policy, references, tokens, bytes, objective) and their `cancellation`."""
    objective: Objective = given["objective"]
    loss, official = objective["loss"], objective.get("official_code", False)
    unit = loss_unit(objective)
    policy = in_unit(given, given["policy"], unit)
    references = [in_unit(given, pair, unit) for pair in given["references"]]
    compared = [in_unit(given, pair, objective.get("weights_on", unit)) for pair in given["references"]]

    epsilon = epsilon_of(objective, references)
    bounded = [bound(pair, references[0], epsilon) if k else pair for k, pair in enumerate(references)]
    weights = weights_of(objective, compared)
    virtual = bounded[0] if loss in ("dpo", "multi-dpo") else virtual_of(objective, bounded, weights, official)

    settings = {"beta": mpf(objective.get("beta", 0.1)), "gamma": mpf(objective.get("gamma", 0.5))}
    margin = hp.margin_of(loss, policy, virtual, settings)
    targets = bounded if loss == "multi-dpo" else [virtual]
    shares = weights if loss == "multi-dpo" else [mpf(1)]
    parts = [loss_parts(objective, policy, target, settings) for target in targets]
    value, slope, curvature = (sum(w * part[i] for w, part in zip(shares, parts, strict=True)) for i in range(3))
    lengths = lengths_of(given, unit)
    gradient = [slope * per_logp / length for per_logp, length in zip(margin[1:], lengths, strict=True)]

    free = loss == "simpo"
    expected = {
        "epsilon": [None, None] if epsilon is None else list(epsilon),
        "clipped": [] if free else bounded,
        "weights": [] if free else weights,
        "virtual": None if free else virtual,
        "margin": margin[0],
        "loss": value,
        "gradient": gradient,
    }
    size = max(margin_size(objective, policy, target, margin) for target in targets)
    smoothing = mpf(objective.get("label_smoothing", 0))
    cancellation = {
        "weights": [] if free else [weight_size(objective, compared)] * len(weights),
        "margin": size,
        # A loss with smoothing is itself a difference of terms of the size of the margin.
        "loss": abs(slope) * size + (1 + size if smoothing else 0),
        "gradient": [
            (curvature * size + (1 if smoothing else 0) + (abs(slope) * size if loss == "forward-kl" else 0))
            * abs(per_logp)
            / length
            for per_logp, length in zip(margin[1:], lengths, strict=True)
        ],
    }
    return {"expected": expected, "cancellation": cancellation}


def loss_unit(objective: Objective) -> str:
    """SimPO and AlphaDPO are per token by definition."""
    unit = objective.get("normalization", "sum")
    return "token" if objective["loss"] in ("simpo", "alpha-dpo") and unit == "sum" else unit


def lengths_of(given: dict[str, Any], unit: str) -> list[int]:
    return {"sum": [1, 1], "token": given["tokens"], "byte": given["bytes"]}[unit]


def in_unit(given: dict[str, Any], pair: list[float], unit: str) -> Pair:
    chosen, rejected = (mpf(logp) / length for logp, length in zip(pair, lengths_of(given, unit), strict=True))
    return chosen, rejected


def epsilon_of(objective: Objective, references: list[Pair]) -> Pair | None:
    """Half-widths of the trust region, or None without one."""
    clip = objective.get("clip", {"mode": "adaptive", "epsilon_max": 0.1})
    if objective["loss"] in ("dpo", "simpo") or clip["mode"] == "off":
        return None
    if clip["mode"] == "fixed":
        return mpf(clip["epsilon"]), mpf(clip["epsilon"])
    rule = hp.official_epsilon if objective.get("official_code") else hp.adaptive_epsilon
    return rule(references, mpf(clip["epsilon_max"]))


def bound(pair: Pair, first: Pair, epsilon: Pair | None) -> Pair:
    if epsilon is None:
        return pair
    return hp.clip(pair[0], first[0], epsilon[0]), hp.clip(pair[1], first[1], epsilon[1])


def weights_of(objective: Objective, compared: list[Pair]) -> list[mpf]:
    weights = objective.get("weights", "arwc")
    if objective["loss"] == "dpo":
        return [mpf(1)] + [mpf(0)] * (len(compared) - 1)
    if isinstance(weights, list):
        total = sum(mpf(weight) for weight in weights)
        return [mpf(weight) / total for weight in weights]
    if weights == "uniform":
        return [1 / mpf(len(compared))] * len(compared)
    return (hp.official_weights if objective.get("official_code") else hp.arwc)(compared)


def virtual_of(objective: Objective, bounded: list[Pair], weights: list[mpf], official: bool) -> Pair:
    pooling = "arithmetic" if objective["loss"] == "forward-kl" else objective.get("pooling", "harmonic")
    power = mpf(pooling["power"]) if isinstance(pooling, dict) else hp.POWERS[pooling]
    chosen, rejected = (
        hp.official_pool(side, weights) if official else hp.pool(side, weights, power)
        for side in ([pair[0] for pair in bounded], [pair[1] for pair in bounded])
    )
    return chosen, rejected


def loss_parts(objective: Objective, policy: Pair, target: Pair, settings: dict[str, mpf]) -> tuple[mpf, mpf, mpf]:
    """Loss and its two derivatives with respect to the margin, against one reference."""
    margin = hp.margin_of(objective["loss"], policy, target, settings)[0]
    smoothing = mpf(objective.get("label_smoothing", 0))
    return hp.link(objective.get("variant", "sigmoid"), margin, smoothing, settings["beta"])


def weight_size(objective: Objective, compared: list[Pair]) -> mpf:
    """Log-probs per token or byte are rounded before ARWC takes their differences, which may be far smaller."""
    rounded = objective.get("weights_on", loss_unit(objective)) != "sum" and objective.get("weights", "arwc") == "arwc"
    gaps = sum(abs(chosen - rejected) for chosen, rejected in compared)
    sizes = sum(abs(chosen) + abs(rejected) for chosen, rejected in compared)
    return sizes / gaps if rounded and gaps > 0 else mpf(0)


def margin_size(objective: Objective, policy: Pair, target: Pair, margin: tuple[mpf, mpf, mpf]) -> mpf:
    """Size of the numbers that the margin is a difference of."""
    if objective["loss"] != "forward-kl":
        return mpf(objective.get("beta", 0.1)) * sum(abs(logp) for logp in (*policy, *target))
    slopes = (abs(margin[1]), abs(margin[2]))
    return sum(slope * (1 + abs(policy[side]) + abs(target[side])) for side, slope in enumerate(slopes))
