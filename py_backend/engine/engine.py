"""Sequence log-probs of preference pairs, with or without a graph, from one model.

Not its business: tokenizers, losses, optimizers, train/eval mode (the caller's), anything about gRPC.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from .architecture import device_of, find_parts, silence_base_dropout
from .errors import OutOfMemory
from .head import DEFAULT_CHUNK, build_head
from .pairs import TokenPair
from .rows import Row, plain_rows


class Engine:
    """Build it with `build_engine`. One caller at a time."""

    def __init__(self, model: nn.Module, head_chunk: int) -> None:
        self._model = model
        self._parts = find_parts(model)
        self._head_chunk = head_chunk
        self._prepared: dict[int, list[Row]] = {}
        self.layout = "plain"
        self.layout_note = "each response is a row of its own"

    def forward(self, pairs: Sequence[TokenPair], *, grad: bool) -> torch.Tensor:
        """float64 [2 * len(pairs)], interleaved chosen, rejected: summed log-probs of the scored tokens, in nats.

        With grad the result is attached to the graph: `torch.autograd.backward([logps], [dL/dlogps])`.
        Raises OutOfMemory when the call does not fit; nothing of it is kept then.
        """
        failure: str | None = None
        try:
            with torch.set_grad_enabled(grad):
                return self._forward(pairs)
        except (torch.OutOfMemoryError, MemoryError) as error:
            failure = str(error)
        except RuntimeError as error:
            if "can't allocate memory" not in str(error):
                raise
            failure = str(error)
        # Raised here and not above: inside `except` the traceback would keep the failed call's tensors alive.
        raise OutOfMemory(f"forward of {len(pairs)} pairs, {sum(p.tokens for p in pairs)} tokens: {failure}")

    def _forward(self, pairs: Sequence[TokenPair]) -> torch.Tensor:
        head = build_head(self._parts.head, self._parts.rule, self._head_chunk)
        total = torch.zeros(2 * len(pairs), dtype=torch.float64, device=device_of(self._model))
        for row in plain_rows(pairs, total.device):
            hidden = self._parts.backbone(input_ids=row.input_ids, use_cache=False).last_hidden_state[0]
            scored = hidden.index_select(0, row.score_at)
            total = total + head.sequence_logps(scored, row.targets, row.sequence, len(total))
        return total

    def prepare(self, pairs: Sequence[TokenPair]) -> None:
        """Look-ahead: lays out pairs that a coming forward will name, while the device works."""

    def order(self, pairs: Sequence[TokenPair]) -> list[int]:
        """Indices of pairs, longest first: neighbours have similar lengths, and what does not fit shows at once."""
        return sorted(range(len(pairs)), key=lambda i: (-pairs[i].tokens, i))

    def micro_batch_tokens(self) -> int:
        """Advice: prompt + chosen + rejected tokens for one forward with a graph, by free memory."""
        return 4096


def build_engine(
    model: nn.Module, *, layout: str = "auto", checkpointing: str = "off", head_chunk: int = DEFAULT_CHUNK
) -> Engine:
    """Prepares a loaded model, PEFT-wrapped or not. Switches the base model's own dropout off."""
    silence_base_dropout(model)
    return Engine(model, head_chunk)
