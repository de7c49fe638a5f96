"""Paged 8-bit AdamW on a fake GPU: how often it waits, and where its memory goes. The driver's managed memory is not
there: in its place stand tensors of the CPU, which is what torch takes it for."""

from __future__ import annotations

import gc

import pytest
import torch
from torch import nn

from py_backend.tests.cuda.fake_device import DEVICE, on_device
from py_backend.tests.cuda.meter import Meter
from py_backend.training import paged
from py_backend.training.optimizers import OptimizerSpec, apply_update, create_optimizer

SPEC = OptimizerSpec("paged_adamw_8bit", 0.9, 0.999, 1e-8)
SHAPES = ((400, 300), (512, 256), (64, 8))  # two are paged, of the third the moments are float32 on the device


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Calls that wait for the device, and buffers that the driver was asked for."""
    seen: list[str] = []

    def get_paged(*shape: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
        seen.append("buffer")
        buffer = torch.empty(shape, dtype=dtype)
        buffer.is_paged, buffer.page_deviceid = True, device.index
        return buffer

    monkeypatch.setattr(paged.managed, "get_paged", get_paged)
    monkeypatch.setattr(paged.managed, "fill", lambda buffer, value: buffer.fill_(value))
    monkeypatch.setattr(paged.managed, "prefetch_tensor", lambda buffer: seen.append("prefetched"))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda *_: seen.append("wait"))
    paged._free.clear()
    return seen


def _trained() -> list[nn.Parameter]:
    return [nn.Parameter(torch.empty(shape, device=DEVICE)) for shape in SHAPES]


def test_a_step_waits_once_and_memory_goes_to_the_next_trainer(waits: list[str]) -> None:
    with on_device(), Meter() as meter:
        parameters = _trained()
        optimizer = create_optimizer(SPEC, parameters)
        assert waits == ["buffer"] * 4
        kinds = [(state["state1"].device.type, state["state1"].dtype) for state in optimizer.state.values()]
        assert kinds == [("cpu", torch.uint8), ("cpu", torch.uint8), ("cuda", torch.float32)]
        for parameter in parameters:
            parameter.grad = torch.empty_like(parameter)
        waits.clear()
        meter.restart()
        apply_update(optimizer, 1e-3, 0.01)
        assert waits == ["prefetched"] * 4 + ["wait"]
        assert meter.copies.total() == 0
        assert sum(count for name, count in meter.kernels.items() if "optimizer_update" in name) == len(SHAPES)
        buffers = {id(state[key]) for state in optimizer.state.values() for key in ("state1", "state2")}
        del optimizer
        gc.collect()
        waits.clear()
        again = create_optimizer(SPEC, _trained())
        assert "buffer" not in waits
        large = [state[key] for state in again.state.values() for key in ("state1", "state2")][:4]
        assert {id(buffer) for buffer in large} <= buffers
