"""Rotary positions that depend on the longest sequence of a row: "longrope" (Phi-3) and "dynamic".

Past a length that the model names, their frequencies are other ones, for all of a row at once; "dynamic" ones also keep
those of the longest row so far. A response must not be read by the frequencies of its neighbours, so beyond this length
each response is a row of its own, and every row begins as the first one did.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from .pairs import TokenPair


@dataclass(frozen=True, slots=True)
class TurningPositions:
    """limit: tokens of a sequence up to which the frequencies stay. rotary: modules that keep those of a row."""

    limit: int
    rotary: tuple[nn.Module, ...]

    def turn_in(self, pair: TokenPair) -> bool:
        """Whether one of its sequences is longer than the limit."""
        return len(pair.prefix) + max(len(pair.chosen), len(pair.rejected)) > self.limit

    def reset(self) -> None:
        """Back to the frequencies of short sequences."""
        for module in self.rotary:
            for prefix, original in _originals(module):
                module.register_buffer(f"{prefix}inv_freq", original, persistent=False)
                if hasattr(module, f"{prefix}max_seq_len_cached"):
                    setattr(module, f"{prefix}max_seq_len_cached", module.original_max_seq_len)


def turning_positions(backbone: nn.Module) -> TurningPositions | None:
    """None for models whose frequencies never change."""
    limits = list(_limits(getattr(backbone, "config", None)))
    if not limits:
        return None
    return TurningPositions(min(limits), tuple(module for module in backbone.modules() if any(_originals(module))))


def _limits(config: object) -> Iterator[int]:
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    rope = getattr(text, "rope_parameters", None) or {}
    # Models whose layers differ hold one set of parameters a kind of layer.
    kinds = [rope] if "rope_type" in rope else [kind for kind in rope.values() if isinstance(kind, dict)]
    for kind in kinds:
        if kind.get("rope_type") == "longrope":
            yield kind["original_max_position_embeddings"]
        elif "dynamic" in kind.get("rope_type", ""):
            yield text.max_position_embeddings


def _originals(module: nn.Module) -> list[tuple[str, torch.Tensor]]:
    """The frequencies that a rotary module began with, and the prefix under which it keeps them."""
    end = "original_inv_freq"
    return [
        (name.removesuffix(end), buffer)
        for name, buffer in module.named_buffers(recurse=False)
        if name.endswith(end) and hasattr(module, "original_max_seq_len")
    ]
