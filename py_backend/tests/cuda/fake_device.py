"""A GPU that is not there: the project's real code on fake tensors of device `cuda:0`.

torch's FakeTensorMode runs every operation without values: each result has the device, dtype, shape and storage that
it would have, and mixing devices, dtypes or shapes that do not fit raises as it does on a GPU. So what is shown is
real: which kernels are called, how many, on which device, in which dtype; which bytes are alive at which time; which
copies go between host and device; and where the host would wait, because reading a value of a fake tensor raises. What
cannot be shown: values, what a kernel itself refuses (head sizes, alignment), time, and the allocator's rounding.

A few lines read values on purpose. They are replaced here, one by one, and counted in `reads`: with the copies to the
host that a `Meter` finds, they are all the points at which a step waits for the device.
"""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily

from py_backend import generation
from py_backend.engine import kernels, memory, pair_dropout, self_check, staging, varlen, visibility
from py_backend.engine.fused import install as _fused  # noqa: F401 - the module is looked up below
from py_backend.training import gradients, trainer

from . import guard

DEVICE = torch.device("cuda", 0)
GB = 10**9


class FakeGpu:
    """capability: compute capability, (9, 0) = H100. free, total: bytes. reads: values read on the host, by place."""

    def __init__(self) -> None:
        self.capability = (9, 0)
        self.name = "NVIDIA H100 80GB HBM3"
        self.free, self.total = 70 * GB, 80 * GB
        self.reads: Counter[str] = Counter()


gpu = FakeGpu()


def install() -> None:
    """Once a process, before anything runs on the device."""
    guard.install()
    for name, value in _torch_cuda().items():
        setattr(torch.cuda, name, value)
    visibility._recognise = _with_values(visibility._recognise)  # arithmetic on small host tensors
    self_check.relative = kernels.relative = _read("self-check", self_check.relative, 0.0)
    gradients._finite = _read("float16: whether a backward overflowed", gradients._finite, True)
    trainer.gradient_norm = _read("norm of the gradients", trainer.gradient_norm, 1.0)
    FakeTensor.tolist = _as_list
    staging.pinned = lambda tensor: tensor
    generation.generator_on = pair_dropout.generator_on = lambda _device: torch.Generator()
    memory.storage_key = lambda tensor: tensor.untyped_storage()._cdata
    varlen._flash.cache_clear()
    _probe_of_norms()


def _torch_cuda() -> dict[str, Any]:
    return {
        "is_available": lambda: False,  # else torch's own code would call a driver
        "_lazy_init": lambda: None,
        "is_initialized": lambda: True,
        "current_device": lambda: 0,
        "device": lambda _device: contextlib.nullcontext(),
        "get_device_capability": lambda _device=None: gpu.capability,
        "get_device_name": lambda _device=None: gpu.name,
        "mem_get_info": lambda _device=None: (gpu.free, gpu.total),
        **dict.fromkeys(("memory_reserved", "memory_allocated", "max_memory_allocated"), lambda _device=None: 0),
        "get_rng_state": lambda device=None: torch.zeros(16, dtype=torch.uint8),
        "set_rng_state": lambda state, device=None: None,
        "manual_seed_all": lambda seed: None,
    }


def _count(place: str) -> None:
    gpu.reads[place] += 1


def _as_list(tensor: torch.Tensor) -> list[Any]:
    _count("log-probs" if tensor.is_floating_point() else "written tokens")
    return np.zeros(tensor.shape, dtype=float if tensor.is_floating_point() else int).tolist()


def _with_values(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        with unset_fake_temporarily():
            return function(*args, **kwargs)

    return inner


def _read(place: str, function: Callable[..., Any], answer: Any) -> Callable[..., Any]:
    """Runs it up to the value that it reads, and answers for it."""

    @functools.wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        _count(place)
        with contextlib.suppress(torch._subclasses.fake_tensor.DataDependentOutputException):
            function(*args, **kwargs)
        return answer

    return inner


def _probe_of_norms() -> None:
    """Which kind of norm a module is, is asked with values. Here: the first kind whose result has the right dtype."""
    import sys

    module = sys.modules["py_backend.engine.fused.install"]
    names = ("linspace", "no_grad", "Tensor")

    def alike(got: torch.Tensor, expected: torch.Tensor, **_: object) -> bool:
        _count("probe of norms")
        return (got.dtype, got.device) == (expected.dtype, expected.device)

    module.torch = SimpleNamespace(**{name: getattr(torch, name) for name in names}, allclose=alike)


@contextlib.contextmanager
def on_device() -> Iterator[None]:
    """Inside, tensors are fake."""
    gpu.reads.clear()
    visibility.packed_index.cache_clear()
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield
    visibility.packed_index.cache_clear()


def to_device(model: nn.Module) -> nn.Module:
    """Gives a model that was built on `meta` weights on the device; tied ones stay tied. Inside `on_device`."""
    moved: dict[int, torch.Tensor] = {}
    for module in model.modules():
        for table in (module._parameters, module._buffers):
            for key, old in list(table.items()):
                if old is None or isinstance(old, FakeTensor):
                    continue
                if id(old) not in moved:
                    new = torch.empty_strided(old.shape, old.stride(), dtype=old.dtype, device=DEVICE)
                    if isinstance(old, nn.Parameter):
                        new = nn.Parameter(new, requires_grad=old.requires_grad)
                    moved[id(old)] = new
                table[key] = moved[id(old)]
    return model
