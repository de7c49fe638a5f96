"""One timed training run of the obvious way to share a prompt: a third side of the step benchmark.

The model as transformers runs it, one row a pair with a dense mask, the head on response tokens with unit gradients.
What the engine gains beyond the layout is its distance from this. Runs like step_ours.py, whose steps it takes.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import step_ours
import torch
from peft import PeftModel
from step_memory import peak_bytes
from step_turns import Turn
from torch import nn
from transformers import AutoModelForCausalLM

from py_backend.engine import TokenPair
from py_backend.engine.architecture import find_parts
from py_backend.engine.head import Head
from py_backend.engine.rows import shared_rows
from py_backend.engine.spans import Span


class Prototype:
    """The one method of the engine that a step needs."""

    def __init__(self, model: nn.Module) -> None:
        self._parts = find_parts(model)

    def forward(self, pairs: Sequence[TokenPair], *, grad: bool) -> torch.Tensor:
        with torch.set_grad_enabled(grad):
            row = shared_rows(pairs, torch.device("cpu"), pack=False)[0]
            hidden = self._parts.backbone(
                input_ids=row.input_ids,
                position_ids=row.position_ids,
                attention_mask=dense_mask(row.spans[0]),
                use_cache=False,
            ).last_hidden_state[0]
            head = Head(self._parts.head, self._parts.rule)
            return head.sequence_logps(hidden.index_select(0, row.score_at), row.targets, row.sequences, row.lengths, 2)


def dense_mask(span: Span) -> torch.Tensor:
    """bool [1, 1, T, T], True = may attend: causal, but the rejected branch does not see the chosen one."""
    tokens = span.trunk + span.rejected
    mask = torch.ones(tokens, tokens, dtype=torch.bool).tril()
    mask[span.rejected_slice(), span.prefix : span.trunk] = False
    return mask[None, None]


def main(case_path: str, out_path: str) -> None:
    case = json.loads(Path(case_path).read_text())
    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(case["model"], dtype=torch.float32)
    model = PeftModel.from_pretrained(model, case["adapter"], is_trainable=True)
    model.train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=case["learning_rate"], weight_decay=0.0)
    prototype, turn = Prototype(model), Turn()
    losses, took = [], []
    for first in range(0, len(case["rows"]), case["batch"]):
        turn.wait()
        start = time.process_time()
        batch = case["rows"][first : first + case["batch"]]
        losses.append(step_ours.step(prototype, optimizer, batch, case["beta"]))
        took.append(time.process_time() - start)
    Path(out_path).write_text(json.dumps({"losses": losses, "seconds": took, "peak_bytes": peak_bytes()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
