"""Small host tensors to the device in one copy that nobody waits for."""

from __future__ import annotations

from collections.abc import Sequence

import torch


def to_device(parts: Sequence[torch.Tensor], device: torch.device) -> list[torch.Tensor]:
    """Host tensors of one dtype, on the device. To a GPU they travel together, from memory that cannot be paged out:
    pageable memory would make the host wait, and each copy costs a call."""
    if device.type == "cpu":
        return list(parts)
    together = pinned(torch.cat([part.reshape(-1) for part in parts]))
    moved = together.to(device, non_blocking=True).split([part.numel() for part in parts])
    return [there.view(part.shape) for there, part in zip(moved, parts, strict=True)]


def pinned(tensor: torch.Tensor) -> torch.Tensor:
    """A copy in memory that cannot be paged out."""
    return tensor.pin_memory()
