"""Forward and backward of every architecture on a fake GPU: devices, dtypes, layout, kernels, copies."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from py_backend.engine import build_engine
from py_backend.tests.cuda.fake_device import DEVICE, gpu, on_device, to_device
from py_backend.tests.cuda.meter import Meter
from py_backend.tests.cuda.models import tiny_outline, with_adapter
from py_backend.tests.engine.tiny import ARCHITECTURES, PAIRS

# Heads of tiny models are 8 or 16 wide: what the flash kernel takes. Each architecture with an adapter and
# recomputation, some as a whole without; then other dtypes.
CASES = [(name, torch.bfloat16, "full", True) for name in ARCHITECTURES]
CASES += [(name, torch.bfloat16, "off", False) for name in ("llama", "gemma3", "gpt2")]
CASES += [("qwen2-mixed", torch.float16, "off", True), ("llama", torch.float32, "full", True)]
SOME = PAIRS[:3]


@pytest.mark.parametrize(("name", "dtype", "checkpointing", "adapter"), CASES)
def test_forward_and_backward(name: str, dtype: torch.dtype, checkpointing: str, adapter: bool) -> None:
    model = tiny_outline(name, dtype)
    model = with_adapter(model, dropout=0.0) if adapter else model.train()
    with on_device(), Meter() as meter:
        to_device(model)
        engine = build_engine(model, checkpointing=checkpointing)
        assert engine.layout == "shared", engine.layout_note
        gpu.reads.clear()
        meter.restart()
        logps = engine.forward(SOME, grad=True)
        assert (logps.device, logps.dtype, logps.shape) == (DEVICE, torch.float64, (2 * len(SOME),))
        torch.autograd.backward([logps], [torch.ones_like(logps)])
        for key, parameter in model.named_parameters():
            if parameter.requires_grad:
                assert parameter.grad is not None, key
                assert (parameter.grad.device, parameter.grad.dtype) == (DEVICE, parameter.dtype), key
        assert gpu.reads == Counter()
        copies = {(direction, file) for direction, file, _ in meter.copies}
        assert copies <= {("to device", "engine/staging.py"), ("to device", "engine/visibility.py")}, meter.copies
        # The row, and what the kernel must know of it. Attention pair by pair: a mask for each pair and layer type.
        packed = dtype != torch.float32 and name != "gemma2"
        assert meter.copies.total() == 2 or (not packed and meter.copies.total() <= 1 + 4 * len(SOME))
        assert any("varlen" in kernel for kernel in meter.kernels) == packed


def test_dropout_of_adapters_reads_nothing_back() -> None:
    model = with_adapter(tiny_outline("llama", torch.bfloat16), dropout=0.1)
    with on_device(), Meter() as meter:
        to_device(model)
        engine = build_engine(model, checkpointing="full")
        gpu.reads.clear()
        meter.restart()
        logps = engine.forward(SOME, grad=True, seeds=range(len(SOME)))
        torch.autograd.backward([logps], [torch.ones_like(logps)])
        assert gpu.reads == Counter() and meter.copies.total() == 2


def test_the_plain_layout_is_one_row_without_padding() -> None:
    """As many forwards and kernels as with shared rows, but for the branches' attention; no token more than given."""
    kernels = {}
    for layout in ("auto", "plain"):
        model = with_adapter(tiny_outline("qwen2-mixed", torch.bfloat16), dropout=0.0)
        with on_device(), Meter() as meter:
            to_device(model)
            engine = build_engine(model, layout=layout)
            assert engine.packs, engine.layout_note
            seen: list[torch.Size] = []
            model.get_input_embeddings().register_forward_hook(
                lambda _module, given, _, seen=seen: seen.append(given[0].shape)
            )
            meter.restart()
            logps = engine.forward(SOME, grad=True)
            torch.autograd.backward([logps], [torch.ones_like(logps)])
            assert meter.copies.total() == 2
            kernels[layout] = meter.kernels.total()
    given = sum(2 * len(pair.prefix) + len(pair.chosen) + len(pair.rejected) - 2 for pair in SOME)
    assert seen == [(1, given)]
    assert kernels["plain"] <= kernels["auto"]
