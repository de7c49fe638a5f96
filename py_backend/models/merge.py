"""Adds adapters to the weights they lie on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from ..faults import Fault
from .start_adapter import lora_layers
from .tying import untie

if TYPE_CHECKING:
    from peft.tuners.lora.layer import LoraLayer


def check_merge(model: nn.Module) -> None:
    """Raises UNSUPPORTED for an adapter that plain weights cannot express."""
    for name, layer in lora_layers(model).items():
        if getattr(layer.get_base_layer(), "bias", None) is None and any(
            bias.any() for bias in _biases(layer).values()
        ):
            raise Fault(
                "UNSUPPORTED",
                f"merging: the adapter has a bias (lora_bias) for {name}, and this architecture has none there",
                "Keep it as an adapter.",
            )


def _biases(layer: LoraLayer) -> dict[str, nn.Parameter]:
    return {name: lora.bias for name, lora in layer.lora_B.items() if lora.bias is not None}


def merge(model: nn.Module) -> nn.Module:
    """The base with the active adapters in its weights. Embeddings that are one tensor part first where an adapter
    changes only one of its two uses. Raises UNSUPPORTED."""
    check_merge(model)
    base = model.get_base_model()
    layers = lora_layers(model)
    for layer in layers.values():
        if getattr(layer.get_base_layer(), "bias", None) is None:
            for name in _biases(layer):  # of zeros; PEFT would refuse them
                layer.lora_B[name].bias = None
                layer.lora_bias[name] = False
    ends = [base.get_input_embeddings(), base.get_output_embeddings()]
    if any(layer in ends for layer in layers.values()):
        untie(base)
    return model.merge_and_unload()
