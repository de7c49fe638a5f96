"""How much memory there is, and how much of it a token of training costs.

The cost is measured on the loaded model and not read from a table: one short row runs forward and every tensor that
autograd keeps is counted.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

HEADROOM = 0.8
"""Share of the free memory that micro-batches may plan with; the rest is for fragments and workspaces."""


def free_bytes(device: torch.device) -> int:
    """Memory that can still be allocated on the device, blocks cached by torch included."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    limits = [_meminfo("MemAvailable")]
    limit, used = _read_int("/sys/fs/cgroup/memory.max"), _read_int("/sys/fs/cgroup/memory.current")
    if limit is not None and used is not None:
        limits.append(limit - used)
    return max(0, min(value for value in limits if value is not None))


def _meminfo(key: str) -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(key)), None)


def _read_int(path: str) -> int | None:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):
        return None


def saved_bytes(model: nn.Module, run: Callable[[], object]) -> int:
    """Bytes that autograd keeps for the backward pass of run(); the model's own weights do not count."""
    own = {storage_key(tensor) for tensor in (*model.parameters(), *model.buffers())}
    kept: list[torch.Tensor] = []  # alive until the end, so that no address is used twice

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        # Detached: a graph that holds its own output is a cycle that Python cannot see, and the model stays for ever.
        alias = tensor.detach()
        kept.append(alias)
        return alias

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = run()
    del result
    storages = {storage_key(tensor): tensor.untyped_storage().nbytes() for tensor in kept}
    return sum(size for key, size in storages.items() if key not in own)


def storage_key(tensor: torch.Tensor) -> int:
    """The same for tensors that share memory."""
    return tensor.untyped_storage().data_ptr()
