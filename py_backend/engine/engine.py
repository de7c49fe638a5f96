"""Sequence log-probs of preference pairs, with or without a graph, from one model.

Not its business: tokenizers, losses, optimizers, train/eval mode (the caller's), anything about gRPC.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from . import attention, float32_stream, last_layer, pair_dropout
from .architecture import Parts, device_of, find_parts, silence_base_dropout, widest
from .checkpointing import MODES, decoder_layers, layers_for, set_checkpointed
from .errors import OutOfMemory, is_out_of_memory
from .fused import has_packed_weights, install, uninstall
from .head import DEFAULT_CHUNK, Head, summed
from .memory import HEADROOM, free_bytes, saved_bytes
from .pairs import TokenPair
from .quantised_layers import compute_as_in_training
from .rows import Row, plain_rows, shared_rows
from .self_check import (
    SAME_LAYERS,
    TOLERANCE,
    OwnForward,
    evaluation_mode,
    head_difference,
    made_up_pair,
    own_forward,
    plain_difference,
    shared_difference,
)

log = logging.getLogger(__name__)

LAYOUTS = ("auto", "shared", "plain")
_COMFORTABLE_TOKENS = 4096  # a micro-batch that "auto" checkpointing makes room for
_PASSING = 4  # tensors as wide as a layer's widest that its backward pass has at once, beside what was kept
_CPU_TOKENS = 2048  # a CPU works pair by pair: more in one micro-batch costs memory and saves nothing
# Derived, not measured: rows of a matrix product that fill a large GPU; tokens over which writing out packed weights in
# every pass is 2 % of the work.
_SATURATING, _SATURATING_PACKED = 4096, 16384


class Engine:
    """Build it with `build_engine`. One caller at a time.

    layout: "shared" (the prompt is encoded once for both responses) or "plain" (each response is a row of its own).
    layout_note: why it is plain, or what the self-check measured.
    checkpointing: "off", "selective" or "full", and never "auto": what is in force.
    reserve_bytes: memory that is free now and will not stay so: gradients and what an optimizer still has to make.
    """

    def __init__(
        self,
        model: nn.Module,
        parts: Parts,
        *,
        shared: bool,
        note: str,
        own_head: bool,
        head_chunk: int,
        reserve_bytes: int = 0,
    ) -> None:
        self.layout = "shared" if shared else "plain"
        self.layout_note = note
        self.checkpointing = "off"
        self.reserve_bytes = reserve_bytes
        self._model = model
        self._parts = parts
        self._own_head = own_head
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
            with pair_dropout.masks_of(row.stretches, seeds):
                if self._own_head:
                    total = total + self._with_own_head(row, len(total))
                else:
                    scored = run_backbone(self._parts, row)[0].index_select(0, row.score_at)
                    total = total + head.sequence_logps(scored, row.targets, row.sequences, row.lengths, len(total))
        return total

    def _with_own_head(self, row: Row, sequences: int) -> torch.Tensor:
        """Logits as the model's own forward makes them, at scored positions only but not in chunks."""
        logits = _run(self._parts.causal, row, logits_to_keep=row.score_at).logits[0]
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        logps = logits.gather(1, row.targets[:, None])[:, 0] - logits.logsumexp(1)
        return summed(logps.double(), row.sequences, row.lengths, sequences)

    def _lay_out(self, pairs: Sequence[TokenPair]) -> list[Row]:
        device = device_of(self._model)
        if self.layout == "plain":
            return plain_rows(pairs, device)
        # A CPU works pair by pair, so that a pair's numbers do not depend on its company; CUDA wants long rows.
        return shared_rows(pairs, device, pack=device.type != "cpu")

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
        passing. Measured on this model, but for the last."""
        pair = made_up_pair(_vocabulary(self._parts))
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
        return (kept + one_layer) / pair.tokens + _PASSING * widest(self._parts.backbone) * dtype.itemsize

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


def build_engine(
    model: nn.Module,
    *,
    layout: str = "auto",
    checkpointing: str = "off",
    head_chunk: int = DEFAULT_CHUNK,
    write_out: bool = True,
    reserve_bytes: int = 0,
) -> Engine:
    """Prepares a loaded model, PEFT-wrapped or not; put adapters on first.

    Switches the base model's own dropout off, keeps quantised layers at one arithmetic (see `quantised_layers`) and,
    for the shared layout, sets the model's attention implementation to one that behaves as before outside the engine.
    Never fails over a layout: what cannot be shared runs plain, and the note and the log say why.

    write_out: 4-bit weights may be dequantised once and kept, where a quarter of the free memory holds them.
    reserve_bytes: of the memory that is free, what is spoken for.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"layout: expected one of {', '.join(LAYOUTS)}, got {layout!r}")
    parts = find_parts(model)
    silence_base_dropout(model)
    compute_as_in_training(model)
    pair_dropout.install(model)
    float32_stream.uninstall(parts)
    last_layer.uninstall(decoder_layers(parts.backbone))  # an engine built before the adapter came has put them in
    with evaluation_mode(model):
        pair = made_up_pair(_vocabulary(parts))
        _honour_softcap(parts)
        own = own_forward(parts, pair, device_of(model))
        head_off, head_tolerance = head_difference(parts, own)
        spare = max(0, free_bytes(device_of(model)) - reserve_bytes) if write_out else 0
        _install_fused(model, parts, own, spare)
        _skip_unscored(parts, own)
        if layout == "plain":
            shared, note = False, "plain layout was asked for"
        else:
            shared, note = _try_shared(parts, own_forward(parts, pair, device_of(model)))
        if shared and float32_stream.fits(parts):
            _keep_float32_between(parts, own)
    own_head = not head_off <= head_tolerance
    if own_head:
        note += f"; logits differ by {head_off:.1e} from the model's own, whose forward is used: they exist unchunked"
    if own_head or (layout != "plain" and not shared):
        log.warning("%s: %s", type(parts.causal).__name__, note)
    engine = Engine(
        model,
        parts,
        shared=shared,
        note=note,
        own_head=own_head,
        head_chunk=head_chunk,
        reserve_bytes=reserve_bytes,
    )
    engine.set_checkpointing(checkpointing)
    return engine


def _install_fused(model: nn.Module, parts: Parts, own: OwnForward, spare_bytes: int) -> None:
    """Faster layers, kept only if the model's numbers stay what they are."""
    replaced = install(model, spare_bytes)
    difference = plain_difference(parts, lambda row: run_backbone(parts, row), own)
    if not difference <= TOLERANCE[own.dtype]:
        uninstall(replaced)
        log.warning("%s: fused layers differ by %.1e and are not used", type(parts.causal).__name__, difference)


def _skip_unscored(parts: Parts, own: OwnForward) -> None:
    """Leaves the last layer's work for unscored tokens out, if the model's numbers stay what they are."""
    layers = decoder_layers(parts.backbone)
    if not last_layer.install(layers):
        return
    try:
        difference = plain_difference(parts, lambda row: run_backbone(parts, row), own)
        problem = "" if difference <= TOLERANCE[own.dtype] else f"hidden states differ by {difference:.1e}"
    except Exception as error:  # any architecture may refuse, each in its own way
        problem = f"{type(error).__name__}: {error}"
    if problem:
        last_layer.uninstall(layers)
        log.warning("%s: the last layer runs for all tokens: %s", type(parts.causal).__name__, problem)


def _try_shared(parts: Parts, own: OwnForward) -> tuple[bool, str]:
    """Switches the model to shared rows if that gives the same hidden states, and leaves it as it was if not. own: with
    the layers that are in force by now."""
    before = parts.causal.config._attn_implementation
    if before not in ("sdpa", attention.NAME) and not _attention_softcap(parts):
        return False, f"the model runs {before} attention, shared rows need sdpa"
    attention.register()
    try:
        parts.causal.set_attn_implementation(attention.NAME)
        difference = shared_difference(parts, lambda row: run_backbone(parts, row), own)
        problem = "" if difference <= SAME_LAYERS[own.dtype] else f"shared rows differ by {difference:.1e}"
    except Exception as error:  # any architecture may refuse, each in its own way
        problem = f"shared rows fail: {type(error).__name__}: {error}"
    if not problem:
        return True, f"self-check: relative difference {difference:.1e} from the model's own forward"
    parts.causal.set_attn_implementation(before)
    return False, problem


def _keep_float32_between(parts: Parts, own: OwnForward) -> None:
    """float32 between the products of a bfloat16 model, if it stays within the rounding of its own forward."""
    float32_stream.install(parts)
    try:
        difference = shared_difference(parts, lambda row: run_backbone(parts, row), own)
        problem = "" if difference <= TOLERANCE[own.dtype] else f"hidden states differ by {difference:.1e}"
    except Exception as error:  # any architecture may refuse, each in its own way
        problem = f"{type(error).__name__}: {error}"
    if problem:
        float32_stream.uninstall(parts)
        log.warning("%s: bfloat16 throughout: %s", type(parts.causal).__name__, problem)


def _attention_softcap(parts: Parts) -> float | None:
    return getattr(parts.causal.config.get_text_config(), "attn_logit_softcapping", None)


def _honour_softcap(parts: Parts) -> None:
    """transformers' sdpa silently leaves out Gemma 2's attention softcap; its eager attention has it."""
    if _attention_softcap(parts) and parts.causal.config._attn_implementation == "sdpa":
        parts.causal.set_attn_implementation("eager")


def run_backbone(parts: Parts, row: Row) -> torch.Tensor:
    """[1, T, D]: last hidden states of a row; only those that are scored are right."""
    with last_layer.only(row.distinct, row.input_ids.shape[1]):
        return _run(parts.backbone, row).last_hidden_state


def _run(module: nn.Module, row: Row, **more: object) -> Any:
    if row.spans is None:
        return module(input_ids=row.input_ids, use_cache=False, **more)
    # A 2D mask of ones keeps transformers from reading restarted positions as borders between packed documents.
    ones = torch.ones_like(row.input_ids)
    with attention.shared_row(row.spans):
        return module(
            input_ids=row.input_ids, position_ids=row.position_ids, attention_mask=ones, use_cache=False, **more
        )


def _vocabulary(parts: Parts) -> int:
    return parts.causal.get_input_embeddings().weight.shape[0]
