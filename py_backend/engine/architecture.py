"""Finds the parts of a transformers causal language model: backbone, head, and what happens to logits after the head.

Works on plain models and on PEFT-wrapped ones (the adapter layers live inside the backbone, so that calling the
backbone runs them). What an architecture does to its logits is read from its configuration and is proved at load by
`self_check`; nothing here is trusted blindly.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from .errors import UnsupportedModel


@dataclass(frozen=True, slots=True)
class LogitRule:
    """logits = softcap * tanh(scale * (h W^T + b) / softcap), or scale * (h W^T + b) without a softcap."""

    scale: float = 1.0
    softcap: float | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """causal: the model with its own forward. backbone: tokens to hidden states. head: hidden states to logits."""

    causal: nn.Module
    backbone: nn.Module
    head: nn.Module
    rule: LogitRule


def find_parts(model: nn.Module) -> Parts:
    """Takes a model apart without changing it."""
    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    head = causal.get_output_embeddings() if hasattr(causal, "get_output_embeddings") else None
    names = (getattr(causal, "base_model_prefix", "") or "model", "model")  # Llama 4's prefix is that of a larger model
    backbone = next((found for name in names if (found := getattr(causal, name, None)) is not None), None)
    if head is None or not isinstance(backbone, nn.Module):
        raise UnsupportedModel(
            f"{type(causal).__name__}: expected a causal language model with a backbone and an output head, "
            f"got {'no head' if head is None else 'no backbone'}"
        )
    return Parts(causal=causal, backbone=backbone, head=head, rule=_logit_rule(causal.config))


def _logit_rule(config: object) -> LogitRule:
    """Cohere multiplies by logit_scale, Granite divides by logits_scaling, Falcon-H1 multiplies by lm_head_multiplier,
    Gemma 2 and 3 squash with final_logit_softcapping."""
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    scale = 1.0
    for name, power in (("logit_scale", 1), ("lm_head_multiplier", 1), ("logits_scaling", -1)):
        value = getattr(text, name, None)
        if value:
            scale *= float(value) ** power
    softcap = getattr(text, "final_logit_softcapping", None)
    return LogitRule(scale=scale, softcap=float(softcap) if softcap else None)


def device_of(model: nn.Module) -> torch.device:
    """Where the model's weights lie."""
    return next(model.parameters()).device


def widest(backbone: nn.Module) -> int:
    """Numbers a token has in the widest tensor of a layer."""
    sizes = [
        getattr(module, name, 0)
        for module in backbone.modules()
        for name in ("in_features", "out_features", "nf", "nx")
    ]
    return max((size for size in sizes if isinstance(size, int)), default=0)


def vocabulary(parts: Parts) -> int:
    """Rows of the table of embeddings."""
    return parts.causal.get_input_embeddings().weight.shape[0]
