"""Opens an adapter folder on a base model: its low-rank parts as a frozen PEFT adapter, the rest put into the base.

PEFT is content when keys match nothing, and starts such parts anew; here every weight must be found, and none may be
left over. The adapter's own dropout is off. An adapter that was started from the base's own weights (pissa, olora) is
brought to the form that adds to the whole base: its first weights are subtracted by further ranks.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file
from torch import nn

from ..faults import Fault
from .adapter_rules import TAKEN_FROM_BASE
from .replacements import Replacements, misfit, put_in, take_replacements
from .weight_report import WeightReport

if TYPE_CHECKING:
    from peft import LoraConfig, PeftModel
    from peft.tuners.lora.layer import LoraLayer

PREFIX = "base_model.model."
START = "start"


@dataclass(slots=True)
class StartAdapter:
    """use_dora, lora_bias: of the configuration; they decide what a combination with it looks like."""

    replacements: Replacements
    use_dora: bool = False
    lora_bias: bool = False


def open_adapter(base: nn.Module, folder: Path, name: str) -> tuple[nn.Module, StartAdapter]:
    """The base wrapped by PEFT (or itself, when the adapter has no low-rank parts). Raises MODEL_INVALID or
    UNSUPPORTED. `check_adapter` has accepted its configuration."""
    from peft import LoraConfig

    config = LoraConfig.from_pretrained(str(folder))
    tensors = {_plain(key): tensor for key, tensor in load_file(folder / "adapter_model.safetensors").items()}
    modules = tuple(config.modules_to_save or ())
    replaced = take_replacements(base, tensors, modules, config.trainable_token_indices, config.bias)
    _require_fit(misfit(base, replaced), name)
    put_in(base, replaced, name)
    model = _inject(base, config) if tensors or _names_targets(config) else base
    slots = _slots(model, name)
    _require_fit(
        WeightReport(
            missing={key: slot.shape for key, slot in slots.items() if key not in tensors},
            unexpected={key: tensor.shape for key, tensor in tensors.items() if key not in slots},
            resized={
                key: (tensor.shape, slots[key].shape)
                for key, tensor in tensors.items()
                if key in slots and slots[key].shape != tensor.shape
            },
        ),
        name,
    )
    with torch.no_grad():
        for key, slot in slots.items():
            slot.copy_(tensors[key])
        if config.init_lora_weights in TAKEN_FROM_BASE:
            for layer in lora_layers(model).values():
                _subtract_first_weights(layer, config.init_lora_weights)
    return model, StartAdapter(replaced, config.use_dora, config.lora_bias)


def _require_fit(report: WeightReport, name: str) -> None:
    if str(report):
        raise Fault("MODEL_INVALID", f"adapter {name}: it does not fit the model: {report}")


def lora_layers(model: nn.Module) -> dict[str, LoraLayer]:
    """By the base's own names of the modules."""
    from peft.tuners.lora.layer import LoraLayer

    found = {name: module for name, module in model.named_modules() if isinstance(module, LoraLayer)}
    return {name.removeprefix(PREFIX): module for name, module in found.items()}


def carries(layer: nn.Module, adapter: str) -> bool:
    """Whether a LoRA layer has matrices of this adapter."""
    return adapter in layer.lora_A or adapter in layer.lora_embedding_A


def _plain(key: str) -> str:
    """Without PEFT's prefix; a key that lacks it fits nothing, as in PEFT."""
    return key.removeprefix(PREFIX) if key.startswith(PREFIX) else f"({key})"


def _names_targets(config: LoraConfig) -> bool:
    return bool(config.target_modules) or not (config.modules_to_save or config.trainable_token_indices)


def _inject(base: nn.Module, config: LoraConfig) -> PeftModel:
    """Low-rank parts without values. `config` says where; what it replaces is in the base already."""
    from peft import get_peft_model

    bare = copy.deepcopy(config)
    bare.init_lora_weights = False
    bare.lora_dropout = 0.0
    bare.bias = "none"
    bare.modules_to_save = bare.trainable_token_indices = None
    bare.eva_config = bare.corda_config = bare.lora_ga_config = None
    bare.loftq_config = {}
    bare.inference_mode = True
    return get_peft_model(base, bare, adapter_name=START)


def _slots(model: nn.Module, name: str) -> dict[str, torch.Tensor]:
    """The tensors of the adapter's low-rank parts, by their keys in a file."""
    slots: dict[str, torch.Tensor] = {}
    for module, layer in lora_layers(model).items():
        if type(layer).__name__ not in ("Linear", "Linear4bit", "Linear8bitLt", "Embedding"):
            raise Fault("UNSUPPORTED", f"adapter {name}: target_modules: {module} is no linear layer and no embedding")
        if START in layer.lora_embedding_A:
            slots[f"{module}.lora_embedding_A"] = layer.lora_embedding_A[START]
            slots[f"{module}.lora_embedding_B"] = layer.lora_embedding_B[START]
        else:
            slots[f"{module}.lora_A.weight"] = layer.lora_A[START].weight
            slots[f"{module}.lora_B.weight"] = layer.lora_B[START].weight
            if layer.lora_B[START].bias is not None:
                slots[f"{module}.lora_B.bias"] = layer.lora_B[START].bias
        if START in layer.lora_magnitude_vector:
            slots[f"{module}.lora_magnitude_vector"] = layer.lora_magnitude_vector[START].weight
    return slots


def _subtract_first_weights(layer: LoraLayer, kind: str) -> None:
    """B A on (W - B0 A0) as [B, -B0] [A; A0] on W, with PEFT's own B0 A0 for this W."""
    if START not in layer.lora_A:
        return
    A, B, rank = layer.lora_A[START], layer.lora_B[START], layer.r[START]
    A0, B0 = first_weights(_matrix(layer), kind, rank, layer.scaling[START])
    layer.r[START] = 2 * rank
    A.out_features = B.in_features = 2 * rank
    A.weight = nn.Parameter(torch.cat([A.weight, A0.to(A.weight)]), requires_grad=False)
    B.weight = nn.Parameter(torch.cat([B.weight, -B0.to(B.weight)], dim=1), requires_grad=False)


def first_weights(W: torch.Tensor, kind: str, rank: int, scale: float) -> tuple[torch.Tensor, torch.Tensor]:
    """[r, I], [O, r]: what PEFT starts from and takes out of W [O, I], scale * B A of it."""
    if kind == "olora":
        Q, R = torch.linalg.qr(W.float())
        return R[:rank], Q[:, :rank]
    V, S, Uh = torch.linalg.svd(W.float(), full_matrices=False)
    root = (S[:rank] / scale).sqrt()
    return root[:, None] * Uh[:rank], V[:, :rank] * root


def _matrix(layer: LoraLayer) -> torch.Tensor:
    """[O, I] of a layer that is not quantised."""
    weight = layer.get_base_layer().weight.detach()
    return weight.t() if getattr(layer, "fan_in_fan_out", False) else weight
