"""A bfloat16 model on a CPU: nearer to float64 than transformers' own bfloat16, and its start bit for bit."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import nn

from py_backend.engine import build_engine, float32_stream

from .tiny import PAIRS, gradients, model, own_logps, with_adapter


def policy(name: str, dtype: torch.dtype = torch.bfloat16) -> nn.Module:
    """Weights rounded to bfloat16, adapters not; both exact in the wider dtype."""
    made = with_adapter(model(name, torch.bfloat16)).to(dtype)
    for key, matrix in made.named_parameters():
        if "lora_" in key and dtype == torch.bfloat16:
            matrix.data = matrix.data.float()
    return made


def errors(got: nn.Module, logps: torch.Tensor, exact: nn.Module) -> tuple[float, float]:
    """(root mean square of log-probs in nats, relative norm over all gradients), against float64."""
    own = own_logps(exact, PAIRS)
    expected, found = gradients(exact, own), gradients(got, logps)
    off = sum(float((found[key].double() - expected[key]).norm()) ** 2 for key in expected)
    whole = sum(float(expected[key].norm()) ** 2 for key in expected)
    return float((logps.detach() - own.detach()).square().mean().sqrt()), (off / whole) ** 0.5


@pytest.mark.numeric
def test_log_probs_and_gradients_are_at_least_as_exact_as_the_models_own() -> None:
    """Over architectures together: of one alone, chance decides as much."""
    ratios = []
    for name in ("llama", "qwen2", "mistral", "granite"):
        exact = policy(name, torch.float64)
        own, ours = policy(name), policy(name)
        own_errors = errors(own, own_logps(own, PAIRS), exact)
        engine = build_engine(ours)
        assert engine.layout == "shared" and is_mixed(ours)
        found = errors(ours, engine.forward(PAIRS, grad=True), exact)
        ratios.append([ours_off / own_off for ours_off, own_off in zip(found, own_errors, strict=True)])
    logps, grads = (sum(column) / len(column) for column in zip(*ratios, strict=True))
    assert logps <= 1 and grads <= 1


def is_mixed(made: nn.Module) -> bool:
    return len(made.get_input_embeddings()._forward_hooks) == 1


@pytest.mark.numeric
def test_an_untrained_adapter_scores_exactly_as_the_model_without_it() -> None:
    made = policy("llama")
    with torch.no_grad():
        for key, matrix in made.named_parameters():
            if "lora_B" in key:
                matrix.zero_()
    engine = build_engine(build_twice(made))
    with made.disable_adapter():
        start = engine.forward(PAIRS, grad=False)
    assert torch.equal(engine.forward(PAIRS, grad=True).detach(), start)


def build_twice(made: nn.Module) -> nn.Module:
    """A model is prepared when it is loaded and again when an adapter comes: nothing may be put in twice."""
    build_engine(made)
    build_engine(made)
    assert is_mixed(made)
    return made


def test_the_model_still_generates() -> None:
    made = policy("llama").eval()
    build_engine(made)
    prompt = torch.tensor([PAIRS[0].prefix])
    text = made.generate(input_ids=prompt, max_new_tokens=4, do_sample=False)
    assert text.shape == (1, prompt.shape[1] + 4)


@pytest.mark.parametrize("name", ["gpt2", "gemma3"])
def test_models_with_norms_of_another_kind_run_in_bfloat16_throughout(name: str) -> None:
    made = policy(name)
    engine = build_engine(made)
    assert not is_mixed(made)
    assert torch.isfinite(engine.forward(PAIRS, grad=False)).all()


def test_what_does_not_work_is_taken_out_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = policy("llama")
    monkeypatch.setattr(float32_stream, "_narrow", lambda module, arguments: arguments)
    with caplog.at_level(logging.WARNING):
        engine = build_engine(made)
    assert "bfloat16 throughout" in caplog.text and not is_mixed(made)
    assert torch.isfinite(engine.forward(PAIRS, grad=False)).all()
