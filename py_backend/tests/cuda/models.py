"""Models without values on the fake GPU, made outside the fake mode where libraries want real tensors."""

from __future__ import annotations

import bitsandbytes as bnb
import torch
import transformers as hf
from bitsandbytes.functional import QuantState
from peft import LoraConfig, get_peft_model
from torch import nn

from py_backend.tests.cuda.fake_device import DEVICE, to_device
from py_backend.tests.engine import tiny

LLAMA_7B = {
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "vocab_size": 32000,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": False,
}


def outline(config: hf.PretrainedConfig, dtype: torch.dtype) -> nn.Module:
    with torch.device("meta"):
        return hf.AutoModelForCausalLM.from_config(config, dtype=dtype)


def with_adapter(base: nn.Module, r: int = 4, dropout: float = 0.1) -> nn.Module:
    settings = LoraConfig(
        r=r, lora_alpha=16, lora_dropout=dropout, target_modules="all-linear", exclude_modules="lm_head"
    )
    with torch.device("meta"):
        model = get_peft_model(base, settings)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data = parameter.data.float()
    return model.train()


def tiny_outline(name: str, dtype: torch.dtype) -> nn.Module:
    return outline(tiny.configuration(name), dtype)


def llama_7b(layers: int, dtype: torch.dtype = torch.bfloat16) -> nn.Module:
    """As wide as Llama-2-7B, with fewer layers: what is counted grows by the same amount with each."""
    return outline(hf.LlamaConfig(**LLAMA_7B, num_hidden_layers=layers), dtype)


def quantised(base: nn.Module, kind: str) -> nn.Module:
    """bitsandbytes' layers in place of linear ones, as they are on a GPU: NF4 with double quantisation, or int8."""
    dtype = next(base.parameters()).dtype
    for name, linear in list(base.named_modules()):
        if type(linear) is nn.Linear and name != "lm_head":
            layer = (_nf4 if kind == "nf4" else _int8)(linear.in_features, linear.out_features, dtype)
            layer._parameters["bias"] = linear.bias
            base.set_submodule(name, layer)
    base.requires_grad_(False)
    setattr(base, "is_loaded_in_4bit" if kind == "nf4" else "is_loaded_in_8bit", True)
    return base


def _nf4(inputs: int, outputs: int, dtype: torch.dtype) -> nn.Module:
    with torch.device("meta"):
        layer = bnb.nn.Linear4bit(inputs, outputs, bias=False, compute_dtype=dtype, quant_type="nf4")
        weight = nn.Parameter(torch.empty(outputs * inputs // 2, 1, dtype=torch.uint8), requires_grad=False)
    weight.compress_statistics, weight.quant_type, weight.quant_storage = True, "nf4", torch.uint8
    layer._parameters["weight"] = weight
    return layer


def _int8(inputs: int, outputs: int, dtype: torch.dtype) -> nn.Module:
    with torch.device("meta"):
        layer = bnb.nn.Linear8bitLt(inputs, outputs, bias=False, has_fp16_weights=False, threshold=6.0)
        layer._parameters["weight"] = nn.Parameter(torch.empty(outputs, inputs, dtype=torch.int8), requires_grad=False)
    return layer


def put_on_device(model: nn.Module) -> nn.Module:
    """`to_device`, and what bitsandbytes keeps beside its weights. Inside `on_device`."""
    to_device(model)
    for layer in model.modules():
        if not type(layer).__module__.startswith("bitsandbytes"):
            continue
        if type(layer).__name__ == "Linear4bit":
            layer.weight.quant_state = _quant_state(layer)
            layer.weight.bnb_quantized = True
        else:
            layer.weight.CB = layer.weight.SCB = None
            layer.state.CB, layer.state.SCB = layer.weight.data, torch.empty(layer.out_features, device=DEVICE)
    return model


def _quant_state(layer: nn.Module) -> QuantState:
    blocks = layer.in_features * layer.out_features // 64
    scales = QuantState(
        absmax=torch.empty(-(-blocks // 256), device=DEVICE),
        blocksize=256,
        code=torch.empty(256, device=DEVICE),
        dtype=torch.float32,
    )
    return QuantState(
        absmax=torch.empty(blocks, dtype=torch.uint8, device=DEVICE),
        shape=torch.Size([layer.out_features, layer.in_features]),
        code=torch.empty(16, device=DEVICE),
        blocksize=64,
        quant_type="nf4",
        dtype=layer.compute_dtype,
        offset=torch.empty((), device=DEVICE),
        state2=scales,
    )
