"""A start adapter and the adapter that was trained on top of it, as one PEFT adapter on the original base.

Low ranks add up exactly: s1 B1 A1 + s2 B2 A2 = [s1 B1, s2 B2] [A1; A2]. With a DoRA start, whose rows are scaled by
g = m / |W + s1 B1 A1|, what runs is g (W + s1 B1 A1) + s2 B2 A2 = g (W + V) with V = s1 B1 A1 + s2 B2 A2 / g, which is
the DoRA of V with magnitude g |W + V|. Scales go into B, so that every module has scale 1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from ..models.start_adapter import PREFIX, START, StartAdapter, carries, lora_layers

if TYPE_CHECKING:
    from peft import LoraConfig
    from peft.tuners.lora.layer import LoraLayer


@dataclass(slots=True)
class Factors:
    """A [r, I], B [O, r] with the scale in it, bias [O] or None."""

    A: torch.Tensor
    B: torch.Tensor
    bias: torch.Tensor | None = None


@torch.no_grad()
def combine(model: nn.Module, start: StartAdapter, policy: str) -> tuple[LoraConfig, dict[str, torch.Tensor]]:
    """Configuration and tensors of a PEFT folder. policy: name of the trained adapter."""
    from peft import LoraConfig

    layers = {
        name: layer for name, layer in lora_layers(model).items() if carries(layer, START) or carries(layer, policy)
    }
    ranks: dict[str, int] = {}
    tensors: dict[str, torch.Tensor] = {}
    for name, layer in layers.items():
        parts = [_factors(layer, adapter) for adapter in (START, policy) if carries(layer, adapter)]
        if start.use_dora:
            parts, magnitude = _with_magnitude(layer, parts, policy)
            tensors[f"{name}.lora_magnitude_vector"] = magnitude
        A, B = torch.cat([part.A for part in parts]), torch.cat([part.B for part in parts], dim=1)
        ranks[name] = len(A)
        if _is_embedding(layer):
            tensors |= {f"{name}.lora_embedding_A": A, f"{name}.lora_embedding_B": B}
            continue
        tensors |= {f"{name}.lora_A.weight": A, f"{name}.lora_B.weight": B}
        if start.lora_bias:
            biases = [part.bias for part in parts if part.bias is not None]
            tensors[f"{name}.lora_B.bias"] = sum(biases) if biases else A.new_zeros(len(B))
    replaced = start.replacements
    tensors |= replaced.file_tensors(set(layers))
    usual = max(ranks.values(), key=list(ranks.values()).count)
    others = {f"^{re.escape(name)}$": rank for name, rank in ranks.items() if rank != usual}
    config = LoraConfig(
        r=usual,
        lora_alpha=usual,
        rank_pattern=others,
        alpha_pattern=dict(others),
        target_modules=_short_names(model, set(layers)),
        modules_to_save=list(replaced.modules) or None,
        trainable_token_indices=replaced.token_indices,
        bias=replaced.bias,
        use_dora=start.use_dora,
        lora_bias=start.lora_bias,
        fan_in_fan_out=any(getattr(layer, "fan_in_fan_out", False) for layer in layers.values()),
        task_type="CAUSAL_LM",
        inference_mode=True,
    )
    return config, {f"{PREFIX}{name}": tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}


def _short_names(model: nn.Module, targets: set[str]) -> list[str]:
    """Last parts of names where these mean no other module too, and whole names for the rest."""
    every = [name.removeprefix(PREFIX) for name, _ in model.named_modules()]
    ends = {name.rpartition(".")[2] for name in targets}
    clear = {end for end in ends if all(name in targets for name in every if f".{name}".endswith(f".{end}"))}
    return sorted(clear | {name for name in targets if name.rpartition(".")[2] not in clear})


def _is_embedding(layer: LoraLayer) -> bool:
    return isinstance(layer.get_base_layer(), nn.Embedding)


def _factors(layer: LoraLayer, adapter: str) -> Factors:
    scale = layer.scaling[adapter]
    if _is_embedding(layer):
        return Factors(layer.lora_embedding_A[adapter], layer.lora_embedding_B[adapter] * scale)
    lora_B = layer.lora_B[adapter]
    bias = None if lora_B.bias is None else lora_B.bias * scale
    return Factors(layer.lora_A[adapter].weight, lora_B.weight * scale, bias)


def _with_magnitude(layer: LoraLayer, parts: list[Factors], policy: str) -> tuple[list[Factors], torch.Tensor]:
    """The parts with the trained one divided by the start's scale of rows, and the magnitude of their DoRA [O]."""
    W = _matrix(layer, parts[0].A.dtype)
    gain = W.new_ones(len(W))
    if carries(layer, START):
        gain = layer.lora_magnitude_vector[START].weight / (W + parts[0].B @ parts[0].A).norm(dim=1)
    if carries(layer, policy):
        trained = parts[-1]
        parts = [*parts[:-1], Factors(trained.A, trained.B / gain[:, None])]
    total = sum(part.B @ part.A for part in parts)
    return parts, gain * (W + total).norm(dim=1)


def _matrix(layer: LoraLayer, dtype: torch.dtype) -> torch.Tensor:
    """[O, I] in the adapter's dtype: of an embedding, O is the width and I the vocabulary."""
    from peft.utils.integrations import dequantize_module_weight

    weight = dequantize_module_weight(layer.get_base_layer()).detach().to(dtype)
    return weight.t() if _is_embedding(layer) or getattr(layer, "fan_in_fan_out", False) else weight
