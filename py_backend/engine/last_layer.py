"""In the last decoder layer, what comes after attention runs for scored tokens only.

Nothing mixes tokens there any more, so that the hidden states of other tokens (the prompt's, mostly) are computed for
nobody: their output projection and MLP are left out, forward and backward, and zeros stand in their place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import nn

_scored: ContextVar[tuple[torch.Tensor, int] | None] = ContextVar("scored_tokens", default=None)


@contextmanager
def only(scored_M: torch.Tensor, tokens: int) -> Iterator[None]:
    """While it is open, forwards of a row of so many tokens need right hidden states at scored_M (int64, no repetition)
    alone."""
    token = _scored.set((scored_M, tokens) if len(scored_M) < tokens else None)
    try:
        yield
    finally:
        _scored.reset(token)


def install(layers: Sequence[nn.Module]) -> bool:
    """Hooks the last of the layers, which has no such hooks yet; whether there was anything to hook."""
    modules = _token_wise(layers)
    for module in modules:
        module.register_forward_pre_hook(_narrow)
        module.register_forward_hook(_widen)
    return bool(modules)


def uninstall(layers: Sequence[nn.Module]) -> None:
    """Takes the hooks out wherever they are by now: an adapter wraps a module together with its hooks."""
    for module in layers[-1].modules() if layers else ():
        for hooks, ours in ((module._forward_pre_hooks, _narrow), (module._forward_hooks, _widen)):
            for key in [key for key, hook in hooks.items() if hook is ours]:
                del hooks[key]


def _token_wise(layers: Sequence[nn.Module]) -> list[nn.Module]:
    if not layers:
        return []
    attention = getattr(layers[-1], "self_attn", None)
    found = (getattr(attention, "o_proj", None), getattr(layers[-1], "mlp", None))
    return [module for module in found if isinstance(module, nn.Module)]


def _narrow(module: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """[1, T, D] to [1, M, D]."""
    scored = _scored.get()
    return None if scored is None else (arguments[0].index_select(1, scored[0]), *arguments[1:])


def _widen(module: nn.Module, arguments: tuple[Any, ...], output: Any) -> torch.Tensor | None:
    """[1, M, D] to [1, T, D]."""
    scored = _scored.get()
    if scored is None:
        return None
    if not isinstance(output, torch.Tensor):
        raise NotImplementedError(f"{type(module).__name__} gives {type(output).__name__}, not a tensor")
    index_M, tokens = scored
    return output.new_zeros(1, tokens, output.shape[-1]).index_copy(1, index_M, output)
