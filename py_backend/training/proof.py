"""Proves that exported files are the policy in memory: they are opened again, and log-probs of a few pairs compared.

An adapter is opened on the base in memory, whose own adapters are lifted off meanwhile; a whole model is read again
from its folder. Both sides run the modules' plain forward, one sequence at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from ..engine import TokenPair
from ..engine.self_check import evaluation_mode, made_up_pair
from ..faults import Fault
from ..models.load import Loaded
from ..models.start_adapter import lora_layers, open_adapter
from .policy import Policy

PAIRS = 3
NATS_A_TOKEN = {torch.float64: 1e-5, torch.float32: 1e-5, torch.float16: 1e-2, torch.bfloat16: 4e-2}
"""By the dtype of the weights: merged weights are rounded to it once more."""
INT8_NATS_A_TOKEN = 5e-2  # activations are rounded too, and not in what is written
LEAST_NATS = 1e-4


def prove_adapter(loaded: Loaded, policy: Policy, folder: Path, pairs: Sequence[TokenPair]) -> float:
    """Largest difference of a sequence's log-prob, in nats. Raises EXPORT_DIFFERS."""
    pairs = chosen_pairs(loaded, pairs)
    expected = log_probs(policy.model, pairs)
    with lifted(policy.model, loaded.base):
        opened, start = open_adapter(loaded.base, folder, "that was exported")
        got = log_probs(opened, pairs)
    if loaded.start is not None and not loaded.start.replacements.equal(start.replacements):
        raise differs("the exported adapter lacks weights that its start adapter puts into the base")
    return compare(loaded, pairs, expected, got)


def prove_whole(loaded: Loaded, policy: Policy | None, folder: Path, pairs: Sequence[TokenPair]) -> float:
    """As `prove_adapter`, for a model that transformers opens alone."""
    from transformers import AutoModelForCausalLM

    pairs = chosen_pairs(loaded, pairs)
    expected = log_probs(policy.model if policy else loaded.model, pairs)
    reopened = AutoModelForCausalLM.from_pretrained(
        str(folder),
        dtype=next(loaded.base.parameters()).dtype if not loaded.quantised else "auto",
        attn_implementation=loaded.spec.attention_name(),
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
    )
    return compare(loaded, pairs, expected, log_probs(reopened, pairs))


def chosen_pairs(loaded: Loaded, pairs: Sequence[TokenPair]) -> list[TokenPair]:
    """The shortest ones, or a made-up one."""
    vocabulary = loaded.base.get_input_embeddings().weight.shape[0]
    return sorted(pairs, key=lambda pair: pair.tokens)[:PAIRS] or [made_up_pair(vocabulary)]


@torch.no_grad()
def log_probs(model: nn.Module, pairs: Sequence[TokenPair]) -> list[float]:
    """Sums in nats, chosen and rejected of every pair in turn."""
    device = next(model.parameters()).device
    found = []
    with evaluation_mode(model):
        for prefix, branch, scored in sequences(pairs):
            ids = torch.tensor([[*prefix, *branch]], device=device)
            predicting = torch.tensor([len(prefix) + at - 1 for at in scored], device=device)
            logits = model(input_ids=ids, use_cache=False).logits[0].index_select(0, predicting)
            targets = ids[0].index_select(0, predicting + 1)[:, None]
            found.append(logits.double().log_softmax(-1).gather(1, targets).sum().item())
    return found


def sequences(pairs: Sequence[TokenPair]) -> Iterator[tuple[list[int], list[int], Sequence[int]]]:
    """Prompt, response, and which tokens of the response count: of chosen and rejected in turn."""
    for pair in pairs:
        yield pair.prefix, pair.chosen, pair.chosen_at()
        yield pair.prefix, pair.rejected, pair.rejected_at()


@contextmanager
def lifted(model: nn.Module, base: nn.Module) -> Iterator[None]:
    """Takes the adapter layers out of the base and puts them back: the same modules, in the same places."""
    layers = lora_layers(model)
    kept = {name: vars(base).get(name) for name in ("peft_config",)}
    places = []
    for name, layer in layers.items():
        parent_name, _, last = name.rpartition(".")
        places.append((base.get_submodule(parent_name), last, layer))
    for parent, last, layer in places:
        setattr(parent, last, layer.get_base_layer())
    vars(base).pop("peft_config", None)
    try:
        yield
    finally:
        for parent, last, layer in places:
            setattr(parent, last, layer)
        vars(base).pop("peft_config", None)
        vars(base).update({name: value for name, value in kept.items() if value is not None})


def compare(loaded: Loaded, pairs: Sequence[TokenPair], expected: Sequence[float], got: Sequence[float]) -> float:
    """The largest difference between two lists of log-probs, in nats. Raises EXPORT_DIFFERS where one is more than
    rounding."""
    tokens = [len(scored) for _, _, scored in sequences(pairs)]
    dtype = next(parameter.dtype for parameter in loaded.base.parameters() if parameter.is_floating_point())
    a_token = INT8_NATS_A_TOKEN if loaded.spec.quantization == "int8" else NATS_A_TOKEN[dtype]
    worst = max(abs(one - other) for one, other in zip(expected, got, strict=True))
    for one, other, count in zip(expected, got, tokens, strict=True):
        if one == other or (math.isnan(one) and math.isnan(other)):
            continue
        if not abs(one - other) <= max(LEAST_NATS, a_token * count):
            raise differs(
                f"what was written gives a log-prob of {other:.6f} where the policy in memory gives {one:.6f} "
                f"({count} tokens)"
            )
    return worst


def differs(what: str) -> Fault:
    """The EXPORT_DIFFERS fault."""
    return Fault("EXPORT_DIFFERS", f"{what}; the files are not kept")
