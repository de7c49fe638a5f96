"""Metric names, as transformers' own integrations give them to each tracker.

So a run of mrpo and one of TRL lie over each other: `train/rewards/chosen` and `eval/rewards/chosen` in TensorBoard,
W&B and trackio, `rewards/chosen` and `eval_rewards/chosen` in MLflow.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

Line = Mapping[str, object]
"""A line of metrics.jsonl: `step`, `epoch` and measures; those of an evaluation begin with `eval_`."""


def step_of(line: Line) -> int:
    """Optimizer steps that were done when the line was written. Raises ValueError where it has none."""
    step = line["step"]
    if not isinstance(step, int):
        raise ValueError(f"metrics line: step is {step!r}, expected a whole number")
    return step


def is_evaluation(line: Line) -> bool:
    """Whether a line is that of an evaluation."""
    return any(name.startswith("eval_") for name in line)


def numbers(line: Line) -> dict[str, float]:
    """The measures that have a value, by TRL's names; JSON has no NaN, so what was not finite is left out."""
    return {
        name: float(value)
        for name, value in line.items()
        if name != "step" and isinstance(value, (int, float)) and math.isfinite(value)
    }


def in_groups(line: Line) -> dict[str, float]:
    """`eval_loss` becomes `eval/loss` and `loss` `train/loss`."""
    return {
        f"eval/{name[len('eval_') :]}" if name.startswith("eval_") else f"train/{name}": value
        for name, value in numbers(line).items()
    }


def plain(line: Line) -> dict[str, float]:
    """Names without what MLflow refuses."""
    return {re.sub(r"[^0-9A-Za-z_\-. :/]", "_", name): value for name, value in numbers(line).items()}


def flat(config: object, prefix: str = "") -> dict[str, object]:
    """Settings by dotted names: `policy.lora.r`, `references.0.model`."""
    if isinstance(config, Mapping):
        entries = [(str(key), value) for key, value in config.items()]
    elif isinstance(config, list) and any(isinstance(entry, (dict, list)) for entry in config):
        entries = [(str(index), value) for index, value in enumerate(config)]
    else:
        return {prefix[:-1]: config}
    return {name: value for key, member in entries for name, value in flat(member, f"{prefix}{key}.").items()}
