"""Liger's kernels in a step on a fake GPU: how many. They need not be installed for it."""

from __future__ import annotations

import pytest
import torch

from py_backend.engine import build_engine
from py_backend.engine.fused import by_kernel, liger
from py_backend.tests.cuda.fake_device import gpu, on_device
from py_backend.tests.cuda.meter import Meter
from py_backend.tests.cuda.models import put_on_device, tiny_outline, with_adapter
from py_backend.tests.engine.tiny import PAIRS

LAYERS, KERNELS = 3, 471  # 655 without


def test_each_layer_takes_one_kernel_a_pass_for_each_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liger, "missing", lambda _device: "")
    model = with_adapter(tiny_outline("llama", torch.bfloat16), dropout=0.0)
    with on_device(), Meter() as meter:
        put_on_device(model)
        engine = build_engine(model)
        assert engine.kernels == dict.fromkeys(by_kernel.KINDS, "")
        gpu.reads.clear()
        meter.restart()
        logps = engine.forward(PAIRS[:2], grad=True)
        torch.autograd.backward([logps], [torch.ones_like(logps)])
        assert not gpu.reads and meter.copies.total() == 2
    own = {name.removeprefix("mrpo."): count for name, count in meter.kernels.items() if name.startswith("mrpo.")}
    norms = 2 * LAYERS + 1
    assert own == {
        "rms_norm": norms,
        "rms_norm_backward": norms - 1,  # nothing is trained below the first
        "gated": LAYERS,
        "gated_backward_": LAYERS,
        "rotate": 2 * LAYERS,
    }
    assert meter.kernels.total() <= KERNELS
