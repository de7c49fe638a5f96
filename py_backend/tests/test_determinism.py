"""Deterministic algorithms: on in every pass of a trainer that asks for them, off behind it, and refused by name."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from py_backend import backend as backend_module
from py_backend.backend import Backend
from py_backend.engine import build_engine
from py_backend.faults import Fault
from py_backend.models.spec import ModelSpec
from py_backend.progress import silent
from py_backend.roots import Roots
from py_backend.rpc import wire
from py_backend.tests.client import pb
from py_backend.tests.engine import tiny
from py_backend.tokens.pair_text import Message, PairText, TokenRule
from py_backend.training.determinism import deterministic_algorithms
from py_backend.training.optimizers import OptimizerSpec
from py_backend.training.policy import LoraSpec, Policy
from py_backend.training.trainer import Trainer
from py_backend.values import TrainerSpec
from tiny_models import tiny_model

ADAMW = OptimizerSpec("adamw", 0.9, 0.999, 1e-8)


@pytest.mark.parametrize("asked", [False, True])
def test_every_pass_of_a_trainer_runs_with_what_was_asked(asked: bool) -> None:
    model = tiny.with_adapter(tiny.model("llama", torch.float32))
    engine = build_engine(model)
    seen: list[bool] = []

    def look(*_: object) -> None:
        seen.append(torch.are_deterministic_algorithms_enabled())

    layer = next(module for module in model.modules() if type(module).__name__ == "LlamaDecoderLayer")
    layer.register_forward_hook(look)
    layer.register_full_backward_hook(look)
    trainer = Trainer("model-1", Policy(model, LoraSpec(4, 8, 0.0, ()), False), engine, 7, ADAMW, asked)
    logps, _ = trainer.forward(1, 0, tiny.PAIRS[:2], 3)
    trainer.backward(1, 0, [0.1] * len(logps))
    assert seen == [asked] * 4  # two pairs, there and back
    assert not torch.are_deterministic_algorithms_enabled()


def test_the_request_carries_it() -> None:
    request = pb.CreateTrainerRequest(adam_beta1=0.9, adam_beta2=0.999, adam_epsilon=1e-8)
    assert not wire.trainer_spec(request).deterministic
    request.deterministic = True
    assert wire.trainer_spec(request).deterministic


def test_what_cannot_be_repeated_is_refused_by_name() -> None:
    values = torch.zeros(4)
    with (
        pytest.raises(Fault, match="training.deterministic: put_ of this model") as refused,
        deterministic_algorithms(),
    ):
        values.put_(torch.tensor([0, 0]), torch.tensor([1.0, 2.0]))
    assert refused.value.reason == "UNSUPPORTED"
    assert not torch.are_deterministic_algorithms_enabled()
    with pytest.raises(RuntimeError, match="shape"), deterministic_algorithms():
        raise RuntimeError("another one, of a shape")
    with pytest.raises(Fault, match="expected :4096:8"), deterministic_algorithms():
        raise RuntimeError("set an environment variable: CUBLAS_WORKSPACE_CONFIG=:4096:8")


def test_what_was_on_before_is_on_again() -> None:
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with deterministic_algorithms():
            assert not torch.is_deterministic_algorithms_warn_only_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("asked", [False, True])
def test_evaluations_of_the_policy_run_with_it_too(asked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Backend(Roots(), torch.device("cpu"))
    model = backend.load(ModelSpec(source=str(tiny_model("llama"))), silent).handle
    rows = backend.open_rows(model, TokenRule(64, "drop", "paper", return_tokens=False))
    pair = PairText(*([Message("user", text)] for text in ("a", "b", "c")), plain=True)
    backend.tokenize(rows, [pair], lambda: None)
    seen: list[bool] = []
    scored = backend_module.score_rows

    def look(*given: Any) -> None:
        seen.append(torch.are_deterministic_algorithms_enabled())
        scored(*given)

    monkeypatch.setattr(backend_module, "score_rows", look)
    backend.score(rows, [], False, lambda *_: None)
    spec = TrainerSpec(LoraSpec(2, 4, 0.0, ()), 1, ADAMW, "off", asked)
    assert backend.create_trainer(model, spec).deterministic == asked
    for adapter_off in (False, True):
        backend.score(rows, [], adapter_off, lambda *_: None)
    assert seen == [False, asked, asked]
