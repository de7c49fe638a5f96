"""Kernels that give the same bits again.

On a GPU the backward pass of attention, and sums by index, add up in whatever order their blocks end. PyTorch has other
kernels for them, and a switch for the whole process: here it is on for one pass of one trainer, which the device thread
runs alone. A CPU's kernels are of this kind anyway.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..faults import Fault

_REFUSED = "does not have a deterministic implementation"
"""What PyTorch says of an operation without such a kernel."""


@contextmanager
def deterministic_algorithms() -> Iterator[None]:
    """Raises UNSUPPORTED where an operation has no such kernel, rather than go on without."""
    before = torch.are_deterministic_algorithms_enabled(), torch.utils.deterministic.fill_uninitialized_memory
    torch.utils.deterministic.fill_uninitialized_memory = False  # a pass over each new tensor, and nothing reads it
    torch.use_deterministic_algorithms(True)
    try:
        yield
    except RuntimeError as error:
        if _REFUSED not in str(error):
            raise
        operation = str(error).partition(_REFUSED)[0].strip()
        raise Fault(
            "UNSUPPORTED",
            f"training.deterministic: {operation} of this model cannot be repeated bit for bit on this device",
            "Leave training.deterministic out.",
        ) from None
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.utils.deterministic.fill_uninitialized_memory = before[1]
