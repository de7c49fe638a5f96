"""A row through a model, or through the part of it that makes hidden states."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from . import attention, last_layer
from .architecture import Parts
from .rows import Row


def run_backbone(parts: Parts, row: Row) -> torch.Tensor:
    """[1, T, D]: last hidden states of a row; only those that are scored are right."""
    with last_layer.only(row.distinct, row.input_ids.shape[1]):
        return run_model(parts.backbone, row).last_hidden_state


def run_model(module: nn.Module, row: Row, **more: object) -> Any:
    """What the module's own forward returns, without a cache. more: further arguments of it."""
    if row.spans is None:
        return module(input_ids=row.input_ids, use_cache=False, **more)
    # A 2D mask of ones keeps transformers from reading restarted positions as borders between packed documents.
    ones = torch.ones_like(row.input_ids)
    with attention.shared_row(row.spans):
        return module(
            input_ids=row.input_ids, position_ids=row.position_ids, attention_mask=ones, use_cache=False, **more
        )
