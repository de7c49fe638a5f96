"""bitsandbytes' paged 8-bit AdamW, which waits once a step and gives its memory to the next trainer.

Its own waits for the device after every weight, and leaves what it paged in a list for as long as the process lives;
the driver's managed memory is never freed either, so that every trainer of a full fine-tuning would cost 2 bytes a
weight anew. Paged are matrices of 100,000 numbers and more. Smaller ones stay on the device: an adapter's matrices,
whose moments take 2 bytes a number in all, far less than what paging them one by one would cost.

It imports bitsandbytes, which takes a second: import it where it is needed.
"""

from __future__ import annotations

import weakref
from collections import defaultdict

import bitsandbytes.functional as managed
import torch
from bitsandbytes.optim import PagedAdamW8bit
from bitsandbytes.utils import sync_gpu

_free: dict[tuple[torch.Size, torch.dtype, torch.device], list[torch.Tensor]] = defaultdict(list)
"""Managed buffers that no optimizer holds."""
PAGED_FROM = 100_000
"""Numbers of a matrix whose moments are paged; bitsandbytes' own limit."""


class PagedAdamW(PagedAdamW8bit):
    """State of a large matrix lies in managed memory: to torch a tensor of the CPU, so the device must be done with it
    when a step ends."""

    def get_state_buffer(self, p: torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """Zeros in the shape of p, paged where p is large and on a GPU."""
        if p.device.type == "cpu" or p.numel() < PAGED_FROM:
            return super().get_state_buffer(p, dtype)
        key = (p.shape, dtype, p.device)
        buffer = _free[key].pop() if _free[key] else managed.get_paged(*p.shape, dtype=dtype, device=p.device)
        managed.fill(buffer, 0)
        weakref.finalize(self, _free[key].append, buffer)
        return buffer

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """One update with the gradients as they are; waits for the device at its end."""
        if not self.initialized:
            self.check_overrides()
            self.to_gpu()
            self.initialized = True
        p = None
        for group_index, group in enumerate(self.param_groups):
            for index, p in enumerate(group["params"]):
                if p.grad is not None:
                    self.prefetch_state(p)
                    self.update_step(group, p, group_index, index)
        if p is not None:
            sync_gpu(p)
