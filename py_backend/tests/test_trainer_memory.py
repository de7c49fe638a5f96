"""Out of memory within a step: what is told, and that the step can be had afterwards. On a trainer without a server."""

from __future__ import annotations

import pytest
import torch

from py_backend.engine import build_engine
from py_backend.faults import Fault
from py_backend.tests.engine.tiny import PAIRS, model, with_adapter
from py_backend.training import trainer as trainer_module
from py_backend.training.optimizers import OptimizerSpec
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


def test_in_a_commit_nothing_is_promised(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer.forward(1, 0, PAIRS, 5)
    trainer.backward(1, 0, GRADIENTS)
    with monkeypatch.context() as patch:
        patch.setattr(trainer_module, "apply_update", fail)
        with pytest.raises(Fault, match="no memory for the optimizer") as caught:
            trainer.commit(1, [0], 0.01, 0.0, 1.0)
    assert caught.value.reason != "OUT_OF_MEMORY"  # a client would send the step again
    assert all(parameter.grad is None for parameter in trainer.policy.parameters())
    whole_step(trainer)
