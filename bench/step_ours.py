"""One timed training run of the engine on prepared token ids: our side of the step benchmark.

Runs in a fresh process: python step_ours.py CASE.json OUT.json     (the case file: step_cases.py)
The loss (DPO, here in three lines) is computed outside the graph, as the control plane does it.
"""

from __future__ import annotations

import json
import math
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from py_backend.engine import Engine, TokenPair, build_engine  # noqa: E402, I001 - first: it sets up torch's memory
import torch  # noqa: E402
from peft import PeftModel  # noqa: E402
from step_turns import Turn  # noqa: E402
from torch import nn  # noqa: E402
from torch.profiler import ProfilerActivity, profile  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

Case = dict[str, Any]


def dpo(logps: list[float], refs: list[float], beta: float, pairs: int) -> tuple[float, list[float]]:
    """Summed loss / pairs and +dL/dlogp for interleaved chosen, rejected."""
    loss, gradients = 0.0, []
    for i in range(0, len(logps), 2):
        margin = beta * ((logps[i] - refs[i]) - (logps[i + 1] - refs[i + 1]))
        slope = -beta / (1 + math.exp(margin)) / pairs
        loss += math.log1p(math.exp(-margin)) / pairs
        gradients += [slope, -slope]
    return loss, gradients


def pair_of(row: dict[str, Any]) -> TokenPair:
    return TokenPair(row["prompt"], row["chosen"], row["rejected"])


def score(case: Case, folder: str, model: nn.Module | None = None) -> list[list[float]]:
    """[chosen, rejected] log-probs of every row under one reference; "" is the policy without its adapter."""
    if folder:
        engine = build_engine(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval())
        return [engine.forward([pair_of(row)], grad=False).tolist() for row in case["rows"]]
    engine = build_engine(model)
    with model.disable_adapter():
        return [engine.forward([pair_of(row)], grad=False).tolist() for row in case["rows"]]


def step(engine: Engine, optimizer: torch.optim.Optimizer, batch: list[dict[str, Any]], beta: float) -> float:
    """One optimizer step, one pair at a time; returns the loss."""
    loss = 0.0
    for row in batch:
        logps = engine.forward([pair_of(row)], grad=True)
        part, gradients = dpo(logps.tolist(), [row["ref_chosen"], row["ref_rejected"]], beta, len(batch))
        torch.autograd.backward([logps], [torch.tensor(gradients, dtype=torch.float64)])
        loss += part
    trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return loss


class Limit:
    """CPU seconds a pair for the matrix products alone that no implementation of the step can do without.

    linear: the base model's linear layers, forward and by the activations. Tokens are those of the shared row; the head
    runs on response tokens. Adapters are not counted.
    attention: two products forward and four backward, for the scores that the shared row needs and no others (every
    token sees the prompt and what stands before it in its own response).

    Sampled between the steps, so that a slow minute of the machine slows the limit too.
    """

    def __init__(self, model: nn.Module, rows: list[dict[str, Any]]) -> None:
        count = len(rows)
        body = round(sum(len(row["prompt"]) + len(row["chosen"]) + len(row["rejected"]) - 2 for row in rows) / count)
        scored = round(sum(len(row["chosen"]) + len(row["rejected"]) for row in rows) / count)
        shapes: dict[tuple[int, int, int], int] = {}
        for name, module in model.named_modules():
            if isinstance(module, nn.Linear) and "lora_" not in name:
                key = (scored if name.endswith("lm_head") else body, module.in_features, module.out_features)
                shapes[key] = shapes.get(key, 0) + 1
        self._linear = [(times, _linear_products(*shape)) for shape, times in shapes.items()]
        config = model.config
        heads = config.num_attention_heads
        width = getattr(config, "head_dim", None) or config.hidden_size // heads
        side = round(sum(len(row["prompt"]) + len(row["chosen"]) for row in rows) / count)
        needed = sum(visible(row) for row in rows) / count
        self._attention = (3 * config.num_hidden_layers * needed / side**2, _attention_products(heads, side, width))
        self._samples: list[tuple[float, float]] = []

    def sample(self) -> None:
        linear = sum(times * seconds(run) for times, run in self._linear)
        times, run = self._attention
        self._samples.append((linear, times * seconds(run)))

    def mean(self) -> tuple[float, float]:
        """linear, attention."""
        columns = zip(*self._samples, strict=True)
        linear, attention = (sum(column) / len(column) for column in columns)
        return linear, attention


def _linear_products(tokens: int, wide_in: int, wide_out: int) -> Callable[[], object]:
    x, w, g = torch.randn(tokens, wide_in), torch.randn(wide_out, wide_in), torch.randn(tokens, wide_out)
    return lambda: (x @ w.t(), g @ w)


def _attention_products(heads: int, side: int, width: int) -> Callable[[], object]:
    q, k, weights = torch.randn(heads, side, width), torch.randn(heads, side, width), torch.randn(heads, side, side)
    return lambda: (q @ k.transpose(1, 2), weights @ k)


def visible(row: dict[str, Any]) -> int:
    """Pairs of a query and a key that it sees."""
    prompt, chosen, rejected = (len(row[part]) for part in ("prompt", "chosen", "rejected"))
    causal = sum(tokens * (tokens + 1) // 2 for tokens in (prompt, chosen, rejected))
    return causal + prompt * (chosen + rejected)


def seconds(run: Callable[[], object]) -> float:
    """CPU seconds of a run, after one that warms the caches."""
    run()
    start = time.process_time()
    run()
    return time.process_time() - start


KINDS = (
    ("matrix products", ("mm", "addmm", "bmm", "baddbmm", "linear", "matmul", "addmm_", "baddbmm_")),
    ("softmax, exponentials, activations", ("softmax", "exp", "silu", "sigmoid", "gelu", "log", "tanh", "logsumexp")),
    ("moving and filling memory", ("copy_", "cat", "fill_", "zero_", "empty", "index", "clone", "masked")),
)


def shares(run: Any) -> dict[str, float]:
    """Where the CPU time of run() goes, by kind of operation."""
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        run()
    totals = {kind: 0.0 for kind, _ in KINDS} | {"other elementwise and bookkeeping": 0.0}
    for event in profiler.key_averages():
        name = event.key.removeprefix("aten::").removeprefix("_")
        fits = [kind for kind, starts in KINDS if event.key.startswith("aten::") and name.startswith(starts)]
        totals[fits[0] if fits else "other elementwise and bookkeeping"] += event.self_cpu_time_total
    whole = sum(totals.values())
    return {kind: value / whole for kind, value in totals.items()}


def main(case_path: str, out_path: str) -> None:
    case: Case = json.loads(Path(case_path).read_text())
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(case["model"], dtype=torch.float32)
    model = PeftModel.from_pretrained(model, case["adapter"], is_trainable=True)
    model.train()
    rows = case["rows"]
    start = time.process_time()
    scored = [score(case, folder, model) for folder in case["references"]] if case["score"] else []
    scoring_seconds = time.process_time() - start
    for index, row in enumerate(rows):
        for side, name in enumerate(("ref_chosen", "ref_rejected")):
            if scored:
                row[name] = sum(reference[index][side] for reference in scored) / len(scored)
    engine = build_engine(model, layout=case["layout"], checkpointing="full" if case["checkpointing"] else "off")
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=case["learning_rate"], weight_decay=0.0)
    limit = Limit(model, rows) if case.get("profile") else None
    losses, took, turn = [], [], Turn()
    result: Case = {"refs": [[row["ref_chosen"], row["ref_rejected"]] for row in rows]}
    Path(out_path).write_text(json.dumps(result))  # the peer is given these before anybody's first step
    for first in range(0, len(rows), case["batch"]):
        turn.wait()
        start = time.process_time()
        losses.append(step(engine, optimizer, rows[first : first + case["batch"]], case["beta"]))
        took.append(time.process_time() - start)
        if limit is not None:
            limit.sample()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    result |= {"losses": losses, "seconds": took, "scoring_seconds": scoring_seconds, "peak_bytes": peak}
    result |= {"layout": engine.layout}
    if limit is not None:
        result["products_seconds"], result["attention_seconds"] = limit.mean()
        result["shares"] = shares(lambda: step(engine, optimizer, rows[: min(2, len(rows))], case["beta"]))
    Path(out_path).write_text(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
