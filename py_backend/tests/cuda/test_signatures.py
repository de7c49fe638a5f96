"""torch's variable-length attention as its releases have it, and what it is asked for."""

from __future__ import annotations

import pytest
import torch

from py_backend.engine.spans import place
from py_backend.engine.varlen import _flash, adapted, available, can_pack
from py_backend.engine.visibility import Visibility
from py_backend.tests.cuda.fake_device import DEVICE, gpu, on_device

CALLS: list[dict] = []


def of_2_10(query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, is_causal=False, return_aux=None):
    raise AssertionError("it knows no windows")


def of_2_11(query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, *, return_aux=None, scale=None, window_size=(-1, -1)):
    CALLS.append({"window": window_size, "scale": scale})
    return query


def of_2_12(query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, *, scale=None, window_size=(-1, -1), enable_gqa=False):
    CALLS.append({"window": window_size, "scale": scale, "gqa": enable_gqa})
    return query


@pytest.mark.parametrize(
    ("function", "more"), [(of_2_11, {}), (of_2_12, {"gqa": True})], ids=["torch 2.11", "torch 2.12 and 2.13"]
)
def test_grouped_queries_and_windows_reach_the_kernel(function, more: dict) -> None:
    CALLS.clear()
    query, key = torch.zeros(5, 4, 8), torch.zeros(5, 2, 8)
    lengths = torch.tensor([0, 5], dtype=torch.int32)
    flash = adapted(function)
    for window in (None, 3):
        assert flash(query, key, key, lengths, lengths, 5, 5, window, 0.25) is query
    assert [{"window": (-1, 0), "scale": 0.25, **more}, {"window": (2, 0), "scale": 0.25, **more}] == CALLS


def test_a_release_without_windows_is_not_used() -> None:
    assert adapted(of_2_10) is None


def test_the_installed_release_has_the_backward_pass_that_is_known() -> None:
    assert _flash().gradients is not None


def test_what_the_kernel_takes() -> None:
    with on_device():
        visible = Visibility(place([(4, 2, 3)]), lambda b, h, q, k: k <= q, DEVICE)
        query = lambda width, dtype: torch.empty(1, 2, 9, width, dtype=dtype, device=DEVICE)  # noqa: E731
        assert can_pack(query(64, torch.bfloat16), visible) and can_pack(query(256, torch.float16), visible)
        assert not can_pack(query(64, torch.float32), visible)
        assert not can_pack(query(264, torch.bfloat16), visible)
        assert not can_pack(query(60, torch.bfloat16), visible)
        gpu.capability = (7, 5)
        assert not available(DEVICE) and not can_pack(query(64, torch.float16), visible)
