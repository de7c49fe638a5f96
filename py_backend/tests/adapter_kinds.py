"""Tiny bases, and PEFT adapters of every kind on them, made by PEFT itself with weights that are far from zero."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from transformers import AutoModelForCausalLM, PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

VOCABULARY, MORE_TOKENS = 40, 3


@dataclass(frozen=True)
class Kind:
    """config: LoraConfig's. grown: the base has more tokens when the adapter is made. save: of save_pretrained.
    refused: why, or empty. not_quantised: refused on quantised weights. unmergeable: plain weights cannot hold it."""

    name: str
    config: dict[str, Any] = field(default_factory=dict)
    grown: bool = False
    save: dict[str, Any] = field(default_factory=dict)
    not_quantised: bool = False
    unmergeable: bool = False


Q_V = ["q_proj", "v_proj"]
REGEX = r".*self_attn\.(q|v)_proj"
KINDS = [
    Kind("plain"),
    Kind("dropout", {"lora_dropout": 0.5}),
    Kind("rslora", {"use_rslora": True}),
    Kind("dora", {"use_dora": True}),
    Kind("dora-rslora", {"use_dora": True, "use_rslora": True, "lora_dropout": 0.3}),
    Kind("dora-embedding", {"use_dora": True, "target_modules": ["q_proj", "embed_tokens"]}),
    Kind("dora-head", {"use_dora": True, "target_modules": ["q_proj", "lm_head"]}),
    Kind("pissa", {"init_lora_weights": "pissa"}, not_quantised=True),
    Kind("pissa-rslora", {"init_lora_weights": "pissa", "use_rslora": True}, not_quantised=True),
    Kind("pissa-dora", {"init_lora_weights": "pissa", "use_dora": True}, not_quantised=True),
    Kind("olora", {"init_lora_weights": "olora"}, not_quantised=True),
    Kind("gaussian", {"init_lora_weights": "gaussian"}),
    Kind("orthogonal", {"init_lora_weights": "orthogonal"}),
    Kind("mica", {"init_lora_weights": "mica"}, not_quantised=True),
    Kind("lora-bias", {"lora_bias": True}, unmergeable=True),
    Kind("lora-bias-where-one-is", {"lora_bias": True, "target_modules": Q_V}),
    Kind("bias-all", {"bias": "all"}),
    Kind("bias-lora-only", {"bias": "lora_only"}),
    Kind("rank-pattern", {"rank_pattern": {"v_proj": 2, r"layers\.1\.self_attn\.q_proj": 8}}),
    Kind("alpha-pattern", {"alpha_pattern": {"q_proj": 32}, "rank_pattern": {"k_proj": 1}}),
    Kind("one-layer", {"layers_to_transform": [1]}),
    Kind("layers-pattern", {"layers_to_transform": 0, "layers_pattern": "layers"}),
    Kind("exclude", {"target_modules": "all-linear", "exclude_modules": ["q_proj"]}),
    Kind("regex", {"target_modules": REGEX}),
    Kind("all-linear", {"target_modules": "all-linear"}),
    Kind("embedding", {"target_modules": ["q_proj", "embed_tokens"]}),
    Kind("embedding-only", {"target_modules": ["embed_tokens"]}),
    Kind("head", {"target_modules": ["q_proj", "lm_head"]}),
    Kind("embedding-and-head", {"target_modules": ["embed_tokens", "lm_head"]}),
    Kind("save-head", {"modules_to_save": ["lm_head"]}),
    Kind("save-embedding", {"modules_to_save": ["embed_tokens"]}),
    Kind("save-both", {"modules_to_save": ["embed_tokens", "lm_head"]}),
    Kind("save-norm", {"modules_to_save": ["norm", "input_layernorm"]}),
    Kind("tokens", {"trainable_token_indices": [3, 7]}),
    Kind("tokens-by-name", {"trainable_token_indices": {"embed_tokens": [3, 7, 1]}}),
    Kind("resized", {}, grown=True, save={"save_embedding_layers": True}),
]


def make_base(folder: Path, tokenizer_folder: Path, *, tied: bool) -> Path:
    """Qwen2, whose q, k and v have biases, with the tokenizer of another model."""
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=64,
        tie_word_embeddings=tied,
        initializer_range=0.2,
    )
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = Qwen2ForCausalLM(config)
        for name, value in model.named_parameters():
            if name.endswith("bias"):
                nn.init.normal_(value, std=0.2)
        model.save_pretrained(folder)
    for file in tokenizer_folder.iterdir():
        if file.name.startswith(("tokenizer", "special", "vocab", "merges", "chat_template")):
            shutil.copy(file, folder)
    return folder


def make_adapter(kind: Kind, base: Path, folder: Path) -> Path:
    """By PEFT, trained as far as noise goes."""
    config = {"r": 4, "lora_alpha": 6, "target_modules": ["q_proj", "v_proj", "down_proj"], **kind.config}
    with torch.random.fork_rng():
        torch.manual_seed(11)
        model = get_peft_model(
            grown(kind, AutoModelForCausalLM.from_pretrained(base)), LoraConfig(task_type="CAUSAL_LM", **config)
        )
        for value in model.parameters():
            if value.requires_grad:
                value.data.add_(0.08 * torch.randn_like(value))
        model.save_pretrained(folder, **kind.save)
    return folder


def grown(kind: Kind, model: PreTrainedModel) -> PreTrainedModel:
    """As a user of such an adapter does before opening it; what the new rows hold comes with the adapter."""
    if kind.grown:
        model.resize_token_embeddings(VOCABULARY + MORE_TOKENS, mean_resizing=False)
    return model


def peft_alone(kind: Kind, base: Path, adapter: Path, **options: Any) -> nn.Module:
    """The adapter as PEFT opens it, without anything of this project; on 4-bit weights written out where asked."""
    model = AutoModelForCausalLM.from_pretrained(base, **options)
    model = model.dequantize() if options else model
    return PeftModel.from_pretrained(grown(kind, model), adapter).eval()


Maker = Callable[[Kind, bool], tuple[Path, Path]]
