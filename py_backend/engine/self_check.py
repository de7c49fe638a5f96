"""Proves at load that a model gives the same numbers in the engine's layout as in its own forward.

One short made-up pair goes through the model's own forward, response by response, and through the engine's path. What
is compared is relative: hidden states where tokens are scored, and logits of a few of them. A wrong mask, wrong
positions or a forgotten softcap change these by far more than rounding does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from .architecture import Parts
from .head import apply_rule
from .pairs import TokenPair
from .rows import Row, plain_rows, shared_rows

TOLERANCE = {torch.float64: 1e-5, torch.float32: 1e-3, torch.bfloat16: 6e-2, torch.float16: 1e-2}
"""Largest accepted relative difference, by dtype. Parts of most models compute in float32 whatever the dtype."""

Backbone = Callable[[Row], torch.Tensor]


def made_up_pair(vocabulary: int) -> TokenPair:
    """Different tokens everywhere, branches of different lengths, ids spread over the vocabulary."""
    ids = [(7 + 13 * i) % max(vocabulary - 1, 1) for i in range(48)]
    return TokenPair(prefix=ids[:23], chosen=ids[23:37], rejected=ids[37:48])


@torch.no_grad()
def own_hidden(parts: Parts, pair: TokenPair, device: torch.device) -> torch.Tensor:
    """[N, D]: hidden states at scored tokens from the model's own forward, chosen then rejected."""
    found = []
    for row in plain_rows([pair], device):
        hidden = parts.backbone(input_ids=row.input_ids, use_cache=False).last_hidden_state[0]
        found.append(hidden.index_select(0, row.score_at))
    return torch.cat(found)


@torch.no_grad()
def shared_difference(run: Backbone, pair: TokenPair, own_ND: torch.Tensor) -> float:
    """Relative difference of the shared row's hidden states from the model's own."""
    row = shared_rows([pair], own_ND.device, pack=False)[0]
    return _relative(run(row)[0].index_select(0, row.score_at), own_ND)


@torch.no_grad()
def plain_difference(run: Backbone, pair: TokenPair, own_ND: torch.Tensor) -> float:
    """Relative difference of hidden states in rows of one response each from the model's own."""
    rows = plain_rows([pair], own_ND.device)
    return _relative(torch.cat([run(row)[0].index_select(0, row.score_at) for row in rows]), own_ND)


@torch.no_grad()
def head_difference(parts: Parts, pair: TokenPair, own_ND: torch.Tensor) -> tuple[float, float]:
    """Relative difference between head plus logit rule and the model's own logits, and what may be accepted."""
    row = plain_rows([pair], own_ND.device)[0]
    own_NV = parts.causal(input_ids=row.input_ids, use_cache=False).logits[0].index_select(0, row.score_at)
    difference = _relative(apply_rule(parts.head(own_ND[: len(own_NV)]), parts.rule), own_NV)
    return difference, max(TOLERANCE[own_ND.dtype], TOLERANCE[own_NV.dtype])


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


def _relative(got: torch.Tensor, expected: torch.Tensor) -> float:
    got, expected = got.double(), expected.double()
    return float((got - expected).norm() / expected.norm().clamp_min(1e-30))
