"""The shared row gives what the definition gives: log-probs and the gradient of every trained matrix."""

from __future__ import annotations

import pytest
import torch

from py_backend.engine import build_engine

from .tiny import (
    ARCHITECTURES,
    PAIRS,
    gradients,
    largest_relative_difference,
    model,
    own_logps,
    with_adapter,
)

# Gemma 2's eager attention of transformers rounds its softmax to float32 whatever the dtype.
TOLERANCE_64 = dict.fromkeys(ARCHITECTURES, 1e-09) | {"gemma2": 2e-6}


def _both(policy, layout="auto", checkpointing="off"):
    """(log-probs, gradients) of the engine and of the definition, on one model."""
    engine = build_engine(policy, layout=layout, checkpointing=checkpointing)
    logps = engine.forward(PAIRS, grad=True)
    own = own_logps(policy, PAIRS)
    return engine, (logps.detach(), gradients(policy, logps)), (own.detach(), gradients(policy, own))


@pytest.mark.parametrize("checkpointing", ["off", "selective", "full"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_adapter_gradients_equal_the_definition_in_float64(name: str, checkpointing: str) -> None:
    engine, (logps, grads), (own, own_grads) = _both(with_adapter(model(name)), checkpointing=checkpointing)
    assert engine.layout == "shared", engine.layout_note
    assert engine.checkpointing == checkpointing
    assert float(((logps - own) / own).abs().max()) <= TOLERANCE_64[name]
    assert len(grads) >= 24
    assert largest_relative_difference(grads, own_grads) <= TOLERANCE_64[name]


@pytest.mark.numeric
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_adapter_gradients_equal_the_definition_in_float32(name: str) -> None:
    _, (logps, grads), (own, own_grads) = _both(with_adapter(model(name, torch.float32)))
    assert float(((logps - own) / own).abs().max()) <= 1e-5
    assert largest_relative_difference(grads, own_grads) <= 1e-5


@pytest.mark.parametrize("name", ["llama", "gemma3", "gpt2"])
def test_plain_layout_equals_the_definition(name: str) -> None:
    engine, (logps, grads), (own, own_grads) = _both(with_adapter(model(name)), layout="plain")
    assert engine.layout == "plain"
    assert float(((logps - own) / own).abs().max()) <= 1e-9
    assert largest_relative_difference(grads, own_grads) <= 1e-9


@pytest.mark.parametrize("name", ["llama", "gemma3", "gpt2", "granite"])  # untied, tied with softcap, tied, scaled
def test_full_fine_tuning_trains_every_weight_as_the_definition_does(name: str) -> None:
    _, (logps, grads), (own, own_grads) = _both(model(name))
    assert float(((logps - own) / own).abs().max()) <= 1e-9
    assert any("embed" in key or "wte" in key for key in grads)
    assert largest_relative_difference(grads, own_grads) <= 1e-9


def test_an_adapter_on_the_head_is_trained_too() -> None:
    policy = with_adapter(model("llama"), targets=["q_proj", "lm_head"])
    _, (logps, grads), (own, own_grads) = _both(policy)
    assert any("lm_head" in key for key in grads)
    assert float(((logps - own) / own).abs().max()) <= 1e-9
    assert largest_relative_difference(grads, own_grads) <= 1e-9


@pytest.mark.numeric
def test_bfloat16_stays_within_its_rounding() -> None:
    policy = with_adapter(model("llama", torch.bfloat16))
    _, (logps, _), _ = _both(policy)
    exact = own_logps(with_adapter(model("llama", torch.float64)), PAIRS).detach()
    assert float((logps - exact).abs().max()) <= 0.05 * float(exact.abs().max())


@pytest.mark.numeric
def test_a_pair_does_not_depend_on_its_company() -> None:
    engine = build_engine(with_adapter(model("mistral", torch.float32)))
    together = engine.forward(PAIRS, grad=False)
    alone = torch.cat([engine.forward([pair], grad=False) for pair in PAIRS])
    assert torch.equal(together, alone)


@pytest.mark.numeric
def test_scoring_and_training_give_the_same_bits() -> None:
    engine = build_engine(with_adapter(model("qwen2-mixed", torch.float32)))
    assert torch.equal(engine.forward(PAIRS, grad=True).detach(), engine.forward(PAIRS, grad=False))


@pytest.mark.numeric
def test_an_untrained_adapter_scores_exactly_as_the_model_without_it() -> None:
    policy = with_adapter(model("llama", torch.float32))
    with torch.no_grad():
        for key, matrix in policy.named_parameters():
            if "lora_B" in key:
                matrix.zero_()
    engine = build_engine(policy)
    with policy.disable_adapter():
        start = engine.forward(PAIRS, grad=False)
    assert torch.equal(engine.forward(PAIRS, grad=True).detach(), start)
