"""One timed training run of the engine on prepared token ids: our side of the step benchmark.

Runs in a fresh process: python step_ours.py CASE.json OUT.json     (the case file: step_cases.py)
The loss (DPO, here in three lines) is computed outside the graph, as the control plane does it.
"""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from py_backend.engine import Engine, TokenPair, build_engine  # noqa: E402, I001 - first: it sets up torch's memory
import torch  # noqa: E402
from peft import PeftModel  # noqa: E402
from step_memory import peak_bytes  # noqa: E402
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
        engine = build_engine(AutoModelForCausalLM.from_pretrained(folder, dtype=case["dtype"]).eval())
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
    model = AutoModelForCausalLM.from_pretrained(case["model"], dtype=case["dtype"])
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
    losses, took, turn = [], [], Turn()
    result: Case = {"refs": [[row["ref_chosen"], row["ref_rejected"]] for row in rows]}
    Path(out_path).write_text(json.dumps(result))  # the peer is given these before anybody's first step
    for first in range(0, len(rows), case["batch"]):
        turn.wait()
        start = time.process_time()
        losses.append(step(engine, optimizer, rows[first : first + case["batch"]], case["beta"]))
        took.append(time.process_time() - start)
    result |= {"losses": losses, "seconds": took, "scoring_seconds": scoring_seconds, "peak_bytes": peak_bytes()}
    result |= {"layout": engine.layout}
    if case.get("profile"):
        result["shares"] = shares(lambda: step(engine, optimizer, rows[: min(2, len(rows))], case["beta"]))
    Path(out_path).write_text(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
