"""All ways of attending over a shared row give what one dense masked softmax gives: packed segments, blocks, pairs."""

from __future__ import annotations

import pytest
import torch
from transformers.masking_utils import and_masks, causal_mask_function, sliding_window_overlay

from py_backend.engine import attention
from py_backend.engine.blocked_attention import BlockedAttention
from py_backend.engine.spans import place, positions
from py_backend.engine.varlen import Kernel, attend_by_segments, branch_attention_packed
from py_backend.engine.visibility import Visibility

SPANS = place([(11, 5, 8), (1, 7, 0), (6, 1, 3)])
TOKENS = len(positions(SPANS))
HEADS, KEY_HEADS, WIDTH = 4, 2, 8
SCALING = WIDTH**-0.5


def _visibility(window: int | None) -> Visibility:
    rule = causal_mask_function
    if window is not None:
        rule = and_masks(sliding_window_overlay(window), causal_mask_function)
    return Visibility(SPANS, rule, torch.device("cpu"))


def _tensors() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    shapes = [(1, heads, TOKENS, WIDTH) for heads in (HEADS, KEY_HEADS, KEY_HEADS)]
    return [torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in shapes]


def _dense(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, window: int | None) -> torch.Tensor:
    """The definition: every token by its own position, its own sequence and the window. [1, T, H, D]"""
    allowed = torch.zeros(TOKENS, TOKENS, dtype=torch.bool)
    for span in SPANS:
        prefix, chosen_side = range(TOKENS)[span.prefix_slice()], range(TOKENS)[span.trunk_slice()]
        for sequence in (list(chosen_side), [*prefix, *range(TOKENS)[span.rejected_slice()]]):
            for i, q in enumerate(sequence):
                first = 0 if window is None else max(0, i - window + 1)
                allowed[q, sequence[first : i + 1]] = True
    key, value = (t.repeat_interleave(HEADS // KEY_HEADS, dim=1) for t in (key, value))
    scores = (query @ key.transpose(-1, -2) * SCALING).masked_fill(~allowed, float("-inf"))
    return (scores.softmax(-1) @ value).transpose(1, 2)


def _packed(query, key, value, window):
    return branch_attention_packed(query, key, value, _visibility(window), SCALING, Kernel(attend_by_segments))


def _with_sums(*given, sums=False):
    out = attend_by_segments(*given)
    return (out, out.new_zeros(1)) if sums else out


def _gradients(grad, q, k, v, out, _sums, *segments):
    assert torch.equal(out, attend_by_segments(q, k, v, *segments))
    with torch.enable_grad():
        leaves = [part.detach().clone().requires_grad_() for part in (q, k, v)]
        return torch.autograd.grad(attend_by_segments(*leaves, *segments), leaves, grad)


def _packed_as_one(query, key, value, window):
    kernel = Kernel(_with_sums, _gradients)
    return branch_attention_packed(query, key, value, _visibility(window), SCALING, kernel)


def _pairs(query, key, value, window):
    key, value = (t.repeat_interleave(HEADS // KEY_HEADS, dim=1) for t in (key, value))
    return attention._pair_by_pair(query, key, value, _visibility(window), SCALING, None).transpose(1, 2)


def _blocked(query, key, value, window):
    assert window is None
    return BlockedAttention.apply(query, key, value, SPANS, SCALING)


@pytest.mark.parametrize(
    ("attend", "window"),
    [
        *[(attend, window) for attend in (_packed, _packed_as_one, _pairs) for window in (None, 4)],
        (_blocked, None),
    ],
)
def test_outputs_and_gradients_are_those_of_a_dense_mask(attend, window: int | None) -> None:
    inputs, own_inputs = _tensors(), _tensors()
    out, own = attend(*inputs, window), _dense(*own_inputs, window)
    torch.testing.assert_close(out, own, rtol=1e-10, atol=1e-12)
    weights = torch.randn(own.shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    (out * weights).sum().backward()
    (own * weights).sum().backward()
    for tensor, own_tensor in zip(inputs, own_inputs, strict=True):
        torch.testing.assert_close(tensor.grad, own_tensor.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("window", [None, 4])
def test_a_causal_window_is_recognised_and_anything_else_is_not_plain(window: int | None) -> None:
    visible = _visibility(window)
    assert (visible.plain, visible.window) == (True, window)
    chunks = and_masks(lambda _b, _h, q, k: q // 4 == k // 4, causal_mask_function)
    assert not Visibility(SPANS, chunks, torch.device("cpu")).plain
