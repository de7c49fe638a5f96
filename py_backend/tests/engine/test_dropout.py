"""Dropout on adapters: one draw of masks is used by forward, backward and every recomputation."""

from __future__ import annotations

import pytest
import torch

from py_backend.engine import build_engine

from .tiny import COEFFICIENTS, PAIRS, gradients, largest_relative_difference, model, with_adapter


def _policy():
    return with_adapter(model("llama"), dropout=0.3)


def _run(policy, checkpointing: str, seed: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    engine = build_engine(policy, checkpointing=checkpointing)
    torch.manual_seed(seed)
    logps = engine.forward(PAIRS, grad=True)
    torch.manual_seed(seed + 1)  # whatever is drawn between the two passes must not matter
    return logps.detach(), gradients(policy, logps)


@pytest.mark.parametrize("checkpointing", ["selective", "full"])
def test_recomputation_draws_the_same_masks(checkpointing: str) -> None:
    policy = _policy()
    logps, grads = _run(policy, "off", 5)
    again, recomputed = _run(policy, checkpointing, 5)
    assert torch.equal(logps, again)
    assert largest_relative_difference(recomputed, grads) <= 1e-12


@pytest.mark.parametrize("checkpointing", ["off", "full"])
def test_gradient_under_dropout_is_the_slope_of_the_loss_with_those_masks(checkpointing: str) -> None:
    policy = _policy()
    _, grads = _run(policy, checkpointing, 5)
    generator = torch.Generator().manual_seed(0)
    trained = dict(policy.named_parameters())
    direction = {key: torch.randn(grads[key].shape, generator=generator, dtype=torch.float64) for key in grads}
    slope = sum(float((grads[key] * direction[key]).sum()) for key in grads)

    def loss(step: float) -> float:
        with torch.no_grad():
            for key, shift in direction.items():
                trained[key].add_(shift, alpha=step)
            torch.manual_seed(5)
            value = float((engine.forward(PAIRS, grad=False) * COEFFICIENTS).sum())
            for key, shift in direction.items():
                trained[key].sub_(shift, alpha=step)
        return value

    engine = build_engine(policy, checkpointing=checkpointing)
    measured = (loss(3e-6) - loss(-3e-6)) / 6e-6
    assert abs(measured - slope) <= 1e-6 * abs(slope)


def test_dropout_changes_log_probs_in_training_and_not_in_evaluation() -> None:
    policy = _policy()
    logps, _ = _run(policy, "off", 5)
    other, _ = _run(policy, "off", 6)
    assert not torch.equal(logps, other)
    policy.eval()
    engine = build_engine(policy)
    torch.manual_seed(5)
    first = engine.forward(PAIRS, grad=False)
    assert torch.equal(first, engine.forward(PAIRS, grad=False))


def test_the_base_model_has_no_dropout_of_its_own() -> None:
    base = model("gpt2", resid_pdrop=0.2, embd_pdrop=0.2, attn_pdrop=0.2)
    engine = build_engine(base)
    assert torch.equal(engine.forward(PAIRS, grad=False), engine.forward(PAIRS, grad=False))
