"""What an adapter folder puts in the place of base weights: whole modules, biases, embeddings, single tokens' rows.

PEFT keeps such weights beside the base's and switches between them. Here they go into the base for good, since nobody
asks for a base without its start adapter; they are remembered, and written again with every adapter that is exported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from ..faults import Fault
from .tying import tied, untie
from .weight_report import WeightReport

TOKENS = "token_adapter.trainable_tokens_delta"
BASE_LAYER = ".base_layer"


@dataclass(slots=True)
class Replacements:
    """weights: by parameter of the base, the whole tensor. rows: by embedding module, token ids and their rows.
    modules: what modules_to_save lists. bias: PEFT's setting."""

    weights: dict[str, torch.Tensor] = field(default_factory=dict)
    rows: dict[str, tuple[list[int], torch.Tensor]] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    token_indices: list[int] | dict[str, list[int]] | None = None
    bias: str = "none"

    def __bool__(self) -> bool:
        return bool(self.weights or self.rows)

    def whole_modules(self, base: nn.Module) -> set[str]:
        """Names of modules that no further adapter may be put on: their weights are saved as a whole or by token."""
        return {*saved_modules(base, self.modules), *self.rows}

    def equal(self, other: Replacements) -> bool:
        """Whether both replace the same weights by the same values."""

        def same(one: Mapping[str, torch.Tensor], two: Mapping[str, torch.Tensor]) -> bool:
            return one.keys() == two.keys() and all(torch.equal(value, two[name]) for name, value in one.items())

        ids = {name: listed for name, (listed, _) in self.rows.items()}
        if ids != {name: listed for name, (listed, _) in other.rows.items()} or self.modules != other.modules:
            return False
        rows = [{name: tensor for name, (_, tensor) in each.rows.items()} for each in (self, other)]
        return same(self.weights, other.weights) and same(*rows)

    def file_tensors(self, targeted: set[str]) -> dict[str, torch.Tensor]:
        """As PEFT names them in a file. targeted: modules with a low-rank part, which PEFT wraps."""
        named = {f"{module}.{TOKENS}": tensor for module, (_, tensor) in self.rows.items()}
        for name, tensor in self.weights.items():
            module, _, parameter = name.rpartition(".")
            named[f"{module}{BASE_LAYER if module in targeted else ''}.{parameter}"] = tensor
        return named


def take_replacements(
    base: nn.Module,
    tensors: dict[str, torch.Tensor],
    modules: tuple[str, ...],
    token_indices: list[int] | dict[str, list[int]] | None,
    bias: str,
) -> Replacements:
    """Takes the tensors (by name without PEFT's prefix) that replace something out of `tensors`. Raises nothing: what
    is left over, or missing, is the caller's to tell."""
    found = Replacements(modules=modules, token_indices=token_indices, bias=bias)
    known = {name for name, _ in base.named_parameters(remove_duplicate=False)}
    for name in list(tensors):
        if name.endswith(f".{TOKENS}"):
            module = name.removesuffix(f".{TOKENS}")
            ids = token_ids(base, module, token_indices)
            if ids is not None:
                found.rows[module] = (ids, tensors.pop(name))
        elif (plain := name.replace(f"{BASE_LAYER}.", ".")) in known:
            found.weights[plain] = tensors.pop(name)
    return found


def saved_modules(base: nn.Module, names: tuple[str, ...]) -> list[str]:
    """PEFT's rule for modules_to_save: the end of a module's name."""
    return [name for name, _ in base.named_modules() if any(name.endswith(each) for each in names)]


def misfit(base: nn.Module, found: Replacements) -> WeightReport:
    """What the configuration promises and the file lacks, and sizes that no resizing of embeddings explains."""
    own = {name: value.shape for name, value in base.named_parameters(remove_duplicate=False)}
    embeddings = {f"{name}.weight" for name in embedding_names(base)}
    listed = saved_modules(base, found.modules)
    modules = dict(base.named_modules())
    promised = [f"{module}.{parameter}" for module in listed for parameter, _ in modules[module].named_parameters()]
    rows = {
        f"{module}.{TOKENS}": (len(ids), rows, own[f"{module}.weight"]) for module, (ids, rows) in found.rows.items()
    }
    return WeightReport(
        missing={
            **{name: own[name] for name in promised if name not in found.weights},
            **{f"{name}.{TOKENS}": None for name in _named_embeddings(base, found) if name not in found.rows},
        },
        resized={
            **{
                name: (tensor.shape, own[name])
                for name, tensor in found.weights.items()
                if tensor.shape[name in embeddings :] != own[name][name in embeddings :]
            },
            **{
                name: (tensor.shape, (count, size[1]))
                for name, (count, tensor, size) in rows.items()
                if tensor.shape != (count, size[1])
            },
        },
    )


def _named_embeddings(base: nn.Module, found: Replacements) -> list[str]:
    """Embedding modules whose tokens the configuration lists. A head that is one tensor with the input embedding
    follows it."""
    names = [name for name in embedding_names(base) if name and token_ids(base, name, found.token_indices) is not None]
    return names[:1] if tied(base) else names


def token_ids(base: nn.Module, module: str, token_indices: list[int] | dict[str, list[int]] | None) -> list[int] | None:
    """Token ids whose rows an embedding module gets; None for a module that gets none."""
    if isinstance(token_indices, dict):
        return next((ids for name, ids in token_indices.items() if module.endswith(name)), None)
    return token_indices if module == embedding_names(base)[0] else None


def embedding_names(base: nn.Module) -> tuple[str, str]:
    """Names of the input and the output embedding; the second is empty where there is none."""
    embedding, head = base.get_input_embeddings(), base.get_output_embeddings()
    names = {module: name for name, module in base.named_modules()}
    return names[embedding], names.get(head, "")


@torch.no_grad()
def put_in(base: nn.Module, found: Replacements, adapter: str) -> None:
    """Writes the replacements over the base's weights; doing so twice changes nothing. Raises UNSUPPORTED."""
    embedding, head = embedding_names(base)
    _refuse_quantised(base, found, adapter)
    _resize(base, found, adapter)
    apart = {*saved_modules(base, found.modules)} & {embedding, head}
    if tied(base) and (apart or {embedding, head} <= set(found.rows)):
        untie(base)
    parameters = dict(base.named_parameters(remove_duplicate=False))
    for name, tensor in found.weights.items():
        parameters[name].copy_(tensor)
    for module, (ids, rows) in found.rows.items():
        weight = parameters[f"{module}.weight"]
        weight[ids] = rows.to(weight)


def _refuse_quantised(base: nn.Module, found: Replacements, adapter: str) -> None:
    parameters = dict(base.named_parameters(remove_duplicate=False))
    for name in found.weights:
        if not parameters[name].is_floating_point():
            raise Fault(
                "UNSUPPORTED",
                f"adapter {adapter}: modules_to_save: got {name.rpartition('.')[0]}, expected modules whose weights "
                "are not quantised here",
                "Load the model without quantization.",
            )


def _resize(base: nn.Module, found: Replacements, adapter: str) -> None:
    """Gives the embeddings as many rows as the adapter has for them, if it says what is in each."""
    embedding, head = embedding_names(base)
    rows = base.get_input_embeddings().weight.shape[0]
    given = {
        name: len(found.weights[f"{name}.weight"]) for name in (embedding, head) if f"{name}.weight" in found.weights
    }
    highest = max((max(ids, default=0) + 1 for ids, _ in found.rows.values()), default=0)
    wanted = max([*given.values(), highest]) if max([0, highest]) > rows else max(given.values(), default=rows)
    if wanted == rows:
        return
    for name in (embedding, head):
        if not name or (name == head and tied(base)):
            continue
        whole = given.get(name, rows if wanted < rows else 0) >= wanted
        by_token = set(range(rows, wanted)) <= set(found.rows.get(name, ([], None))[0])
        if not whole and not by_token:
            raise Fault(
                "UNSUPPORTED",
                f"adapter {adapter}: it has {wanted} tokens and the model has {rows}; it does not say "
                f"what the other rows of {name} are",
                "Save the adapter with save_embedding_layers=True, or give a model whose embeddings were resized.",
            )
    base.resize_token_embeddings(wanted, mean_resizing=False)
