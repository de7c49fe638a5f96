"""The backend on a GPU: first whether it is right, then how fast. Run by `npm run bench -- gpu`.

In order: the flash kernel against its definition in float64; each architecture's layout, log-probs and gradients
against float64; the same forward twice, and a pair alone against in company; bytes planned, held and at the peak; then
the step of a 7B-shaped model (see gpu_step.py). A check that fails is a line of the page and stops nothing.

It ends after eight minutes (`--minutes N`): what there was no time for is named. `--only checks` and `--only step`
leave the other half out.

Without a GPU the same code runs on fake tensors (see py_backend/tests/cuda/fake_device.py): what can be told of layout,
bytes and kernels is told, with a step of every architecture (gpu_fake.py) and a bound of a step's time
(gpu_roofline.py), and nothing of values. Writes bench/results/gpu.md, without a GPU gpu-fake.md.
"""

from __future__ import annotations

import argparse
import copy
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]
import py_backend  # noqa: E402, F401, I001 - first: it sets up torch's memory
import torch  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402
from transformers.masking_utils import and_masks, causal_mask_function, sliding_window_overlay  # noqa: E402

from py_backend.engine import build_engine, varlen  # noqa: E402
from py_backend.engine.spans import place, positions  # noqa: E402
from py_backend.engine.visibility import Visibility  # noqa: E402
from py_backend.tests.engine import tiny  # noqa: E402
from py_backend.training.determinism import deterministic_algorithms  # noqa: E402

REAL = torch.cuda.is_available()
MINUTES = 8  # half of them for the checks; a case of the step that has begun takes up to half a minute
if not REAL:
    from py_backend.tests.cuda import fake_device

    fake_device.install()
from py_backend.tests.cuda.meter import Meter  # noqa: E402
from py_backend.tests.cuda.models import llama_7b, put_on_device, quantised, tiny_outline, with_adapter  # noqa: E402

DEVICE = torch.device("cuda", 0)
SPANS = place([(211, 65, 130), (1, 7, 0), (60, 1, 33), (40, 30, 1)])
HEADS = ((64, 8, 8), (128, 8, 2), (80, 4, 4), (96, 4, 2), (256, 4, 1))
PAIRS = [tiny.TokenPair(*([7 + (13 * i + k) % 31000 for i in range(512)] for k in range(3)))] * 2


@contextmanager
def on_device() -> Iterator[None]:
    with nullcontext() if REAL else fake_device.on_device():
        yield


def relative(got: torch.Tensor, expected: torch.Tensor) -> float:
    got, expected = got.detach().double(), expected.detach().double()
    return float((got - expected).norm() / expected.norm().clamp_min(1e-30))


def flash(width: int, heads: int, key_heads: int, window: int | None) -> str:
    """Errors of the kernel's output and gradients; without values, their shapes."""
    rule = causal_mask_function if window is None else and_masks(sliding_window_overlay(window), causal_mask_function)
    tokens = len(positions(SPANS))
    with on_device():
        visible = Visibility(SPANS, rule, DEVICE)
        draw = torch.Generator(DEVICE).manual_seed(0) if REAL else None
        shapes = [(1, count, tokens, width) for count in (heads, key_heads, key_heads)] + [(1, tokens, heads, width)]
        *inputs, weight = (torch.randn(shape, generator=draw, device=DEVICE).bfloat16() for shape in shapes)
        results, exact = [], varlen.Kernel(varlen.attend_by_segments)
        for dtype, kernel in ((torch.bfloat16, None), (torch.float64, exact))[: 2 if REAL else 1]:
            given = [part.detach().to(dtype).requires_grad_() for part in inputs]
            out = varlen.branch_attention_packed(*given, visible, width**-0.5, kernel)
            out.backward(weight.to(dtype))
            results.append([out, *[part.grad for part in given]])
        if not REAL:
            return "runs; " + " ".join(str(list(part.shape)) for part in results[0])
        names = ("out", "dq", "dk", "dv")
        return " ".join(f"{n} {relative(a, b):.1e}" for n, a, b in zip(names, *results, strict=True))


def architecture(name: str, dtype: torch.dtype) -> str:
    """Layout, kernels that are refused, and errors of log-probs and gradients to float64 on the CPU, with the same
    rounded weights; beside them the errors of transformers' own forward and backward in this format on the device."""
    if not REAL:
        with on_device():
            engine = build_engine(put_on_device(with_adapter(tiny_outline(name, dtype), dropout=0.0)))
            engine.forward(tiny.PAIRS, grad=True).sum().backward()
            return f"{engine.layout}; forward and backward run"
    model = tiny.with_adapter(tiny.model(name))
    for key, parameter in model.named_parameters():
        parameter.data = parameter.data.to(torch.float32 if "lora_" in key else dtype).double()
    reference = copy.deepcopy(model)
    expected = build_engine(reference).forward(tiny.PAIRS, grad=True)
    wanted = tiny.gradients(reference, expected)
    for key, parameter in model.named_parameters():
        parameter.data = parameter.data.to(DEVICE, torch.float32 if "lora_" in key else dtype)
    for buffer in model.buffers():
        buffer.data = buffer.data.to(DEVICE)

    def errors(logps: torch.Tensor) -> str:
        gradients = tiny.gradients(model, logps, tiny.COEFFICIENTS.to(DEVICE))
        worst = max(relative(gradients[key].cpu(), wanted[key]) for key in wanted)
        return f"log-probs {relative(logps.detach().cpu(), expected.detach()):.1e}, gradients {worst:.1e}"

    with torch.autocast(DEVICE.type, dtype=dtype):  # for float32 adapters beside a half-precision base
        found = [f"transformers' own: {errors(tiny.own_logps(model, tiny.PAIRS))}"]
    for mode in ("off", "full"):
        engine = build_engine(model, checkpointing=mode)
        logps = engine.forward(tiny.PAIRS, grad=True)
        again = engine.forward(tiny.PAIRS, grad=False)
        alone = torch.cat([engine.forward([pair], grad=False) for pair in tiny.PAIRS])
        found.append(
            f"{mode}: {engine.layout}, {errors(logps)}, again {float((logps.detach() - again).abs().max()):.1e}, "
            f"alone {float((logps.detach() - alone).abs().max()):.1e}"
        )
    refused = [f"{kind}: {why}" for kind, why in engine.kernels.items() if why]
    return "; ".join(found + [f"no kernel for {'; '.join(refused)}"] * bool(refused))


def repeated() -> str:
    """Log-probs and gradients of four 7B-wide layers twice, as they come and with deterministic algorithms."""
    model, found = wide_model(), []
    if not REAL:
        return "nothing to see without values"
    engine = build_engine(model, write_out=False)
    for name in ("as they come", "deterministic"):
        runs = []
        with deterministic_algorithms() if name == "deterministic" else nullcontext():
            for _ in range(2):
                logps = engine.forward(PAIRS, grad=True)
                runs.append((logps.detach(), tiny.gradients(model, logps, torch.ones_like(logps))))
        (one, of_one), (other, of_other) = runs
        different = sum(not torch.equal(of_one[key], of_other[key]) for key in of_one)
        found.append(
            f"{name}: log-probs differ by {float((one - other).abs().max()):.1e}, "
            f"{different} of {len(of_one)} gradients differ"
        )
    return "; ".join(found)


def wide_model(kind: str = "bfloat16") -> torch.nn.Module:
    """Four layers as wide as Llama-2-7B's, with an adapter; on a real GPU with seeded weights."""
    if not REAL:
        base = llama_7b(4)
        return with_adapter(base if kind == "bfloat16" else quantised(base, kind), r=8, dropout=0.0)
    torch.manual_seed(0)
    with torch.device(DEVICE):
        base = AutoModelForCausalLM.from_config(llama_7b(4).config, dtype=torch.bfloat16)
        model = get_peft_model(base, LoraConfig(r=8, target_modules="all-linear", init_lora_weights=False)).train()
    for key, parameter in model.named_parameters():
        if "lora_" in key:
            parameter.data = parameter.data.float()
    return model


def memory(kind: str, mode: str) -> str:
    """kB a token: planned, held between forward and backward, at the peak; four layers as wide as Llama-2-7B's."""
    model = wide_model(kind)
    tokens = sum(pair.tokens for pair in PAIRS)
    with on_device(), nullcontext() if REAL else Meter() as meter:
        if meter is not None:
            put_on_device(model)
            meter.count([*model.parameters(), *model.buffers()])
        engine = build_engine(model, checkpointing=mode, write_out=False)
        if REAL:
            torch.cuda.reset_peak_memory_stats(DEVICE)
        else:
            meter.restart()
        start = _alive(meter)
        logps = engine.forward(PAIRS, grad=True)
        held = _alive(meter) - start
        torch.autograd.backward([logps], [torch.ones_like(logps)])
        peak = (torch.cuda.max_memory_allocated(DEVICE) if REAL else meter.peak) - start
        kernels = "" if REAL else f", {meter.kernels.total()} kernels"
        figures = (engine.bytes_per_token(), held / tokens, peak / tokens)
        return "planned {:.0f}, held {:.0f}, peak {:.0f} kB a token".format(*(f / 1e3 for f in figures)) + kernels


def _alive(meter: Any) -> int:
    return torch.cuda.memory_allocated(DEVICE) if REAL else meter.alive


def checks() -> Iterator[tuple[str, Callable[[], str]]]:
    for width, heads, key_heads in HEADS:
        for window in (None, 37):
            name = f"flash kernel, heads {heads}/{key_heads} of {width}, window {window or 'none'}"
            yield name, lambda a=(width, heads, key_heads, window): flash(*a)
    for name in tiny.ARCHITECTURES:
        yield f"engine, {name}, bfloat16", lambda name=name: architecture(name, torch.bfloat16)
    yield "engine, llama, float16", lambda: architecture("llama", torch.float16)
    yield "the same step twice", repeated
    if REAL:  # quantised layers are measured by the step below
        for mode in ("off", "full"):
            yield f"memory, bfloat16, recomputed: {mode}", lambda mode=mode: memory("bfloat16", mode)
        return
    for kind, mode in (("bfloat16", "off"), ("bfloat16", "full"), ("nf4", "full"), ("int8", "full")):
        yield f"memory, {kind}, recomputed: {mode}", lambda a=(kind, mode): memory(*a)


NO_GPU = """**No GPU was at hand.** The same code ran on fake tensors: layout, bytes and kernels are real, nothing is
said of values and time.

"""


def main() -> None:
    options = argparse.ArgumentParser(prog="npm run bench -- gpu")
    options.add_argument("--minutes", type=float, default=MINUTES, help=f"default {MINUTES}")
    options.add_argument("--only", choices=("checks", "step"), help="one half")
    asked = options.parse_args()
    began = time.monotonic()
    where = torch.cuda.get_device_name(DEVICE) if REAL else f"no GPU ({platform.machine()})"
    page = f"""# The backend on a GPU

{"" if REAL else NO_GPU}`npm run bench -- gpu` on {where}; torch {torch.__version__}.

"""
    if asked.only != "step":
        page += checked(until=began + 60 * asked.minutes * (1 if asked.only else 0.5)) + "\n"
    if asked.only == "checks":
        pass
    elif REAL:
        import gpu_step

        page += gpu_step.steps(steps=3, until=began + 60 * (asked.minutes - 1))
    else:
        import gpu_fake
        import gpu_roofline

        page += gpu_fake.section() + "\n" + gpu_roofline.section()
    target = Path(__file__).resolve().parent / "results" / ("gpu.md" if REAL else "gpu-fake.md")
    target.write_text(page)
    print(page, flush=True)


def checked(until: float) -> str:
    """The table of the checks; until: a time of `time.monotonic`."""
    lines = []
    for name, run in checks():
        start = time.perf_counter()
        if REAL and time.monotonic() > until:
            lines.append(f"| {name} | left out: no time |")
            continue
        try:
            said = run()
        except Exception as error:  # noqa: BLE001 - a check that fails is a finding
            traceback.print_exc()
            said = f"FAILED: {type(error).__name__}: {str(error).splitlines()[0][:200]}"
        lines.append(f"| {name} | {said} |")
        print(f"{lines[-1]}  {time.perf_counter() - start:.1f} s", file=sys.stderr, flush=True)
    return "\n".join(["| check | found |", "|---|---|", *lines]) + "\n"


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # what the fake device put into libtorch does not survive its own end
