"""The training step of a 7B-shaped model in NF4 on a GPU: a part of `npm run bench -- gpu`.

Random weights with the sizes of Llama-2-7B, an adapter of rank 8 on every linear layer, 8 pairs with 512 tokens each of
prompt, chosen and rejected.

Shown: pairs a second with every layer recomputed and with none, with packed weights and with written-out ones, with
each fused kernel and without, of short pairs, against TRL where its packages are there; peak memory, and the share of
what matrix products alone reach on this device (operations counted exactly, recomputation included). What comes first
matters most: rows for which no time is left are named.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

import bitsandbytes as bnb
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]
from step_ours import dpo  # noqa: E402

from py_backend.engine import Engine, OutOfMemory, TokenPair, build_engine  # noqa: E402
from py_backend.engine.fused import by_kernel, liger  # noqa: E402
from py_backend.memory import peak_memory_bytes  # noqa: E402
from py_backend.training.determinism import deterministic_algorithms  # noqa: E402

RANK = 8
FOR_TRL = 45  # seconds that are kept for it
RECOMPUTED = {"off": 0.0, "selective": 0.5, "full": 1.0}


@dataclass(frozen=True, slots=True)
class Shape:
    """side: tokens of the prompt, and of each response."""

    name: str
    width: int
    mlp: int
    layers: int
    heads: int
    vocabulary: int
    side: int
    pairs: int

    def config(self) -> LlamaConfig:
        return LlamaConfig(
            hidden_size=self.width,
            intermediate_size=self.mlp,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.heads,
            vocab_size=self.vocabulary,
            max_position_embeddings=4096,
            tie_word_embeddings=False,
            attn_implementation="sdpa",
        )


SEVEN_B = Shape("7B", 4096, 11008, 32, 32, 32000, side=512, pairs=8)
SHORT = replace(SEVEN_B, side=117)
"""Pairs as in everyday preference data: what the host does a step shows."""


def quantised_model(shape: Shape, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """Random weights; every linear layer but the head in NF4 with double quantisation. Never whole in 16 bits."""
    with torch.device("meta"):
        model = LlamaForCausalLM(shape.config()).to(dtype)
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Linear) and name != "lm_head":
            model.set_submodule(name, _nf4(module, device, dtype))
    for module in model.modules():
        for key, parameter in list(module.named_parameters(recurse=False)):
            if parameter.is_meta:
                drawn = torch.randn(parameter.shape, device=device, dtype=dtype) * 0.02
                value = torch.ones_like(drawn) if parameter.ndim == 1 else drawn
                setattr(module, key, nn.Parameter(value, requires_grad=False))
    with torch.device(device):  # the rotary frequencies are computed, not stored
        model.model.rotary_emb = type(model.model.rotary_emb)(model.config)
    model.is_loaded_in_4bit = True
    return model


def _nf4(linear: nn.Linear, device: torch.device, dtype: torch.dtype) -> nn.Module:
    with torch.device("meta"):
        layer = bnb.nn.Linear4bit(
            linear.in_features, linear.out_features, bias=False, compute_dtype=dtype, quant_type="nf4"
        )
    drawn = torch.randn(linear.out_features, linear.in_features, device=device, dtype=dtype) * 0.02
    weight = bnb.nn.Params4bit(drawn, requires_grad=False, quant_type="nf4", compress_statistics=True)
    layer.weight = weight.to(device)
    return layer


def operations(shape: Shape, recomputed: float) -> float:
    """Floating-point operations of a step with a shared prompt; src/planning/operations.ts has the derivation."""
    d, f, layers, k = shape.width, shape.mlp, shape.layers, recomputed
    tokens, scored = 3 * shape.side, 2 * shape.side
    trunk = 2 * shape.side
    attended = trunk * (trunk + 1) / 2 + shape.side**2 + shape.side * (shape.side + 1) / 2
    body = 2 * layers * (4 * d * d + 3 * d * f) * tokens * (2 + k)
    head = 4 * shape.vocabulary * d * scored
    attention = 4 * layers * d * attended * (3.5 + k)
    adapter = 2 * layers * RANK * (4 * 2 * d + 3 * (d + f)) * tokens * (3 + k)
    return shape.pairs * (body + head + attention + adapter)


def product_rate(shape: Shape, device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second of the model's own largest product, the better of many."""
    tokens = shape.pairs * 3 * shape.side
    x = torch.randn(tokens, shape.width, device=device, dtype=dtype)
    w = torch.randn(shape.mlp, shape.width, device=device, dtype=dtype)
    best = min(_seconds(lambda: x @ w.t(), device) for _ in range(20))
    return 2 * tokens * shape.width * shape.mlp / best


def _seconds(run: object, device: torch.device) -> float:
    _synchronise(device)
    start = time.perf_counter()
    run()
    _synchronise(device)
    return time.perf_counter() - start


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def pairs_of(shape: Shape) -> list[TokenPair]:
    draw = random.Random(0)

    def tokens() -> list[int]:
        return [draw.randrange(2, shape.vocabulary) for _ in range(shape.side)]

    return [TokenPair(tokens(), tokens(), tokens()) for _ in range(shape.pairs)]


def step(engine: Engine, optimizer: torch.optim.Optimizer, pairs: list[TokenPair], per_micro_batch: int) -> None:
    for first in range(0, len(pairs), per_micro_batch):
        some = pairs[first : first + per_micro_batch]
        logps = engine.forward(some, grad=True)
        _, gradients = dpo(logps.tolist(), [0.0] * len(logps), 0.1, len(pairs))
        torch.autograd.backward([logps], [torch.tensor(gradients, dtype=logps.dtype, device=logps.device)])
    optimizer.step()
    optimizer.zero_grad()


@dataclass(frozen=True, slots=True)
class Case:
    """kernels: kinds of fused ones that may be used. deterministic: with torch's deterministic algorithms.
    shape: the model's sizes, and those of the pairs."""

    weights: str
    write_out: bool
    kernels: tuple[str, ...]
    mode: str
    shape: Shape
    deterministic: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """seconds: None when the step did not fit."""

    case: Case
    seconds: float | None
    peak_bytes: int


def measure(model: nn.Module, engine: Engine, case: Case, device: torch.device, steps: int) -> Measured:
    """The median of some steps, behind two."""
    engine.set_checkpointing(case.mode)
    model.zero_grad()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.0, fused=device.type == "cuda")
    pairs = pairs_of(case.shape)
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    try:
        for _ in range(2):
            step(engine, optimizer, pairs, len(pairs))
        seconds = statistics.median(
            _seconds(lambda: step(engine, optimizer, pairs, len(pairs)), device) for _ in range(steps)
        )
    except (OutOfMemory, torch.OutOfMemoryError):
        seconds = None
    return Measured(case, seconds, peak_memory_bytes(device))


def page(shape: Shape, device: torch.device, engine: Engine, rate: float, rows: list[Measured]) -> str:
    side = shape.side
    return f"""## The training step of a 7B model in NF4

{torch.cuda.get_device_name(device)}; torch {torch.__version__}, bitsandbytes {bnb.__version__}.
Shape {shape.name}: {shape.layers} layers of width {shape.width}, V = {shape.vocabulary}, random weights in NF4, LoRA
r = {RANK} on every linear layer; {shape.pairs} pairs with {side} tokens each of prompt, chosen and rejected (of short
ones: {SHORT.side}). Matrix products alone: {rate / 1e12:.3g} TFLOP/s. Medians; two steps before the clock.
Layout: {engine.layout} ({engine.layout_note}).

Goals on an H200 at the 7B shape: 12 pairs a second without recomputation and 9 with; at most 12 GB for 12 288 tokens.

| weights | layers recomputed | tokens at once | s a step | pairs a second | TFLOP a step | share | peak GB |
|---|---|---:|---:|---:|---:|---:|---:|
{"".join(_line(row, rate) for row in rows)}"""


def _line(row: Measured, rate: float) -> str:
    shape = row.case.shape
    flops = operations(shape, RECOMPUTED[row.case.mode])
    cells = [row.case.weights, row.case.mode, str(shape.pairs * 3 * shape.side)]
    if row.seconds is None:
        cells += ["does not fit", "", f"{flops / 1e12:.3g}", ""]
    else:
        pairs_a_second, share = shape.pairs / row.seconds, 100 * flops / row.seconds / rate
        cells += [f"{row.seconds:.3f}", f"{pairs_a_second:.2f}", f"{flops / 1e12:.3g}", f"{share:.0f} %"]
    return f"| {' | '.join([*cells, f'{row.peak_bytes / 1e9:.2f}'])} |\n"


def cases() -> Iterator[Case]:
    """What matters most first."""
    every, once = by_kernel.KINDS, "dequantised once"
    for mode in ("full", "off"):
        yield Case(once, True, every, mode, SEVEN_B)
        yield Case(f"{once}, no kernel", True, (), mode, SEVEN_B)
        yield Case("NF4 in every pass", False, every, mode, SEVEN_B)
    for mode in ("full", "off"):
        yield Case(f"{once}, deterministic", True, every, mode, SEVEN_B, deterministic=True)
        yield Case(f"{once}, short pairs", True, every, mode, SHORT)
    for kind in every:
        yield Case(f"{once}, {kind} alone", True, (kind,), "full", SEVEN_B)
    yield Case(once, True, every, "selective", SEVEN_B)


def steps(steps: int, until: float) -> str:
    """Measures on the first GPU up to a time of `time.monotonic`; the section of the page."""
    device, shape, dtype = torch.device("cuda", 0), SEVEN_B, torch.bfloat16
    rate = product_rate(shape, device, dtype)
    model = adapted_model(shape, device, dtype)
    rows, left_out, engine = [], [], None
    for case in cases():
        if time.monotonic() > until - FOR_TRL:
            left_out.append(f"{case.weights}, {case.mode}")
            continue
        allowed = liger.missing if case.kernels else lambda _device: "not wanted"
        with mock.patch.object(by_kernel, "KINDS", case.kernels), mock.patch.object(liger, "missing", allowed):
            engine = build_engine(model, write_out=case.write_out)
        with deterministic_algorithms() if case.deterministic else nullcontext():
            rows.append(measure(model, engine, case, device, steps))
        print(rows[-1], engine.kernels, file=sys.stderr)
    text = page(shape, device, engine, rate, rows) if engine else "No time was left for the step.\n"
    text += f"\nFused kernels: {liger.missing(device) or 'Liger'}.\n"
    text += f"\nLeft out, for the time was over: {'; '.join(left_out)}.\n" if left_out else ""
    del model, engine
    return text + _trl(shape, device, dtype, steps, until)


def adapted_model(shape: Shape, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """In NF4, with an adapter on every linear layer, in train mode. Seeded."""
    torch.manual_seed(0)
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    settings = LoraConfig(r=RANK, lora_alpha=16, lora_dropout=0.0, target_modules=targets)
    return get_peft_model(quantised_model(shape, device, dtype), settings).train()


def _trl(shape: Shape, device: torch.device, dtype: torch.dtype, steps: int, until: float) -> str:
    """TRL's DPOTrainer on the same pairs, a step's in one batch, all layers recomputed, on a model of its own."""
    absent = [name for name in ("trl", "datasets") if find_spec(name) is None]
    if absent or time.monotonic() > until:
        return f"TRL was not run: {' and '.join(absent) + ' not installed' if absent else 'no time was left'}.\n"
    from step_peer import train

    def now() -> float:
        _synchronise(device)
        return time.perf_counter()

    lines = []
    for given in (shape, SHORT):
        refs = {"ref_chosen": 0.0, "ref_rejected": 0.0}
        pairs = pairs_of(given) * (steps + 2)
        rows = [{"prompt": p.prefix, "chosen": p.chosen, "rejected": p.rejected, **refs} for p in pairs]
        case = {"rows": rows, "batch": given.pairs, "learning_rate": 1e-4, "beta": 0.1, "checkpointing": True}
        try:
            model = adapted_model(given, device, dtype)
            torch.cuda.reset_peak_memory_stats()
            seconds = statistics.median(train(model, case | {"dtype": "bfloat16"}, now=now)["seconds"][2:])
        except Exception as error:  # noqa: BLE001 - another release of it may want other arguments
            lines.append(f"TRL failed: {type(error).__name__}: {str(error).splitlines()[0][:200]}")
            continue
        finally:
            model = None
        peak = torch.cuda.max_memory_allocated() / 1e9
        lines.append(
            f"TRL's DPOTrainer, {given.pairs} pairs of 3 times {given.side} tokens at once, all layers recomputed: "
            f"{seconds:.3f} s a step, {given.pairs / seconds:.2f} pairs a second, peak {peak:.2f} GB."
        )
    return "\n".join(["", *lines, ""])
