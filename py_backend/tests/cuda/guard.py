"""Lets a build of torch without CUDA run autograd over fake tensors on `cuda`.

Such a build lacks two things, without which autograd ends the process or raises:

1. an entry for CUDA in c10's table of device guards. torch lets Python register one for the slot of PrivateUse1: a
   guard that says it is CUDA's is registered there and copied to CUDA's slot;
2. the word of ATen's CUDA hooks that there is CUDA: their table of virtual functions is replaced by a copy in which
   four questions are answered with yes.

It writes into libtorch's memory: for tests, in a process of its own that ends by `os._exit`. A build with CUDA needs
none of it.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

import torch

RELEASE = "2.13."
"""The slots below are those of this release."""
_CUDA, _PRIVATE_USE_1 = 1, 20
_FUNCTIONS, _BEFORE = 48, 2
_SAY_YES = (2, 3, 4, 16)  # isBuilt, isAvailable, hasPrimaryContext, hasCUDA
_alive: list[object] = []


class _Guard(torch._C._acc.DeviceGuard):
    def type_(self) -> object:
        return torch._C._autograd.DeviceType.CUDA


def install() -> None:
    """Once a process. Raises RuntimeError for another release of torch."""
    folder = Path(torch.__file__).parent / "lib"
    c10, cpu = ctypes.CDLL(str(folder / "libc10.so")), ctypes.CDLL(str(folder / "libtorch_cpu.so"))
    table = (ctypes.c_void_p * (_PRIVATE_USE_1 + 1)).in_dll(c10, "_ZN3c104impl26device_guard_impl_registryE")
    if table[_CUDA]:
        return
    if not torch.__version__.startswith(RELEASE):
        raise RuntimeError(f"torch: got {torch.__version__}, expected {RELEASE}*: look the slots of its tables up anew")
    guard = _Guard()
    torch._C._acc.register_python_privateuseone_device_guard(guard)
    if not table[_PRIVATE_USE_1]:
        raise RuntimeError("the guard of PrivateUse1 is not where it was")
    table[_CUDA] = table[_PRIVATE_USE_1]
    _say_that_there_is_cuda(cpu)
    _alive.append(guard)


def _say_that_there_is_cuda(cpu: ctypes.CDLL) -> None:
    find = cpu._ZN2at6detail12getCUDAHooksEv
    find.restype = ctypes.c_void_p
    hooks = find()
    own = ctypes.c_void_p.from_address(hooks).value
    yes = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p)(lambda _: True)
    width = ctypes.sizeof(ctypes.c_void_p)
    functions = [ctypes.c_void_p.from_address(own + width * i).value for i in range(-_BEFORE, _FUNCTIONS)]
    copy = (ctypes.c_void_p * len(functions))(*functions)
    for slot in _SAY_YES:
        copy[slot + _BEFORE] = ctypes.cast(yes, ctypes.c_void_p).value
    ctypes.c_void_p.from_address(hooks).value = ctypes.addressof(copy) + width * _BEFORE
    _alive.extend([yes, copy])
