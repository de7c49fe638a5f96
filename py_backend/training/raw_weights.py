"""The trained weights alone, as they lie in memory: what is kept when an export fails, and exported later.

weights.safetensors holds the trained parameters by name, policy.json the adapter's settings (lora null = all weights).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from ..faults import Fault
from ..models.load import Loaded
from ..models.weight_report import WeightReport
from .policy import LoraSpec, Policy, create_policy

WEIGHTS, SETTINGS = "weights.safetensors", "policy.json"


def write_raw(policy: Policy, folder: Path) -> None:
    """Writes weights and settings of a policy into a folder that exists."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in _trained(policy).items()}
    save_file(tensors, folder / WEIGHTS)
    settings = {"lora": None if policy.lora is None else asdict(policy.lora), "updates": policy.updates}
    (folder / SETTINGS).write_text(json.dumps(settings), encoding="utf-8")


def read_raw(loaded: Loaded, folder: Path) -> Policy:
    """Puts a policy with the kept weights on a model that has none. Raises MODEL_INVALID."""
    try:
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        lora = settings["lora"]
        spec = None if lora is None else LoraSpec(**{**lora, "target_modules": tuple(lora["target_modules"])})
        tensors = load_file(folder / WEIGHTS)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Fault("MODEL_INVALID", f"kept weights {folder}: {type(error).__name__}: {error}") from error
    policy = create_policy(loaded, spec, seed=0)
    policy.updates = settings["updates"]
    loaded.model = policy.model
    own = _trained(policy)
    report = WeightReport(
        missing={name: value.shape for name, value in own.items() if name not in tensors},
        unexpected={name: value.shape for name, value in tensors.items() if name not in own},
        resized={
            name: (value.shape, own[name].shape)
            for name, value in tensors.items()
            if name in own and own[name].shape != value.shape
        },
    )
    if str(report):
        raise Fault("MODEL_INVALID", f"kept weights {folder}: they do not fit the model: {report}")
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(tensors[name])
    return policy


def _trained(policy: Policy) -> dict[str, nn.Parameter]:
    return {name: value for name, value in policy.model.named_parameters() if value.requires_grad}
