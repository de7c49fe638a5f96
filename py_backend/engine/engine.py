"""Sequence log-probs of preference pairs, with or without a graph, from one model.

Not its business: tokenizers, losses, optimizers, train/eval mode (the caller's), anything about gRPC.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from . import pair_dropout
from .architecture import Parts, device_of, vocabulary, widest
from .checkpointing import MODES, decoder_layers, layers_for, set_checkpointed
from .errors import OutOfMemory, is_out_of_memory
from .fused import has_packed_weights
from .head import Head, summed
from .memory import HEADROOM, free_bytes, saved_bytes
from .pairs import TokenPair
from .rows import Row, plain_rows, shared_rows
from .run import run_backbone, run_model
from .self_check import made_up_pair
from .turning_positions import turning_positions

_COMFORTABLE_TOKENS = 4096  # a micro-batch that "auto" checkpointing makes room for
_PASSING = 4  # tensors as wide as a layer's widest that its backward pass has at once, beside what was kept
_CPU_TOKENS = 2048  # a CPU works pair by pair: more in one micro-batch costs memory and saves nothing
# Of a 7B model on an H200 (bench/results/gpu.md): the host issues a forward and a backward in 0.45 s, whatever is in
# them, and the device takes as long for 8,000 tokens. Derived: over 16,384 tokens, writing out packed weights in every
# pass is 2 % of the work.
_SATURATING, _SATURATING_PACKED = 12288, 16384


class Engine:
    """Build it with `build_engine`. One caller at a time.

    layout: "shared" (the prompt is encoded once for both responses) or "plain" (each response is a row of its own).
    packs: whether all rows of a call go through the model as one. Never on a CPU, so that a pair's numbers do not
        depend on its company.
    kernels: of each kind of fused kernel that the model has layers for: empty, or why it is not used.
    layout_note: why it is plain, or what the self-check measured.
    checkpointing: "off", "selective" or "full", and never "auto": what is in force.
    reserve_bytes: memory that is free now and will not stay so: gradients and what an optimizer still has to make.
    longest: tokens of the longest sequence to come.
    """

    def __init__(
        self,
        model: nn.Module,
        parts: Parts,
        *,
        shared: bool,
        packs: bool,
        kernels: Mapping[str, str],
        note: str,
        own_head: bool,
        head_chunk: int,
        reserve_bytes: int = 0,
        longest: float = math.inf,
    ) -> None:
        self.layout = "shared" if shared else "plain"
        self.packs = packs
        self.kernels = kernels
        self.layout_note = note
        self.checkpointing = "off"
        self.reserve_bytes = reserve_bytes
        self.longest = longest
        self._model = model
        self._parts = parts
        self._own_head = own_head
        self._turning = turning_positions(parts.backbone)
        self._head_chunk = head_chunk

    # ------------------------------------------------------------------------------------------------ log-probs

    def forward(self, pairs: Sequence[TokenPair], *, grad: bool, seeds: Sequence[int] | None = None) -> torch.Tensor:
        """float64 [2 * len(pairs)], interleaved chosen, rejected: summed log-probs of the scored tokens, in nats.

        seeds: of each pair's dropout masks, which are then those of the pair alone; default: torch's generator.
        With grad the result is attached to the graph: `torch.autograd.backward([logps], [dL/dlogps])`.
        Raises OutOfMemory when the call does not fit; nothing of it is kept then.
        """
        try:
            with torch.set_grad_enabled(grad):
                return self._forward(pairs, seeds)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            failure = str(error)
        # Raised here and not above: inside `except` the traceback would keep the failed call's tensors alive.
        raise OutOfMemory(f"forward of {len(pairs)} pairs, {sum(pair.tokens for pair in pairs)} tokens: {failure}")

    def _forward(self, pairs: Sequence[TokenPair], seeds: Sequence[int] | None = None) -> torch.Tensor:
        head = Head(self._parts.head, self._parts.rule, self._head_chunk)
        total = torch.zeros(2 * len(pairs), dtype=torch.float64, device=device_of(self._model))
        for row in self._lay_out(pairs):
            if self._turning is not None:
                self._turning.reset()
            with pair_dropout.masks_of(row.stretches, seeds):
                if self._own_head:
                    total = total + self._with_own_head(row, len(total))
                else:
                    scored = run_backbone(self._parts, row)[0].index_select(0, row.score_at)
                    total = total + head.sequence_logps(scored, row.targets, row.sequences, row.lengths, len(total))
        return total

    def _with_own_head(self, row: Row, sequences: int) -> torch.Tensor:
        """Logits as the model's own forward makes them, at scored positions only but not in chunks."""
        logits = run_model(self._parts.causal, row, logits_to_keep=row.score_at).logits[0]
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        logps = logits.gather(1, row.targets[:, None])[:, 0] - logits.logsumexp(1)
        return summed(logps.double(), row.sequences, row.lengths, sequences)

    def _lay_out(self, pairs: Sequence[TokenPair]) -> list[Row]:
        device = device_of(self._model)
        rows = shared_rows if self.layout == "shared" else plain_rows
        alone = [i for i, pair in enumerate(pairs) if self._turning is not None and self._turning.turn_in(pair)]
        if not alone:
            return rows(pairs, device, pack=self.packs)
        others = [i for i in range(len(pairs)) if i not in set(alone)]
        together = rows([pairs[i] for i in others], device, pack=self.packs, numbers=others) if others else []
        return [*together, *plain_rows([pairs[i] for i in alone], device, numbers=alone, whole=True)]

    # ------------------------------------------------------------------------------------------------ micro-batches

    def micro_batch_tokens(self) -> int:
        """Advice: prompt + chosen + rejected tokens whose graphs are held together, by free memory. At least 1."""
        fitting = self._fitting_tokens()
        return min(fitting, _CPU_TOKENS) if device_of(self._model).type == "cpu" else fitting

    def saturating_tokens(self) -> int:
        """Advice: a forward of more tokens takes no less time per token. A CPU works pair by pair anyway; on CUDA every
        pass over packed weights writes them out, which many tokens must share."""
        if device_of(self._model).type == "cpu":
            return 1
        return _SATURATING_PACKED if has_packed_weights(self._model) else _SATURATING

    def _fitting_tokens(self) -> int:
        free = max(0, free_bytes(device_of(self._model)) - self.reserve_bytes)
        return max(1, int(HEADROOM * free / self.bytes_per_token()))

    def bytes_per_token(self) -> float:
        """Memory for one token of a micro-batch at its peak, which lies in the backward pass: what autograd keeps with
        the checkpointing in force, one layer of those that are recomputed, and what a layer's gradients need in
        passing. Measured on this model, but for the last. Where responses may stand in rows of their own the prompt
        is there twice and counted once: a token may cost two."""
        pair = made_up_pair(vocabulary(self._parts))
        kept = self._kept(pair)
        layers = decoder_layers(self._parts.backbone)
        recomputed = layers_for(self.checkpointing, len(layers))
        one_layer = 0.0
        if recomputed:
            set_checkpointed(layers, 0)
            one_layer = self._kept(pair)
            set_checkpointed(layers, 1)  # the first: of the last, less is kept
            one_layer -= self._kept(pair)
            set_checkpointed(layers, recomputed)
        dtype = self._parts.causal.get_input_embeddings().weight.dtype
        in_rows = sum(row.input_ids.shape[1] for row in self._lay_out([pair]))
        apart = self.layout == "plain" or (self._turning is not None and self.longest > self._turning.limit)
        each = (kept + one_layer) / in_rows + _PASSING * widest(self._parts.backbone) * dtype.itemsize
        return 2 * each if apart else each

    def _kept(self, pair: TokenPair) -> int:
        return saved_bytes(self._model, lambda: self._forward([pair]))

    def set_checkpointing(self, mode: str) -> None:
        """off, selective (every second layer), full, or auto: the least that lets 4096 tokens fit in free memory."""
        if mode not in MODES:
            raise ValueError(f"checkpointing: expected one of {', '.join(MODES)}, got {mode!r}")
        layers = decoder_layers(self._parts.backbone)
        for choice in ("off", "selective", "full") if mode == "auto" else (mode,):
            set_checkpointed(layers, layers_for(choice, len(layers)))
            self.checkpointing = choice if layers else "off"
            if mode != "auto" or self._fitting_tokens() >= _COMFORTABLE_TOKENS:
                return
