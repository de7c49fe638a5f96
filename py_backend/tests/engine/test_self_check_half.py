"""In half precision the self-check takes what is right, on smooth and on rough models, and nothing that is wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import transformers as hf
from transformers.masking_utils import causal_mask_function

from py_backend.engine import attention, build_engine, rows
from py_backend.engine.varlen import Kernel, attend_by_segments, branch_attention_packed
from py_backend.engine.visibility import Visibility

SMOOTH, ROUGH = 0.02, 0.1
"""Initial sizes of weights: attention is nearly uniform with the first, far from it with the second."""


def deep_model(size: float, dtype: torch.dtype) -> torch.nn.Module:
    """32 layers: the number over which rounding grows as in real models."""
    torch.manual_seed(0)
    config = hf.MistralConfig(
        vocab_size=499,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=32,
        num_attention_heads=8,
        num_key_value_heads=4,
        initializer_range=size,
        sliding_window=9,
        tie_word_embeddings=False,
    )
    return hf.MistralForCausalLM(config).to(dtype).eval()


def packed_flash(patch: pytest.MonkeyPatch) -> None:
    """Another right way: packed segments computed in float32, as the flash kernel does."""

    def packed(query, key, value, visible, scaling):
        kernel = Kernel(attend_by_segments)
        out = branch_attention_packed(query.float(), key.float(), value.float(), visible, scaling, kernel)
        return out.to(query.dtype)

    patch.setattr(attention, "can_pack", lambda _query, visible: visible.plain)
    patch.setattr(attention, "branch_attention_packed", packed)


def positions_not_restarted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rows, "positions", lambda spans: torch.arange(sum(span.trunk + span.rejected for span in spans)))


def window_ignored(patch: pytest.MonkeyPatch) -> None:
    right = attention._pair_by_pair

    def without(query, key, value, visible, scaling, softcap):
        wide = Visibility(visible.spans, causal_mask_function, visible.device)
        return right(query, key, value, wide, scaling, softcap)

    patch.setattr(attention, "_pair_by_pair", without)


def branch_sees_chosen(patch: pytest.MonkeyPatch) -> None:
    right = attention._pair_by_pair

    def seeing(query, key, value, visible, scaling, softcap):
        out = right(query, key, value, visible, scaling, softcap).clone()
        for span in visible.spans:
            trunk, branch = span.trunk_slice(), span.rejected_slice()
            keys, values = (torch.cat([part[:, :, trunk], part[:, :, branch]], 2) for part in (key, value))
            later = torch.ones(span.rejected, span.rejected, dtype=torch.bool).tril()
            mask = torch.cat([torch.ones(span.rejected, span.trunk, dtype=torch.bool), later], 1)
            out[:, :, branch] = attention._attend(query[:, :, branch], keys, values, mask, scaling, softcap)
        return out

    patch.setattr(attention, "_pair_by_pair", seeing)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("size", [SMOOTH, ROUGH], ids=["smooth", "rough"])
def test_a_right_layout_is_taken(size: float, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    packed_flash(monkeypatch)
    engine = build_engine(deep_model(size, dtype))
    assert engine.layout == "shared", engine.layout_note


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("size", [SMOOTH, ROUGH], ids=["smooth", "rough"])
@pytest.mark.parametrize("wrong", [positions_not_restarted, window_ignored, branch_sees_chosen])
def test_a_wrong_layout_is_not(
    wrong: Callable[[pytest.MonkeyPatch], None], size: float, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong(monkeypatch)
    engine = build_engine(deep_model(size, dtype))
    assert engine.layout == "plain" and "shared rows differ by" in engine.layout_note
