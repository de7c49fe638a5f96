"""Liger's kernels in Triton's interpreter, on a CPU: the numbers of the layers that they stand for.

The two packages are no part of an installation without a GPU. With them beside the others:
    TRITON_INTERPRET=1 python -m pytest py_backend/tests/engine/test_liger.py
Arithmetic in float32: the interpreter's bfloat16 is not a GPU's.
"""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest
import torch

from py_backend.engine import build_engine
from py_backend.engine.fused import by_kernel, gated_mlp, rms_norm

from .tiny import PAIRS, gradients, largest_relative_difference, model, own_logps, with_adapter

ABSENT = [name for name in ("triton", "liger_kernel") if find_spec(name) is None]
pytestmark = [
    pytest.mark.skipif(bool(ABSENT), reason=f"{' and '.join(ABSENT)} not installed"),
    pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") != "1", reason="TRITON_INTERPRET is not 1"),
]


class _Number(float):
    """A float as a kernel gets it."""

    def to(self, _dtype: object) -> float:
        return self


@pytest.fixture(autouse=True)
def _as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter has no CUDA library, from which Liger takes two functions, and hands plain floats on, where a
    launch makes float32 of them."""
    if ABSENT:
        return
    import triton.language as tl
    from liger_kernel.ops import geglu
    from liger_kernel.ops import rms_norm as norm
    from triton.runtime import interpreter

    plain = interpreter._implicit_cvt
    monkeypatch.setattr(interpreter, "_implicit_cvt", lambda x: _Number(x) if isinstance(x, float) else plain(x))
    monkeypatch.setattr(norm, "rsqrt", lambda x: tl.rsqrt(x))
    monkeypatch.setattr(geglu, "tanh", lambda x: 2 * tl.sigmoid(2 * x) - 1)


def _drawn(*shape: int, seed: int = 3) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _with_gradients(run, *given: torch.Tensor) -> list[torch.Tensor]:
    leaves = [x.clone().requires_grad_() for x in given]
    out = run(*[leaf * 1 for leaf in leaves])
    outs = out if isinstance(out, tuple) else (out,)
    torch.autograd.backward(outs, [_drawn(*o.shape, seed=9) for o in outs])
    return [*(o.detach() for o in outs), *(leaf.grad for leaf in leaves)]


def _near(got: list[torch.Tensor], expected: list[torch.Tensor]) -> None:
    for a, b in zip(got, expected, strict=True):
        assert a.shape == b.shape and float((a - b).norm() / b.norm()) <= 2e-6


@pytest.mark.parametrize("width", [32, 80])
@pytest.mark.parametrize("late_cast", [False, True])
def test_norm(width: int, late_cast: bool) -> None:
    x, gain = _drawn(1, 37, width), 1 + 0.3 * _drawn(width, seed=4)
    offset = 1.0 if late_cast else 0.0
    got = _with_gradients(lambda x, gain: by_kernel.RmsNorm.apply(x, gain - offset, 1e-5, offset, late_cast), x, gain)
    _near(got, _with_gradients(lambda x, gain: rms_norm.RmsNorm.apply(x, gain, 1e-5, late_cast), x, gain))


@pytest.mark.parametrize(
    ("activation", "plain"), [("silu", gated_mlp.SiluProduct), ("gelu", gated_mlp.GeluTanhProduct)]
)
def test_gated_mlp(activation: str, plain: type[torch.autograd.Function]) -> None:
    gate, up = _drawn(1, 29, 80), _drawn(1, 29, 80, seed=4)
    got = _with_gradients(lambda gate, up: by_kernel.Gated.apply(gate, up, activation), gate, up)
    _near(got, _with_gradients(plain.apply, gate, up))


def test_rotation() -> None:
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    q, k = _drawn(2, 11, 4, 16).transpose(1, 2), _drawn(2, 11, 2, 16, seed=4).transpose(1, 2)
    angle = torch.arange(11)[None, :, None] * torch.linspace(1, 0.01, 8).repeat(2)
    cos, sin = angle.cos(), angle.sin()
    got = _with_gradients(lambda q, k: by_kernel.Rotation.apply(q, k, cos, sin), q, k)
    _near(got, _with_gradients(lambda q, k: apply_rotary_pos_emb(q, k, cos, sin), q, k))


@pytest.mark.parametrize("name", ["llama", "gemma3"])
def test_a_whole_model(name: str) -> None:
    """One layer: the interpreter takes a millisecond for every row of every kernel."""
    policy = with_adapter(model(name, torch.float32, num_hidden_layers=1, layer_types=["sliding_attention"]))
    engine = build_engine(policy)
    assert engine.kernels == dict.fromkeys(by_kernel.KINDS, "")
    logps, own = engine.forward(PAIRS[1:2], grad=True), own_logps(policy, PAIRS[1:2])
    assert float(((logps - own) / own).detach().abs().max()) <= 1e-5
    weights = torch.tensor([0.3, -0.7], dtype=torch.float64)
    assert largest_relative_difference(gradients(policy, logps, weights), gradients(policy, own, weights)) <= 2e-5
