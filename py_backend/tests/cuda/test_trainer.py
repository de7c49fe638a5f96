"""A trainer's whole step on a fake GPU: where the host waits for the device, and what moves between the two."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from py_backend.engine import build_engine
from py_backend.generation import Sampling, SeededSampling, keep_top_p
from py_backend.scoring import score_rows
from py_backend.tests.cuda.fake_device import DEVICE, gpu, on_device
from py_backend.tests.cuda.meter import Meter
from py_backend.tests.cuda.models import put_on_device, quantised, tiny_outline, with_adapter
from py_backend.tests.engine.tiny import PAIRS
from py_backend.training.optimizers import OptimizerSpec
from py_backend.training.policy import LoraSpec, Policy
from py_backend.training.trainer import Trainer

LORA = LoraSpec(r=4, alpha=8, dropout=0.0, target_modules=())
SOME = PAIRS[:2]
ADAMW = OptimizerSpec("adamw", 0.9, 0.999, 1e-8)

WAITS = {
    "log-probs": 2,  # one a micro-batch: they go to the loss, which is not computed here
    "norm of the gradients": 1,  # a commit clips by it and must know whether it is a number
}
"""All points of a step of two micro-batches at which the host waits, and why."""
OVERFLOW = {"float16: whether a backward overflowed": 2}  # one a micro-batch: then it is repeated with a smaller scale


def step(trainer: Trainer, number: int) -> None:
    for micro_batch in (0, 1):
        logps, _ = trainer.forward(number, micro_batch, SOME, 3)
        trainer.backward(number, micro_batch, [0.1] * len(logps))
    assert not trainer.commit(number, [0, 1], 1e-4, 0.01, 1.0).skipped


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        ("none", torch.bfloat16),
        ("nf4", torch.bfloat16),
        ("int8", torch.float16),
        ("all weights", torch.bfloat16),
    ],
)
def test_a_step_waits_only_where_it_must(kind: str, dtype: torch.dtype) -> None:
    base = tiny_outline("qwen2-mixed", dtype)
    if kind == "all weights":
        model, lora = base.train(), None
    else:
        model, lora = with_adapter(quantised(base, kind) if kind in ("nf4", "int8") else base, dropout=0.0), LORA
    with on_device(), Meter() as meter:
        put_on_device(model)
        engine = build_engine(model, checkpointing="full")
        assert engine.layout == "shared", engine.layout_note
        trainer = Trainer("model-1", Policy(model, lora, False), engine, 7, ADAMW, deterministic=kind == "none")
        for master in trainer._parameters:
            assert (master.device, master.dtype) == (DEVICE, torch.float32)
        step(trainer, 1)
        gpu.reads.clear()
        meter.restart()
        step(trainer, 2)
        assert gpu.reads == Counter(WAITS | (OVERFLOW if dtype == torch.float16 else {}))
        assert [place for place in meter.copies if place[0] == "TO HOST"] == []
        # Two a forward (the row; what the kernel must know of it) and one a backward (dL/dlogp); one for the norm.
        assert meter.copies.total() <= 2 * 3 + 1, meter.copies
        snapshot = trainer.snapshot(2)
        assert {tensor.device.type for tensor in (*snapshot.policy.values(), *snapshot.state.values())} == {"cpu"}
        assert {tensor.dtype for tensor in snapshot.policy.values()} == {torch.float32}
        trainer.restore(snapshot)
        step(trainer, 3)


def test_scoring_waits_once_a_batch() -> None:
    class Row:
        prefix, chosen, rejected = SOME[0].prefix, SOME[0].chosen, SOME[0].rejected

        def pair(self):
            return SOME[0]

    model = tiny_outline("llama", torch.bfloat16).eval()
    with on_device(), Meter() as meter:
        put_on_device(model)
        engine = build_engine(model)
        gpu.reads.clear()
        meter.restart()
        score_rows(engine, [Row()] * 6, range(6), lambda indices, logps: None, max_tokens=100)
        assert gpu.reads == Counter({"log-probs": 3})
        assert meter.copies.total() <= 2 * 3


def test_sampling_draws_on_the_device() -> None:
    with on_device(), Meter() as meter:
        scores = torch.empty(4, 1000, dtype=torch.bfloat16, device=DEVICE)
        chosen = SeededSampling(Sampling(5, 0.7, 0.9, 1), [0, 1, 2, 3], DEVICE)(scores, scores)
        assert (chosen.device, chosen.dtype, chosen.shape) == (DEVICE, torch.float32, (4, 1000))
        assert keep_top_p(chosen, 0.5).device == DEVICE
        assert meter.copies.total() == 0
