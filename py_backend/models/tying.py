"""Input and output embeddings that are one tensor, and how they part. Adapters may lie on either."""

from __future__ import annotations

from torch import nn


def tied(base: nn.Module) -> bool:
    """Whether input and output embeddings are one tensor."""
    head = base.get_output_embeddings()
    return head is not None and _own(head).weight is _own(base.get_input_embeddings()).weight


def untie(base: nn.Module) -> None:
    """The output embedding gets a copy of its own, in memory and in what is saved."""
    if not tied(base):
        return
    head = _own(base.get_output_embeddings())
    head.weight = nn.Parameter(head.weight.detach().clone(), requires_grad=head.weight.requires_grad)
    base.config.get_text_config().tie_word_embeddings = False
    base.config.tie_word_embeddings = False
    base.all_tied_weights_keys = {}


def _own(module: nn.Module) -> nn.Module:
    return module.get_base_layer() if hasattr(module, "get_base_layer") else module
