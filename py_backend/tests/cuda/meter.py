"""Counts what code does to a fake GPU: kernels, bytes alive, copies between host and device and who asked for them."""

from __future__ import annotations

import sys
import threading
import weakref
from collections import Counter
from pathlib import Path
from types import FrameType

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_ROOT = Path(__file__).resolve().parents[3]
NO_KERNEL = frozenset(
    f"aten.{name}"
    for name in [
        *("view", "t", "transpose", "expand", "slice", "select", "unsqueeze", "squeeze", "permute", "_unsafe_view"),
        *(
            "alias",
            "detach",
            "split",
            "split_with_sizes",
            "as_strided",
            "reshape",
            "_reshape_alias",
            "unbind",
            "unfold",
        ),
        *("empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided", "lift_fresh", "is_same_size"),
    ]
) | {"prim.device"}


class Meter(TorchDispatchMode):
    """kernels: calls by name. alive, peak: bytes of storages on the device. copies: (direction, file, function)."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels: Counter[str] = Counter()
        self.copies: Counter[tuple[str, str, str]] = Counter()
        self.alive = self.peak = 0
        self._known: dict[int, object] = {}
        self._lock = threading.RLock()  # a backward runs in a thread of its own

    def restart(self) -> None:
        self.kernels.clear()
        self.copies.clear()
        self.peak = self.alive

    def count(self, tensors: object) -> None:
        """Counts tensors that were made before, by storage."""
        for tensor in tree_leaves(tensors):
            if isinstance(tensor, torch.Tensor) and tensor.device.type == "cuda":
                self._count(tensor.untyped_storage())

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        with self._lock:
            if key in self._known:
                return

            def gone(_: object) -> None:
                with self._lock:
                    self._known.pop(key, None)
                    self.alive -= size

            self._known[key] = weakref.ref(storage, gone)
            self.alive += size
            self.peak = max(self.peak, self.alive)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        given = _devices((args, kwargs or {}))
        out = func(*args, **(kwargs or {}))
        self.count(out)
        made = _devices(out)
        name = str(func).rsplit(".", 1)[0]
        if {"cpu", "cuda"} <= given | made and name in ("aten._to_copy", "aten.copy_"):
            direction = "to device" if "cuda" in made else "TO HOST"
            self.copies[(direction, *place(2))] += 1
        elif "cuda" in given | made and name not in NO_KERNEL:
            self.kernels[name] += 1
        return out


def _devices(values: object) -> set[str]:
    return {tensor.device.type for tensor in tree_leaves(values) if isinstance(tensor, torch.Tensor)}


def place(above: int) -> tuple[str, str]:
    """File and function of the nearest frame of the project's own code, tests left out; else the nearest outside torch.
    above: how many frames there are below the first one to look at."""
    frame: FrameType | None = sys._getframe(above)
    outside = None
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(_ROOT / "py_backend") and "tests" not in path.parts:
            return str(path.relative_to(_ROOT / "py_backend")), frame.f_code.co_name
        if outside is None and "torch" not in path.parts and path.name != "meter.py":
            outside = (path.name, frame.f_code.co_name)
        frame = frame.f_back
    return outside or ("?", "?")
