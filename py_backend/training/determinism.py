"""Kernels that give the same bits again.

On a GPU the backward pass of attention, and sums by index, add up in whatever order their blocks end. PyTorch has other
kernels for them, and a switch for the whole process: here it is on for one pass of one policy, which the device thread
runs alone. A CPU's kernels are of this kind anyway, and so are those of Liger and bitsandbytes that are used here: they
are beyond the switch, and add up in a fixed order.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..faults import Fault

_REFUSED = "does not have a deterministic implementation"
"""What PyTorch says of an operation without such a kernel."""
_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
"""What it names when products may share a workspace; py_backend sets it, unless somebody else has."""


@contextmanager
def deterministic_algorithms() -> Iterator[None]:
    """Raises UNSUPPORTED where an operation has no such kernel, rather than go on without."""
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    filling = torch.utils.deterministic.fill_uninitialized_memory
    torch.utils.deterministic.fill_uninitialized_memory = False  # a pass over each new tensor, and nothing reads it
    torch.use_deterministic_algorithms(True)
    try:
        yield
    except RuntimeError as error:
        if _WORKSPACE in str(error):
            raise Fault(
                "UNSUPPORTED",
                f"training.deterministic: got {_WORKSPACE}={os.environ.get(_WORKSPACE)}, expected :4096:8 or :16:8",
                f"Unset {_WORKSPACE}, or start the backend with one of these.",
            ) from None
        if _REFUSED not in str(error):
            raise
        operation = str(error).partition(_REFUSED)[0].strip()
        raise Fault(
            "UNSUPPORTED",
            f"training.deterministic: {operation} of this model cannot be repeated bit for bit on this device",
            "Leave training.deterministic out.",
        ) from None
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        torch.utils.deterministic.fill_uninitialized_memory = filling
