"""Makes an engine of a loaded model: puts in what is faster or needs less, and keeps what proves right on it."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import torch
from torch import nn

from . import attention, float32_stream, last_layer, pair_dropout
from .architecture import Parts, device_of, find_parts, vocabulary
from .checkpointing import decoder_layers
from .engine import Engine
from .fused import install, uninstall
from .head import DEFAULT_CHUNK
from .kernels import remove_kernels, use_kernels
from .memory import free_bytes
from .quantised_layers import compute_as_in_training
from .quiet import keep_quiet
from .run import run_backbone
from .self_check import (
    SAME_LAYERS,
    TOLERANCE,
    Backbone,
    OwnForward,
    evaluation_mode,
    head_difference,
    made_up_pair,
    own_forward,
    packed_difference,
    plain_difference,
    shared_difference,
)

log = logging.getLogger(__name__)

LAYOUTS = ("auto", "shared", "plain")
Difference = Callable[[Parts, Backbone, OwnForward], float]


def build_engine(
    model: nn.Module,
    *,
    layout: str = "auto",
    checkpointing: str = "off",
    head_chunk: int = DEFAULT_CHUNK,
    write_out: bool = True,
    reserve_bytes: int = 0,
    longest: float = math.inf,
) -> Engine:
    """Prepares a loaded model, PEFT-wrapped or not; put adapters on first.

    Keeps the base model in evaluation mode (see `quiet`), its quantised layers at one arithmetic (see
    `quantised_layers`) and, for the shared layout, sets the model's attention implementation to one that behaves as
    before outside the engine.
    Never fails over a layout: what cannot be shared runs plain, and the note and the log say why.

    write_out: 4-bit weights may be dequantised once and kept, where a quarter of the free memory holds them.
    reserve_bytes: of the memory that is free, what is spoken for. longest: tokens of the longest sequence to come.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"layout: expected one of {', '.join(LAYOUTS)}, got {layout!r}")
    parts = find_parts(model)
    keep_quiet(model)
    compute_as_in_training(model)
    pair_dropout.install(model)
    float32_stream.uninstall(parts)
    last_layer.uninstall(decoder_layers(parts.backbone))  # an engine built before the adapter came has put them in
    remove_kernels(model)
    with evaluation_mode(model):
        pair = made_up_pair(vocabulary(parts))
        _honour_softcap(parts)
        own = own_forward(parts, pair, device_of(model))
        head_off, head_tolerance = head_difference(parts, own)
        spare = max(0, free_bytes(device_of(model)) - reserve_bytes) if write_out else 0
        _install_fused(model, parts, own, spare)
        _skip_unscored(parts, own)
        kernels = use_kernels(model, parts, own, lambda row: run_backbone(parts, row))
        shared, packs, note = _choose_rows(parts, own_forward(parts, pair, device_of(model)), layout)
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
        packs=packs,
        kernels=kernels,
        note=note,
        own_head=own_head,
        head_chunk=head_chunk,
        reserve_bytes=reserve_bytes,
        longest=longest,
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
    _, problem = _compare("hidden states", plain_difference, parts, own, TOLERANCE[own.dtype])
    if problem:
        last_layer.uninstall(layers)
        log.warning("%s: the last layer runs for all tokens: %s", type(parts.causal).__name__, problem)


def _choose_rows(parts: Parts, own: OwnForward, layout: str) -> tuple[bool, bool, str]:
    """(shared, packed, note): which rows the model gives its own numbers in. own: with the layers in force by now."""
    long = wants_long_rows(own.hidden.device)
    shared, note = False, "plain layout was asked for"
    if layout != "plain":
        shared, note = _try_rows(parts, own, shared_difference, "shared rows")
    if shared or not long:
        return shared, shared and long, note
    packed, more = _try_rows(parts, own, packed_difference, "packed rows")
    return False, packed, f"{note}; responses {'packed into one row' if packed else 'one by one'}: {more}"


def wants_long_rows(device: torch.device) -> bool:
    """A CPU gains nothing by them."""
    return device.type != "cpu"


def _try_rows(parts: Parts, own: OwnForward, difference_in: Difference, name: str) -> tuple[bool, str]:
    """Switches the model to rows of several sequences if they give the same hidden states, and leaves it as it was if
    not."""
    before = parts.causal.config._attn_implementation
    if before not in ("sdpa", attention.NAME) and not _attention_softcap(parts):
        return False, f"the model runs {before} attention, {name} need sdpa"
    # By index in the row, from a length on that no self-check reaches.
    if getattr(parts.causal.config.get_text_config(), "attn_temperature_tuning", False):
        return False, f"the model scales attention by a token's place in the row, so no {name}"
    attention.register()

    def with_several_sequences(parts: Parts, run: Backbone, own: OwnForward) -> float:
        parts.causal.set_attn_implementation(attention.NAME)
        return difference_in(parts, run, own)

    difference, problem = _compare(name, with_several_sequences, parts, own, SAME_LAYERS[own.dtype])
    if not problem:
        return True, f"self-check: relative difference {difference:.1e} from the model's own forward"
    parts.causal.set_attn_implementation(before)
    return False, problem


def _compare(name: str, difference_in: Difference, parts: Parts, own: OwnForward, limit: float) -> tuple[float, str]:
    """(difference from the model's own forward, what is wrong with it: nothing within the limit). Any architecture may
    refuse, each in its own way."""
    try:
        difference = difference_in(parts, lambda row: run_backbone(parts, row), own)
    except Exception as error:  # noqa: BLE001
        return math.inf, f"{name} fail: {type(error).__name__}: {error}"
    return difference, "" if difference <= limit else f"{name} differ by {difference:.1e}"


def _keep_float32_between(parts: Parts, own: OwnForward) -> None:
    """float32 between the products of a bfloat16 model, if it stays within the rounding of its own forward."""
    float32_stream.install(parts)
    _, problem = _compare("hidden states", shared_difference, parts, own, TOLERANCE[own.dtype])
    if problem:
        float32_stream.uninstall(parts)
        log.warning("%s: bfloat16 throughout: %s", type(parts.causal).__name__, problem)


def _attention_softcap(parts: Parts) -> float | None:
    return getattr(parts.causal.config.get_text_config(), "attn_logit_softcapping", None)


def _honour_softcap(parts: Parts) -> None:
    """transformers' sdpa silently leaves out Gemma 2's attention softcap; its eager attention has it."""
    if _attention_softcap(parts) and parts.causal.config._attn_implementation == "sdpa":
        parts.causal.set_attn_implementation("eager")
