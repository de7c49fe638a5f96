"""CPU seconds a pair for the matrix products that a step cannot do without, sampled once a turn.

A side of the step benchmark that trains nothing: python step_limit.py CASE.json OUT.json

linear: the base model's linear layers in its number format, forward and by the activations, for the tokens of the
shared row; where nothing but scored tokens is needed (the head; after the last attention) for response tokens. Adapters
are not counted.
attention: two products forward and four backward in float32, for the scores that the shared row needs and no others:
every token sees the prompt and what stands before it in its own response.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from step_turns import Turn
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig

Row = dict[str, Any]
Products = Callable[[], object]


def linear(config: PretrainedConfig, rows: list[Row], dtype: torch.dtype) -> list[tuple[int, Products]]:
    """(how many layers, products of one) by shape."""
    body = round(sum(len(row["prompt"]) + len(row["chosen"]) + len(row["rejected"]) - 2 for row in rows) / len(rows))
    scored = round(sum(len(row["chosen"]) + len(row["rejected"]) for row in rows) / len(rows))
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    last = f"layers.{config.num_hidden_layers - 1}."
    shapes: dict[tuple[int, int, int], int] = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            late = name == "lm_head" or (last in name and not name.endswith(("k_proj", "v_proj")))
            shape = (scored if late else body, module.in_features, module.out_features)
            shapes[shape] = shapes.get(shape, 0) + 1
    return [(count, _linear(*shape, dtype)) for shape, count in shapes.items()]


def _linear(tokens: int, wide_in: int, wide_out: int, dtype: torch.dtype) -> Products:
    shapes = ((tokens, wide_in), (wide_out, wide_in), (tokens, wide_out))
    x, w, g = (torch.randn(shape, dtype=dtype) for shape in shapes)
    return lambda: (x @ w.t(), g @ w)


def attention(config: PretrainedConfig, rows: list[Row]) -> tuple[float, Products]:
    """(how many squares of scores in all layers and passes, two products with one)."""
    heads = config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    side = round(sum(len(row["prompt"]) + len(row["chosen"]) for row in rows) / len(rows))
    needed = sum(visible(row) for row in rows) / len(rows)
    q, k, weights = torch.randn(heads, side, width), torch.randn(heads, side, width), torch.randn(heads, side, side)
    return 3 * config.num_hidden_layers * needed / side**2, lambda: (q @ k.transpose(1, 2), weights @ k)


def visible(row: Row) -> int:
    """Pairs of a query and a key that it sees."""
    prompt, chosen, rejected = (len(row[part]) for part in ("prompt", "chosen", "rejected"))
    causal = sum(tokens * (tokens + 1) // 2 for tokens in (prompt, chosen, rejected))
    return causal + prompt * (chosen + rejected)


def seconds(run: Products) -> float:
    """CPU seconds of a run, after one that warms the caches."""
    run()
    start = time.process_time()
    run()
    return time.process_time() - start


def main(case_path: str, out_path: str) -> None:
    case = json.loads(Path(case_path).read_text())
    torch.set_num_threads(1)
    config = AutoConfig.from_pretrained(case["model"])
    layers = linear(config, case["rows"], getattr(torch, case["dtype"]))
    squares, scores = attention(config, case["rows"])
    turn, samples = Turn(), []
    for _ in range(0, len(case["rows"]), case["batch"]):
        turn.wait()
        samples.append((sum(count * seconds(run) for count, run in layers), squares * seconds(scores)))
    means = [sum(column) / len(samples) for column in zip(*samples, strict=True)]
    Path(out_path).write_text(json.dumps({"linear": means[0], "attention": means[1]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
