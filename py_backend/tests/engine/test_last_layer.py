"""The last layer's output projection and MLP run for scored tokens only, where that changes no number.

That the numbers are right with it is what test_exactness shows, for every architecture and with checkpointing.
"""

from __future__ import annotations

import logging

import pytest
import torch

from py_backend.engine import build_engine
from py_backend.engine.rows import shared_rows

from .tiny import PAIRS, model, own_logps, with_adapter


def _rows_seen(module: torch.nn.Module) -> list[int]:
    """Filled with the number of tokens of each pass through the module."""
    seen: list[int] = []
    own = module.forward
    module.forward = lambda x, *more: (seen.append(x.shape[1]), own(x, *more))[1]
    return seen


@pytest.mark.parametrize("checkpointing", ["off", "full"])
def test_only_scored_tokens_pass_through_the_last_mlp(checkpointing: str) -> None:
    policy = with_adapter(model("llama"))
    engine = build_engine(policy, checkpointing=checkpointing)
    policy.train()
    first, last = (policy.get_base_model().model.layers[i].mlp for i in (0, -1))
    seen_first, seen_last = _rows_seen(first), _rows_seen(last)
    engine.forward(PAIRS[:1], grad=True).sum().backward()

    row = shared_rows(PAIRS[:1], torch.device("cpu"), pack=False)[0]
    tokens, scored = row.input_ids.shape[1], len(set(row.score_at.tolist()))
    assert scored < tokens
    passes = 2 if checkpointing == "full" else 1
    assert seen_first == [tokens] * passes
    assert seen_last == [scored] * passes


def test_the_models_own_forward_still_computes_every_token() -> None:
    policy = model("llama")
    build_engine(policy)
    seen = _rows_seen(policy.model.layers[-1].mlp)
    policy(input_ids=torch.arange(20)[None])
    assert seen == [20]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_an_adapter_that_comes_later_wraps_no_hooks(dtype: torch.dtype, dropout: float) -> None:
    """As in the backend: an engine for scoring when the model is loaded, another one when it gets its adapter."""
    base = model("llama", dtype)
    build_engine(base)
    policy = with_adapter(base, targets=["o_proj", "down_proj", "gate_proj"], dropout=dropout)
    for name, parameter in policy.named_parameters():
        if "lora_" in name:
            parameter.data = parameter.data.float()
    engine = build_engine(policy)
    policy.train()
    engine.forward(PAIRS, grad=True).sum().backward()
    policy.eval()
    tolerance = 1e-5 if dtype == torch.float32 else 2e-2
    on, own = engine.forward(PAIRS, grad=False), own_logps(policy, PAIRS).detach()
    assert float(((on - own) / own).abs().max()) <= tolerance
    with policy.disable_adapter():
        off, own = engine.forward(PAIRS, grad=False), own_logps(policy, PAIRS).detach()
    assert float(((off - own) / own).abs().max()) <= tolerance


def test_an_mlp_that_mixes_tokens_is_left_whole(caplog: pytest.LogCaptureFixture) -> None:
    policy = with_adapter(model("llama"))
    mlp = policy.get_base_model().model.layers[-1].mlp
    mlp.register_forward_hook(lambda _module, _arguments, output: output + 0.3 * output.cumsum(1))
    with caplog.at_level(logging.WARNING):
        engine = build_engine(policy)
    assert "the last layer runs for all tokens: hidden states differ by" in caplog.text
    logps, own = engine.forward(PAIRS, grad=False), own_logps(policy, PAIRS).detach()
    assert float(((logps - own) / own).abs().max()) <= 1e-9


def test_an_mlp_that_gives_more_than_a_tensor_is_left_whole(caplog: pytest.LogCaptureFixture) -> None:
    policy = model("llama")
    layer = policy.model.layers[-1]
    own_forward = layer.mlp.forward
    layer.mlp.forward = lambda x: (own_forward(x), None)
    layer.forward = _taking_the_first(layer)
    with caplog.at_level(logging.WARNING):
        engine = build_engine(policy)
    assert "gives tuple, not a tensor" in caplog.text
    logps, own = engine.forward(PAIRS, grad=False), own_logps(policy, PAIRS).detach()
    assert float(((logps - own) / own).abs().max()) <= 1e-9


def _taking_the_first(layer: torch.nn.Module):
    """A layer whose MLP answers (hidden states, router logits), as mixtures of experts do."""

    def forward(hidden_states, **options):
        attended, _ = layer.self_attn(hidden_states=layer.input_layernorm(hidden_states), **options)
        hidden_states = hidden_states + attended
        return hidden_states + layer.mlp(layer.post_attention_layernorm(hidden_states))[0]

    return forward
