"""A training step on a GPU that is not there, for every architecture: a part of `npm run bench -- gpu` without a GPU.

Real code on fake tensors (see py_backend/tests/cuda/fake_device.py): layout, bytes, kernels, copies and waits are those
of a GPU; nothing is told of values and time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import torch

from py_backend.engine import build_engine
from py_backend.tests.cuda.fake_device import gpu, on_device
from py_backend.tests.cuda.meter import Meter
from py_backend.tests.cuda.models import put_on_device, quantised, tiny_outline, with_adapter
from py_backend.tests.engine.tiny import ARCHITECTURES, PAIRS
from py_backend.training.optimizers import OptimizerSpec
from py_backend.training.policy import LoraSpec, Policy
from py_backend.training.trainer import Trainer

LAYERS = 3
LORA = LoraSpec(r=4, alpha=8, dropout=0.0, target_modules=())
KINDS = (
    ("adapter", torch.bfloat16, "off"),
    ("adapter", torch.bfloat16, "full"),
    ("adapter, nf4", torch.bfloat16, "full"),
    ("adapter, int8", torch.bfloat16, "full"),
    ("all weights", torch.bfloat16, "off"),
    ("adapter", torch.float16, "off"),
    ("adapter", torch.float32, "off"),
)
"""What is trained, number format, recomputed layers."""
HEAD = f"""## One step of every architecture

Tiny models of {LAYERS} layers, {len(PAIRS)} pairs in one micro-batch; a Forward, a Backward and a Commit. Bytes a token
beside the weights: kept between Forward and Backward, and the most at once. Waits: where the host stands still for the
device (log-probs go to the loss, the gradients' norm to the commit; float16 looks for an overflow). Copies to the host
are those of tensors, beside these numbers.

| architecture | trained | format | recomputed | layout | kept, kB | peak, kB | kernels | a layer | waits | copies |
|---|---|---|---|---|---:|---:|---:|---:|---:|---:|
"""


def section() -> str:
    """The table."""
    return HEAD + "".join(_lines())


def _lines() -> Iterator[str]:
    for name in ARCHITECTURES:
        begun = time.perf_counter()
        for kind, dtype, mode in KINDS:
            if name == "gpt2" and ", " in kind:
                continue  # bitsandbytes quantises no Conv1D
            yield _line(name, kind, dtype, mode)
        print(f"one step, {name}  {time.perf_counter() - begun:.1f} s", file=sys.stderr, flush=True)


def _line(name: str, kind: str, dtype: torch.dtype, mode: str) -> str:
    cells = [name, kind, str(dtype).removeprefix("torch."), mode]
    try:
        cells += _step(name, kind, dtype, mode)
    except Exception as error:  # noqa: BLE001 - a combination that fails is a finding
        cells.append(f"FAILED: {type(error).__name__}: {str(error).splitlines()[0][:160]}")
    return f"| {' | '.join(cells)} |\n"


def _step(name: str, kind: str, dtype: torch.dtype, mode: str) -> list[str]:
    base = tiny_outline(name, dtype)
    if kind == "all weights":
        model = base.train()
    else:
        _, _, packed = kind.partition(", ")
        model = with_adapter(quantised(base, packed) if packed else base, dropout=0.0)
    with on_device(), Meter() as meter:
        put_on_device(model)
        meter.count([*model.parameters(), *model.buffers()])
        engine = build_engine(model, checkpointing=mode, write_out=False)
        trainer = Trainer("model-1", Policy(model, None if kind == "all weights" else LORA, False), engine, 7, _ADAMW)
        _once(trainer, 1)  # the optimizer's state is there from now on
        gpu.reads.clear()
        meter.restart()
        start = meter.alive
        logps, _ = trainer.forward(2, 0, PAIRS, 3)
        kept = meter.alive - start
        trainer.backward(2, 0, [0.1] * len(logps))
        trainer.commit(2, [0], 1e-4, 0.0, 1.0)
        tokens, kernels = sum(pair.tokens for pair in PAIRS), meter.kernels.total()
        host = sum(count for place, count in meter.copies.items() if place[0] == "TO HOST")
        sizes = (kept / tokens, (meter.peak - start) / tokens)
        counts = (kernels, round(kernels / LAYERS), gpu.reads.total(), host)
        return [engine.layout, *(f"{size / 1e3:.1f}" for size in sizes), *map(str, counts)]


def _once(trainer: Trainer, number: int) -> None:
    logps, _ = trainer.forward(number, 0, PAIRS, 3)
    trainer.backward(number, 0, [0.1] * len(logps))
    trainer.commit(number, [0], 1e-4, 0.0, 1.0)


_ADAMW = OptimizerSpec("adamw", 0.9, 0.999, 1e-8)
