"""What a step of a 7B model holds and needs at its peak on a fake GPU, against what the engine plans with.

Two and four layers as wide as Llama-2-7B's are measured; each further one adds the same, up to 32.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import pytest
import torch

from py_backend.engine import TokenPair, build_engine
from py_backend.tests.cuda.fake_device import GB, gpu, on_device
from py_backend.tests.cuda.meter import Meter
from py_backend.tests.cuda.models import llama_7b, put_on_device, quantised, with_adapter

PAIRS = [
    TokenPair([i % 31000 for i in range(512)], [5 + i % 30000 for i in range(512)], [9 + i % 29000 for i in range(512)])
] * 2
TOKENS = sum(pair.tokens for pair in PAIRS)


@dataclass(frozen=True)
class Step:
    """Bytes a token: planned; held between forward and backward; at the peak, without gradients of weights. Kernels."""

    planned: float
    held: float
    peak: float
    kernels: float


def step(layers: int, kind: str, checkpointing: str) -> Step:
    base = llama_7b(layers)
    model = base.train() if kind == "all weights" else None
    if model is None:
        model = with_adapter(quantised(base, kind) if kind in ("nf4", "int8") else base, r=8, dropout=0.0)
    with on_device(), Meter() as meter:
        put_on_device(model)
        meter.count([*model.parameters(), *model.buffers()])
        engine = build_engine(model, checkpointing=checkpointing, write_out=False)
        meter.restart()
        start = meter.alive
        logps = engine.forward(PAIRS, grad=True)
        held = meter.alive - start
        torch.autograd.backward([logps], [torch.ones_like(logps)])
        gradients = sum(parameter.grad.nbytes for parameter in model.parameters() if parameter.grad is not None)
        peak = meter.peak - start - (gradients if kind != "all weights" else 0)
        kernels = meter.kernels.total()
        return Step(engine.bytes_per_token(), held / TOKENS, peak / TOKENS, kernels)


def of_7b(kind: str, checkpointing: str) -> Step:
    two, four = (astuple(step(layers, kind, checkpointing)) for layers in (2, 4))
    return Step(*(b + 14 * (b - a) for a, b in zip(two, four, strict=True)))


@pytest.mark.parametrize(
    ("kind", "checkpointing", "held_kb", "kernels"),
    [
        ("bfloat16", "off", 4250, 6700),
        ("bfloat16", "full", 285, 9000),
        ("nf4", "full", 285, 9900),
        ("int8", "full", 285, 11300),
    ],
)
def test_a_step_of_7b_holds_what_is_planned(kind: str, checkpointing: str, held_kb: float, kernels: float) -> None:
    found = of_7b(kind, checkpointing)
    print(f"{kind}, {checkpointing}: {found}")
    assert found.held <= 1000 * held_kb
    assert 0.9 * found.peak <= found.planned <= 1.3 * found.peak
    assert found.kernels <= kernels


def test_gradients_and_state_are_left_room_for() -> None:
    model = with_adapter(llama_7b(2), r=8, dropout=0.0)
    with on_device():
        put_on_device(model)
        engine = build_engine(model, checkpointing="full")
        before = engine.micro_batch_tokens()
        engine.reserve_bytes = gpu.free // 2
        assert engine.micro_batch_tokens() == pytest.approx(before / 2, abs=2)
        engine.reserve_bytes = gpu.free + GB
        assert engine.micro_batch_tokens() == 1
