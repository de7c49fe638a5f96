"""Out of memory within a step: what is told, and that the step can be had afterwards. On a trainer without a server."""

from __future__ import annotations

import pytest
import torch

from py_backend.engine import build_engine
from py_backend.faults import Fault
from py_backend.tests.engine.tiny import PAIRS, model, with_adapter
from py_backend.training import trainer as trainer_module
from py_backend.training.checkpoint import Snapshot
from py_backend.training.optimizers import OptimizerSpec, apply_update, create_optimizer
from py_backend.training.policy import LoraSpec, Policy
from py_backend.training.trainer import Trainer

GRADIENTS = [1.0, -1.0] * len(PAIRS)


@pytest.fixture
def trainer() -> Trainer:
    policy = Policy(with_adapter(model("llama")), LoraSpec(r=4, alpha=8, dropout=0.0, target_modules=()), False)
    return Trainer("model", policy, build_engine(policy.model), 0, OptimizerSpec("adamw", 0.9, 0.999, 1e-8))


def fail(*_arguments: object, **_options: object) -> None:
    raise torch.OutOfMemoryError("tried to allocate 2.00 GiB")


def whole_step(trainer: Trainer) -> float:
    logps, _ = trainer.forward(1, 0, PAIRS, 5)
    trainer.backward(1, 0, GRADIENTS)
    assert not trainer.commit(1, [0], 0.01, 0.0, 1.0).skipped
    return sum(logps)


def test_in_a_backward_the_step_is_dropped_and_can_be_sent_again(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer.forward(1, 0, PAIRS, 5)
    with monkeypatch.context() as patch:
        patch.setattr(torch.autograd, "backward", fail)
        with pytest.raises(Fault) as caught:
            trainer.backward(1, 0, GRADIENTS)
    assert caught.value.reason == "OUT_OF_MEMORY"
    with pytest.raises(Fault, match="no micro-batches|holds"):
        trainer.commit(1, [0], 0.01, 0.0, 1.0)
    whole_step(trainer)


def test_in_a_commit_nothing_is_applied_and_the_step_can_be_sent_again(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = trainer.snapshot(0)
    trainer.forward(1, 0, PAIRS, 5)
    trainer.backward(1, 0, GRADIENTS)
    with monkeypatch.context() as patch:
        patch.setattr(trainer_module, "clip_gradients", fail)
        with pytest.raises(Fault, match="step 1 was dropped") as caught:
            trainer.commit(1, [0], 0.01, 0.0, 1.0)
    assert caught.value.reason == "OUT_OF_MEMORY"
    assert_same(trainer.snapshot(0), before)
    whole_step(trainer)


def test_an_update_allocates_nothing_the_size_of_weights() -> None:
    """So that it cannot run out of memory half-way. bitsandbytes' optimizer does so on a GPU only."""
    weights = [torch.nn.Parameter(torch.randn(1 << 16)) for _ in range(4)]
    made = create_optimizer(OptimizerSpec("adamw", 0.9, 0.999, 1e-8), weights)
    for weight in weights:
        weight.grad = torch.randn_like(weight)
    apply_update(made, 0.0, 0.0)
    with torch.profiler.profile(profile_memory=True) as profile:
        apply_update(made, 0.01, 0.1)
    allocated = sum(max(0, event.self_device_memory_usage, event.self_cpu_memory_usage) for event in profile.events())
    assert allocated < weights[0].nbytes / 10


def test_an_update_that_fails_all_the_same_ends_the_trust_in_the_weights_until_a_checkpoint_is_loaded(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_step(trainer)
    kept = trainer.snapshot(1)
    trainer.forward(2, 0, PAIRS, 5)
    trainer.backward(2, 0, GRADIENTS)
    with monkeypatch.context() as patch:
        patch.setattr(trainer_module, "apply_update", fail)
        with pytest.raises(Fault) as caught:
            trainer.commit(2, [0], 0.01, 0.0, 1.0)
    assert caught.value.reason == "TRAINER_LOST"
    for ask in (lambda: trainer.forward(2, 0, PAIRS, 5), lambda: trainer.snapshot(1)):
        with pytest.raises(Fault, match="failed half-way"):
            ask()
    trainer.restore(kept)
    trainer.forward(2, 0, PAIRS, 5)
    assert_same(trainer.snapshot(1), kept)


def assert_same(left: Snapshot, right: Snapshot) -> None:
    assert list(left.files()) == list(right.files())
