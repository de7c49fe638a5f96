"""What the engine raises on purpose."""

from __future__ import annotations

import torch


class EngineError(Exception):
    """Base of the engine's own errors."""


class OutOfMemory(EngineError):
    """The device or the machine has no room for this call. Nothing of it is kept: send fewer pairs."""


class UnsupportedModel(EngineError):
    """The model cannot be run by the engine at all (no causal language-model head, no backbone)."""


_NO_ROOM = ("can't allocate memory", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC")
"""What libraries below torch say, which raise no error of its own for it."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is no room, on the device or on the machine."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError, OutOfMemory)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_ROOM)


def is_device_lost(error: BaseException | None) -> bool:
    """Whether the device has failed for good in this process: once a kernel has read where it must not, every
    later call fails too."""
    while error is not None:
        if isinstance(error, torch.AcceleratorError) and not is_out_of_memory(error):
            return True
        error = error.__cause__
    return False
