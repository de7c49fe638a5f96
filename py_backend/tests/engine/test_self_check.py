"""A model that shared rows would get wrong runs in the plain layout, with the right numbers, and says so."""

from __future__ import annotations

import logging

import pytest
import torch

from py_backend.engine import build_engine

from .tiny import PAIRS, model, own_logps, with_adapter


def test_a_model_that_looks_at_row_indices_falls_back_loudly(caplog: pytest.LogCaptureFixture) -> None:
    """Its layers add something that depends on where a token lies in the row, as no model of ours may."""
    policy = with_adapter(model("llama"))
    layer = policy.get_base_model().model.layers[1]

    def add_row_index(_module, arguments, output):
        index = torch.arange(output.shape[1], dtype=output.dtype)[None, :, None]
        return output + 0.3 * torch.sin(index)

    layer.self_attn.o_proj.register_forward_hook(add_row_index)
    with caplog.at_level(logging.WARNING):
        engine = build_engine(policy)
    assert engine.layout == "plain"
    assert "shared rows differ by" in engine.layout_note
    assert "shared rows differ by" in caplog.text
    logps, own = engine.forward(PAIRS, grad=False), own_logps(policy, PAIRS).detach()
    assert float(((logps - own) / own).abs().max()) <= 1e-9


def test_a_model_with_another_attention_falls_back_and_keeps_it(caplog: pytest.LogCaptureFixture) -> None:
    policy = model("llama")
    policy.set_attn_implementation("eager")
    with caplog.at_level(logging.WARNING):
        engine = build_engine(policy)
    assert engine.layout == "plain"
    assert "eager" in engine.layout_note and "eager" in caplog.text
    assert policy.config._attn_implementation == "eager"


def test_an_unknown_logit_rule_is_noticed_and_the_models_own_logits_are_used(caplog: pytest.LogCaptureFixture) -> None:
    policy = model("llama")
    policy.lm_head.register_forward_hook(lambda _module, _arguments, logits: logits.tanh() * 3)
    own_forward = policy.forward

    def forward(*arguments, **options):
        output = own_forward(*arguments, **options)
        output.logits = output.logits + torch.linspace(0, 2, output.logits.shape[-1], dtype=output.logits.dtype)
        return output

    policy.forward = forward
    with caplog.at_level(logging.WARNING):
        engine = build_engine(policy)
    assert "logits differ" in engine.layout_note and "logits differ" in caplog.text
    logps, own = engine.forward(PAIRS, grad=False), own_logps(policy, PAIRS).detach()
    assert float(((logps - own) / own).abs().max()) <= 1e-9
