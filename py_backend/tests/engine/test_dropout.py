"""Dropout on adapters: one draw of masks is used by forward, backward and every recomputation."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from py_backend.engine import Engine, build_engine, pair_dropout
from py_backend.engine.pair_dropout import MaskPart
from py_backend.engine.rows import shared_rows

from .tiny import COEFFICIENTS, PAIRS, gradients, largest_relative_difference, model, own_logps, with_adapter


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


def _packed(policy) -> Engine:
    engine = build_engine(policy)
    engine._lay_out = lambda pairs: shared_rows(pairs, torch.device("cpu"), pack=True)
    return engine


@pytest.mark.numeric
@pytest.mark.parametrize("layout", ["shared", "plain"])
def test_masks_belong_to_a_pair_and_not_to_its_company(layout: str) -> None:
    policy = _policy()
    engine = build_engine(policy, layout=layout)
    seeds = list(range(101, 101 + len(PAIRS)))
    together = engine.forward(PAIRS, grad=True, seeds=seeds)
    expected = gradients(policy, together)
    order = [2, 0, *range(3, len(PAIRS)), 1]
    backwards = engine.forward([PAIRS[i] for i in order], grad=False, seeds=[seeds[i] for i in order])
    assert torch.equal(backwards.view(-1, 2), together.detach().view(-1, 2)[order])
    for at, (pair, seed) in enumerate(zip(PAIRS, seeds, strict=True)):
        torch.manual_seed(at)  # torch's own generator plays no part
        alone = engine.forward([pair], grad=True, seeds=[seed])
        assert torch.equal(alone.detach(), together.detach()[2 * at : 2 * at + 2])
        alone.backward(COEFFICIENTS[2 * at : 2 * at + 2])
    added = {name: p.grad for name, p in policy.named_parameters() if p.grad is not None}
    assert largest_relative_difference(added, expected) <= 1e-12
    assert not torch.equal(engine.forward(PAIRS, grad=False, seeds=[seed + 1 for seed in seeds]), together)


@pytest.mark.parametrize("checkpointing", ["off", "full"])
def test_a_packed_row_has_the_masks_of_its_pairs(checkpointing: str) -> None:
    policy = _policy()
    seeds = list(range(101, 101 + len(PAIRS)))
    alone = build_engine(policy, checkpointing=checkpointing).forward(PAIRS, grad=True, seeds=seeds)
    expected = gradients(policy, alone)
    packed = _packed(policy).forward(PAIRS, grad=True, seeds=seeds)
    assert float((packed.detach() - alone.detach()).abs().max()) <= 1e-11
    assert largest_relative_difference(gradients(policy, packed), expected) <= 1e-11


def test_a_share_of_the_input_is_left_out_and_the_rest_is_scaled_up() -> None:
    dropout = nn.ModuleDict({"lora_dropout": nn.Dropout(0.25)})
    pair_dropout.install(dropout)
    x = torch.ones(1, 400, 100)
    with pair_dropout.masks_of((MaskPart(0, 0, 300, 5), MaskPart(1, 0, 100, 5)), [7, 8]):
        y = dropout["lora_dropout"](x)
        assert y.unique().tolist() == [0.0, pytest.approx(4 / 3)]
        assert float((y == 0).float().mean()) == pytest.approx(0.25, abs=0.01)
        assert not torch.equal(y[:, :100], y[:, 300:])
        assert torch.equal(dropout["lora_dropout"](x), y)
        assert torch.equal(dropout.eval()["lora_dropout"](x), x)


@pytest.mark.parametrize("checkpointing", ["off", "full"])
@pytest.mark.parametrize(
    ("name", "chances"),
    [
        ("gpt2", ("resid_pdrop", "embd_pdrop", "attn_pdrop")),
        ("starcoder2", ("residual_dropout", "embedding_dropout", "attention_dropout")),
        ("opt", ("dropout", "attention_dropout", "layerdrop")),
        ("mixtral", ("router_jitter_noise",)),
    ],
)
def test_nothing_in_the_base_model_is_left_to_chance(name: str, chances: tuple[str, ...], checkpointing: str) -> None:
    dtype = torch.float32 if name == "mixtral" else torch.float64
    policy = with_adapter(model(name, dtype, **dict.fromkeys(chances, 0.3)))
    engine = build_engine(policy, checkpointing=checkpointing)
    policy.train()
    trained = engine.forward(PAIRS, grad=True)
    assert torch.equal(trained.detach(), engine.forward(PAIRS, grad=False))
    assert gradients(policy, trained)
    policy.eval()
    assert torch.equal(trained.detach(), engine.forward(PAIRS, grad=False))
    own = own_logps(policy, PAIRS).detach()
    assert float(((trained.detach() - own) / own).abs().max()) <= (1e-4 if dtype == torch.float32 else 1e-9)
