"""How much memory there is and was used: of the GPU, or of the process and machine when there is none."""

from __future__ import annotations

import os
import resource
import sys

import torch


def peak_memory_bytes(device: torch.device) -> int:
    """Since the start of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def device_memory(device: torch.device) -> tuple[int, int]:
    """(total, free) bytes."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return total, free
    page = os.sysconf("SC_PAGE_SIZE")
    return page * os.sysconf("SC_PHYS_PAGES"), _available(page)


def _available(page: int) -> int:
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file)
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return page * os.sysconf("SC_AVPHYS_PAGES")
