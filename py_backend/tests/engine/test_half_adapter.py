"""An adapter beside a half-precision base, as a GPU computes it: gradients as near to float64 as with a float32 x."""

from __future__ import annotations

import pytest
import torch

from py_backend.engine.fused.lora import AddHalfLowRank, AddLowRank, HalfLinearWithLowRank

SCALE = 2.0


def _tensors(dtype: torch.dtype) -> list[torch.Tensor]:
    """x, W, bias, A, B, gradient of y; x and W exact in bfloat16."""
    draw = torch.Generator().manual_seed(5)
    shapes = ((200, 256), (96, 256), (96,), (8, 256), (96, 8), (200, 96))
    found = [
        torch.randn(shape, generator=draw) * (0.1 if len(shape) == 2 and shape[0] == 96 else 1) for shape in shapes
    ]
    return [tensor.to(dtype) for tensor in found[:3]] + found[3:5] + [found[5].to(dtype)]


def _results(function: str, dtype: torch.dtype) -> list[torch.Tensor]:
    x, W, bias, A, B, grad = _tensors(torch.bfloat16)
    x, W, bias, grad = (tensor.to(dtype) for tensor in (x, W, bias, grad))
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    A, B = A.to(wide).requires_grad_(), B.to(wide).requires_grad_()
    x.requires_grad_()
    if function == "whole":
        y = HalfLinearWithLowRank.apply(x, W, bias, A, B, SCALE)
    elif function == "added":
        y = AddHalfLowRank.apply(torch.nn.functional.linear(x, W, bias), x, A, B, SCALE)
    else:
        y = AddLowRank.apply(torch.nn.functional.linear(x, W, bias), x, A, B, SCALE)
    y.backward(grad)
    assert A.grad.dtype == wide and x.grad.dtype == dtype
    return [y.detach(), x.grad, A.grad, B.grad]


@pytest.mark.parametrize("function", ["whole", "added"])
def test_numbers_are_those_of_float64_within_the_rounding_of_bfloat16(function: str) -> None:
    exact = _results("float32 x", torch.float64)
    half = _results(function, torch.bfloat16)
    now = _results("float32 x", torch.bfloat16)
    for wanted, got, before in zip(exact, half, now, strict=True):
        error, earlier = (float((t.double() - wanted).norm() / wanted.norm()) for t in (got, before))
        assert error < 6e-3 and error < 4 * max(earlier, 1e-3)
