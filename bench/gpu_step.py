"""The training step of a 7B-shaped model in NF4 on a GPU: a part of `npm run bench -- gpu`.

Random weights with the sizes of Llama-2-7B, an adapter of rank 8 on every linear layer, 8 pairs with 512 tokens each of
prompt, chosen and rejected.

Shown: pairs a second with every layer recomputed and with none, with packed weights and with written-out ones, with
each fused kernel and without, against TRL where its packages are there; peak memory, and the share of what matrix
products alone reach on this device (operations counted exactly, recomputation included). What comes first matters most:
rows for which no time is left are named.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
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

RANK = 8
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
class Measured:
    """seconds: None when the step did not fit."""

    weights: str
    checkpointing: str
    micro_batch_tokens: int
    seconds: float | None
    peak_bytes: int


def measure(
    model: nn.Module,
    engine: Engine,
    shape: Shape,
    device: torch.device,
    weights: str,
    mode: str,
    per_micro_batch: int,
    steps: int,
) -> Measured:
    engine.set_checkpointing(mode)
    model.zero_grad()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4, weight_decay=0.0)
    pairs = pairs_of(shape)
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    try:
        for _ in range(2):
            step(engine, optimizer, pairs, per_micro_batch)
        seconds = statistics.median(
            _seconds(lambda: step(engine, optimizer, pairs, per_micro_batch), device) for _ in range(steps)
        )
    except (OutOfMemory, torch.OutOfMemoryError):
        seconds = None
    return Measured(weights, mode, per_micro_batch * 3 * shape.side, seconds, peak_memory_bytes(device))


def page(shape: Shape, device: torch.device, engine: Engine, rate: float, rows: list[Measured]) -> str:
    side = shape.side
    return f"""## The training step of a 7B model in NF4

{torch.cuda.get_device_name(device)}; torch {torch.__version__}, bitsandbytes {bnb.__version__}.
Shape {shape.name}: {shape.layers} layers of width {shape.width}, V = {shape.vocabulary}, random weights in NF4, LoRA
r = {RANK} on every linear layer; {shape.pairs} pairs with {side} tokens each of prompt, chosen and rejected.
Matrix products alone: {rate / 1e12:.3g} TFLOP/s. Medians; two steps before the clock. Layout: {engine.layout}
({engine.layout_note}).

Goals on an H200 at the 7B shape: 12 pairs a second without recomputation and 9 with; at most 12 GB for 12 288 tokens.

| weights | layers recomputed | tokens at once | s a step | pairs a second | TFLOP a step | share | peak GB |
|---|---|---:|---:|---:|---:|---:|---:|
{"".join(_line(shape, row, rate) for row in rows)}"""


def _line(shape: Shape, row: Measured, rate: float) -> str:
    flops = operations(shape, RECOMPUTED[row.checkpointing])
    cells = [row.weights, row.checkpointing, str(row.micro_batch_tokens)]
    if row.seconds is None:
        cells += ["does not fit", "", f"{flops / 1e12:.3g}", ""]
    else:
        pairs_a_second, share = shape.pairs / row.seconds, 100 * flops / row.seconds / rate
        cells += [f"{row.seconds:.3f}", f"{pairs_a_second:.2f}", f"{flops / 1e12:.3g}", f"{share:.0f} %"]
    return f"| {' | '.join([*cells, f'{row.peak_bytes / 1e9:.2f}'])} |\n"


@dataclass(frozen=True, slots=True)
class Case:
    """kernels: kinds of fused ones that may be used. deterministic: with torch's deterministic algorithms."""

    weights: str
    write_out: bool
    kernels: tuple[str, ...]
    mode: str
    at_once: int
    deterministic: bool = False


def cases(shape: Shape) -> Iterator[Case]:
    """What matters most first."""
    every = by_kernel.KINDS
    for mode in ("full", "off"):
        yield Case("dequantised once", True, every, mode, shape.pairs)
        yield Case("dequantised once, no kernel", True, (), mode, shape.pairs)
        yield Case("NF4 in every pass", False, every, mode, shape.pairs)
    for mode in ("full", "off"):
        yield Case("dequantised once, deterministic", True, every, mode, shape.pairs, deterministic=True)
    for kind in every:
        yield Case(f"dequantised once, {kind} alone", True, (kind,), "full", shape.pairs)
    for mode in ("full", "off"):
        yield Case("dequantised once", True, every, mode, 1)
    yield Case("dequantised once", True, every, "selective", shape.pairs)


def steps(steps: int, until: float) -> str:
    """Measures on the first GPU up to a time of `time.monotonic`; the section of the page."""
    device, shape, dtype = torch.device("cuda", 0), SEVEN_B, torch.bfloat16
    torch.manual_seed(0)
    rate = product_rate(shape, device, dtype)
    base = quantised_model(shape, device, dtype)
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    model = get_peft_model(base, LoraConfig(r=RANK, lora_alpha=16, lora_dropout=0.0, target_modules=targets))
    model.train()
    rows, left_out, engine = [], [], None
    for case in cases(shape):
        if time.monotonic() > until:
            left_out.append(f"{case.weights}, {case.mode}, {case.at_once} at once")
            continue
        allowed = liger.missing if case.kernels else lambda _device: "not wanted"
        with mock.patch.object(by_kernel, "KINDS", case.kernels), mock.patch.object(liger, "missing", allowed):
            engine = build_engine(model, write_out=case.write_out)
        torch.use_deterministic_algorithms(case.deterministic)
        rows.append(measure(model, engine, shape, device, case.weights, case.mode, case.at_once, steps))
        torch.use_deterministic_algorithms(False)
        print(rows[-1], engine.kernels, file=sys.stderr)
    text = page(shape, device, engine, rate, rows) if engine else "No time was left for the step.\n"
    text += f"\nFused kernels: {liger.missing(device) or 'Liger'}.\n" + _trl(model, shape, steps, until)
    return text + (f"\nLeft out, for the time was over: {'; '.join(left_out)}.\n" if left_out else "")


def _trl(model: nn.Module, shape: Shape, steps: int, until: float) -> str:
    """TRL's DPOTrainer on the same model and pairs, one pair at a time, recomputed. Last: it changes the model."""
    absent = [name for name in ("trl", "datasets") if find_spec(name) is None]
    if absent or time.monotonic() > until:
        return f"TRL was not run: {' and '.join(absent) + ' not installed' if absent else 'no time was left'}.\n"
    from step_peer import train

    def now() -> float:
        torch.cuda.synchronize()
        return time.perf_counter()

    refs = {"ref_chosen": 0.0, "ref_rejected": 0.0}
    pairs = pairs_of(shape) * (steps + 1)
    rows = [{"prompt": p.prefix, "chosen": p.chosen, "rejected": p.rejected, **refs} for p in pairs]
    case = {"rows": rows, "batch": 1, "learning_rate": 1e-4, "beta": 0.1, "checkpointing": True, "dtype": "bfloat16"}
    try:
        torch.cuda.reset_peak_memory_stats()
        seconds = statistics.median(
            train(model, case, now=now, gradient_accumulation_steps=shape.pairs)["seconds"][1:],
        )
    except Exception as error:  # noqa: BLE001 - another release of it may want other arguments
        return f"TRL failed: {type(error).__name__}: {str(error).splitlines()[0][:200]}\n"
    peak = torch.cuda.max_memory_allocated() / 1e9
    return f"TRL's DPOTrainer, all layers recomputed, one pair at once: {seconds:.3f} s a step, peak {peak:.2f} GB.\n"
