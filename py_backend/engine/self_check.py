"""Proves at load that a model gives the same numbers in the engine's layout as in its own forward.

One short made-up pair goes through the model's own forward, response by response, and through the engine's path. What
is compared is relative, layer by layer and on equal inputs: every layer of the engine's path is given what the layer
got in the model's own forward, and what its attention and its MLP make of it is compared for the trunk and for the
branch by itself; then the hidden states that the head gets, and logits of a few of them.

A comparison at the end alone tells too little in half precision: over 32 layers rounding grows to 0.08 to 0.16, as
between transformers' own eager and sdpa attention, while branches whose positions go on where they should restart
change the end of a smooth model by 0.012 only. On equal inputs a right layer differs by its own rounding (0.003 in
bfloat16), and a wrong mask, window or position changes some layer by 0.02 to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from .architecture import Parts
from .checkpointing import decoder_layers
from .head import apply_rule
from .pairs import TokenPair
from .rows import Row, plain_rows, shared_rows

TOLERANCE = {torch.float64: 1e-5, torch.float32: 1e-3, torch.bfloat16: 3e-2, torch.float16: 5e-3}
"""Largest accepted relative difference of a layer's part that rounds elsewhere, by dtype; parts of most models compute
in float32 in any."""
SAME_LAYERS = {torch.float64: 1e-5, torch.float32: 1e-3, torch.bfloat16: 1e-2, torch.float16: 2e-3}
"""The same where the layers are equal and only the layout differs."""
_PARTS = ("self_attn", "attn", "mlp")
"""Names of a layer's parts, where it has them; else the layer is compared as a whole."""

Backbone = Callable[[Row], torch.Tensor]
Piece = tuple[int, slice]
"""Which of the two plain rows, and which of its tokens."""


@dataclass(slots=True)
class OwnForward:
    """Of the model's own forward of one pair: hidden [N, D] at scored tokens, chosen then rejected; of each of the two
    responses, what each layer got, and what each of its parts gave, [T, D]."""

    pair: TokenPair
    hidden: torch.Tensor
    inputs: list[dict[int, torch.Tensor]] = field(default_factory=list)
    outputs: list[dict[tuple[int, str], torch.Tensor]] = field(default_factory=list)

    @property
    def dtype(self) -> torch.dtype:
        """Of the hidden states."""
        return self.hidden.dtype


def made_up_pair(vocabulary: int) -> TokenPair:
    """Different tokens everywhere, branches of different lengths, ids spread over the vocabulary."""
    ids = [(7 + 13 * i) % max(vocabulary - 1, 1) for i in range(48)]
    return TokenPair(prefix=ids[:23], chosen=ids[23:37], rejected=ids[37:48])


@torch.no_grad()
def own_forward(parts: Parts, pair: TokenPair, device: torch.device) -> OwnForward:
    """Runs the model's forward with the layers in force, one response at a time, and keeps what is to be compared."""
    own = OwnForward(pair, torch.empty(0))
    found = []
    for row in plain_rows([pair], device):
        got: dict[int, torch.Tensor] = {}
        given: dict[tuple[int, str], torch.Tensor] = {}
        with watching(decoder_layers(parts.backbone), given, lambda index, x, got=got: got.setdefault(index, x)):
            hidden = parts.backbone(input_ids=row.input_ids, use_cache=False).last_hidden_state[0]
        found.append(hidden.index_select(0, row.score_at))
        own.inputs.append({index: x.select(-3, 0) for index, x in got.items()})
        own.outputs.append(given)
    own.hidden = torch.cat(found)
    return own


@torch.no_grad()
def shared_difference(parts: Parts, run: Backbone, own: OwnForward) -> float:
    """Largest relative difference of a layer's part in a shared row from the model's own."""
    row = shared_rows([own.pair], own.hidden.device, pack=False)[0]
    prefix = len(own.pair.prefix)
    return _difference(parts, run, row, [(0, slice(None)), (1, slice(prefix, None))], own, own.hidden)


@torch.no_grad()
def packed_difference(parts: Parts, run: Backbone, own: OwnForward) -> float:
    """The same in one row in which both responses stand by themselves."""
    row = plain_rows([own.pair], own.hidden.device, pack=True)[0]
    return _difference(parts, run, row, [(0, slice(None)), (1, slice(None))], own, own.hidden)


@torch.no_grad()
def plain_difference(parts: Parts, run: Backbone, own: OwnForward) -> float:
    """The same in rows of one response each."""
    found, first = [], 0
    for side, row in enumerate(plain_rows([own.pair], own.hidden.device)):
        hidden = own.hidden[first : first + len(row.score_at)]
        first += len(row.score_at)
        found.append(_difference(parts, run, row, [(side, slice(None))], own, hidden))
    return max(found)


@torch.no_grad()
def head_difference(parts: Parts, own: OwnForward) -> tuple[float, float]:
    """Relative difference between head plus logit rule and the model's own logits, and what may be accepted."""
    row = plain_rows([own.pair], own.hidden.device)[0]
    own_NV = parts.causal(input_ids=row.input_ids, use_cache=False).logits[0].index_select(0, row.score_at)
    difference = relative(apply_rule(parts.head(own.hidden[: len(own_NV)]), parts.rule), own_NV)
    return difference, max(TOLERANCE[own.dtype], TOLERANCE[own_NV.dtype])


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Dropout off inside, every module's own mode restored after."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def relative(got: torch.Tensor, expected: torch.Tensor) -> float:
    """Norm of the difference over the norm of what is expected."""
    got, expected = got.double(), expected.double()
    return float((got - expected).norm() / expected.norm().clamp_min(1e-30))


def _difference(
    parts: Parts, run: Backbone, row: Row, pieces: Sequence[Piece], own: OwnForward, own_hidden: torch.Tensor
) -> float:
    layers = decoder_layers(parts.backbone)

    def taught(index: int, x: torch.Tensor) -> torch.Tensor:
        inputs = [own.inputs[side][index][..., some, :] for side, some in pieces]
        return torch.cat(inputs, dim=-2).unsqueeze(-3).to(x.dtype)

    got: dict[tuple[int, str], torch.Tensor] = {}
    with watching(layers, got, taught):
        hidden = run(row)[0].index_select(0, row.score_at)
    found = [relative(hidden, own_hidden)]
    last = len(layers) - 1
    scored_T1 = own_hidden.new_zeros(row.input_ids.shape[1], 1).index_fill(0, row.distinct, 1.0)
    for (index, name), output in got.items():
        start = 0
        for side, some in pieces:
            expected = own.outputs[side][index, name][some]
            end = start + len(expected)
            part = output[start:end]
            if index == last:  # there, other than scored tokens may be left out
                mask = scored_T1[start:end]
                part, expected = part * mask, expected * mask
            start = end
            found.append(relative(part, expected))
    return max(found)


@contextmanager
def watching(
    layers: Sequence[nn.Module],
    outputs: dict[tuple[int, str], torch.Tensor],
    see: Callable[[int, torch.Tensor], torch.Tensor],
) -> Iterator[None]:
    """While it is open, `see` is given every layer's input, [1, T, D] (of Gemma 3n [streams, 1, T, D]), and says what
    the layer gets in its place; what the layer's parts give, [T, D], is put into `outputs`."""
    hooks = []
    for index, layer in enumerate(layers):
        hooks.append(layer.register_forward_pre_hook(_replacing(index, see), with_kwargs=True))
        parts = {name: part for name in _PARTS if isinstance(part := getattr(layer, name, None), nn.Module)}
        for name, module in (parts or {"": layer}).items():
            hooks.append(module.register_forward_hook(_keeping(outputs, (index, name))))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _replacing(index: int, see: Callable[[int, torch.Tensor], torch.Tensor]) -> Callable[..., Any]:
    def replace(_: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, Any]:
        if arguments:
            return (see(index, arguments[0]), *arguments[1:]), named
        return arguments, named | {"hidden_states": see(index, named["hidden_states"])}

    return replace


def _keeping(outputs: dict[tuple[int, str], torch.Tensor], key: tuple[int, str]) -> Callable[..., None]:
    def keep(_module: nn.Module, _arguments: Any, output: Any) -> None:
        outputs[key] = (output[0] if isinstance(output, tuple) else output)[0]

    return keep
