"""How much memory there is and was used: of the GPU, or of the process and machine when there is none."""

from __future__ import annotations

import gc
import os

import torch

from .engine.memory import free_bytes
from .resident import peak_resident_bytes


def peak_memory_bytes(device: torch.device) -> int:
    """Since the start of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return peak_resident_bytes()


def device_memory(device: torch.device) -> tuple[int, int]:
    """(total, free) bytes."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return total, free
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), free_bytes(device)


def release_memory() -> None:
    """Gives what was freed back to the device."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
