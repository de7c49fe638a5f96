"""A fused kernel is used only where values and gradients of the loaded model stay what they are. In the kernels' place
stand the same operations in plain torch: the kernels themselves are tested in `test_liger.py`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch.nn import functional as F

from py_backend.engine import build_engine
from py_backend.engine.fused import by_kernel, liger

from .tiny import PAIRS, gradients, largest_relative_difference, model, own_logps, with_adapter


def rms_norm(x, gain, eps, offset, late_cast):
    inverse = (x.square().mean(-1) + eps).rsqrt()
    return x * inverse[:, None] * (offset + gain), inverse


def rms_norm_backward(grad, x, gain, inverse, offset, late_cast, trained, *, along: float = 1.0):
    normal, scaled = x * inverse[:, None], grad * (offset + gain)
    x_grad = (scaled - along * normal * (scaled * normal).mean(-1, keepdim=True)) * inverse[:, None]
    return x_grad, (grad * normal).sum(0) if trained else gain.new_empty(0)


def _activation(gate, name):
    return F.silu(gate) if name == "silu" else F.gelu(gate, approximate="tanh")


def gated(gate, up, activation):
    return _activation(gate, activation) * up


def gated_backward_(grad, gate, up, activation):
    with torch.enable_grad():
        given = [part.detach().clone().requires_grad_() for part in (gate, up)]
        found = torch.autograd.grad(gated(*given, activation), given, grad)
    gate.copy_(found[0]), up.copy_(found[1])


def rotate(q, k, cos, sin, back):
    sin = -sin if back else sin

    def turned(x):
        half = x.shape[-1] // 2
        return x * cos[:, None] + torch.cat((-x[..., half:], x[..., :half]), -1) * sin[:, None]

    return turned(q), turned(k)


RIGHT = {f.__name__: f for f in (rms_norm, rms_norm_backward, gated, gated_backward_, rotate)}


def _swapped(grad, gate, up, activation):
    gated_backward_(grad, up, gate, activation)


def _refused(*_: object) -> None:
    raise RuntimeError("no kernel image is available")


WRONG: list[tuple[str, str, Callable[..., object], str]] = [
    ("RMSNorm", "rms_norm", lambda x, gain, eps, offset, late: rms_norm(x, gain, eps, 1.0, late), "values differ"),
    ("RMSNorm", "rms_norm_backward", partial(rms_norm_backward, along=0.0), "gradients differ"),
    ("gated MLP", "gated", lambda gate, up, _: F.gelu(gate) * up, "values differ"),
    ("gated MLP", "gated_backward_", _swapped, "gradients differ"),
    ("rotary positions", "rotate", lambda q, k, cos, sin, _: rotate(q, k, cos, sin, False), "gradients differ"),
    ("rotary positions", "rotate", _refused, "no kernel image"),
]


@pytest.fixture(autouse=True)
def _in_plain_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liger, "missing", lambda _device: "")
    for name, function in RIGHT.items():
        monkeypatch.setattr(liger, name, function)


@pytest.mark.parametrize("name", ["llama", "gemma3", "gpt2"])
def test_right_kernels_are_used(name: str) -> None:
    policy = with_adapter(model(name))
    engine = build_engine(policy, checkpointing="full")
    assert engine.layout == "shared", engine.layout_note
    assert engine.kernels == ({} if name == "gpt2" else dict.fromkeys(by_kernel.KINDS, ""))
    logps, own = engine.forward(PAIRS, grad=True), own_logps(policy, PAIRS)
    assert float(((logps - own) / own).detach().abs().max()) <= 1e-9
    assert largest_relative_difference(gradients(policy, logps), gradients(policy, own)) <= 1e-9


@pytest.mark.parametrize(("kind", "operation", "wrong", "why"), WRONG, ids=[f"{c[1]}-{c[3]}" for c in WRONG])
def test_a_wrong_kernel_is_refused_and_says_why(
    kind: str,
    operation: str,
    wrong: Callable[..., object],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(liger, operation, wrong)
    policy = with_adapter(model("llama"))
    with caplog.at_level(logging.WARNING):
        engine = build_engine(policy)
    assert why in engine.kernels.pop(kind) and f"the kernel of {kind} is not used" in caplog.text
    assert set(engine.kernels.values()) == {""}
    logps, own = engine.forward(PAIRS, grad=True), own_logps(policy, PAIRS)
    assert largest_relative_difference(gradients(policy, logps), gradients(policy, own)) <= 1e-9


def test_a_trained_gain_is_compared_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_gain(*given):
        x_grad, gain_grad = rms_norm_backward(*given)
        return x_grad, gain_grad * 0.9

    monkeypatch.setattr(liger, "rms_norm_backward", without_gain)
    assert "gradients differ" in build_engine(model("llama")).kernels["RMSNorm"]


def test_a_backward_pass_in_float16_may_come_again() -> None:
    """Loss scaling repeats one that overflowed; the kernel writes over what was kept for it."""
    gate, up = (torch.randn(3, 8, generator=torch.Generator().manual_seed(i)).half().requires_grad_() for i in (0, 1))
    out = by_kernel.Gated.apply(gate * 1, up * 1, "silu")
    first, second = (torch.autograd.grad(out.sum(), (gate, up), retain_graph=True) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_without_the_packages_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liger, "missing", lambda _device: "liger_kernel not installed")
    policy = model("llama")
    assert build_engine(policy).kernels == {}
