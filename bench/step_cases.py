"""Inputs of the step benchmark: models, adapters and rows, written once into .cache/bench for both sides.

A case is a dictionary, saved as JSON, that step_ours.py and step_peer.py read:
    model, adapter     folders; the adapter is an untrained LoRA (r = 8, alpha = 16, no dropout)
    rows               prompt, chosen, rejected token ids, and ref_chosen, ref_rejected log-probs
    references         folders of reference models; "" is the policy without its adapter
    score, online      whether our side scores the references first, and the peer in every step
    batch, learning_rate, beta, checkpointing
    dtype              of the base model; an adapter is float32 beside any
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig

Row = dict[str, Any]


def small_llama(folder: Path, vocabulary: int, seed: int = 0) -> Path:
    """6 layers of width 256, random weights."""
    path = folder / f"llama-6x256-v{vocabulary}-s{seed}"
    if not path.exists():
        torch.manual_seed(seed)
        config = LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=256,
            intermediate_size=688,
            num_hidden_layers=6,
            num_attention_heads=8,
            num_key_value_heads=8,
            max_position_embeddings=8192,
            tie_word_embeddings=False,
        )
        AutoModelForCausalLM.from_config(config).save_pretrained(path)
    return path


def untrained_adapter(model: Path, folder: Path) -> Path:
    """peft's default targets for the architecture: q_proj and v_proj."""
    path = folder / f"adapter-{model.name}"
    if not path.exists():
        torch.manual_seed(1)
        base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
        get_peft_model(base, LoraConfig(r=8, lora_alpha=16, lora_dropout=0.0)).save_pretrained(path)
    return path


def random_rows(count: int, prompt: int, response: int, vocabulary: int, spread: float = 0.35) -> list[Row]:
    """Token ids with normally distributed lengths around the given means; spread is the relative deviation."""
    draw = random.Random(0)

    def tokens(mean: int) -> list[int]:
        length = max(4, round(draw.gauss(mean, spread * mean)))
        return [draw.randrange(2, vocabulary) for _ in range(length)]

    return [{"prompt": tokens(prompt), "chosen": tokens(response), "rejected": tokens(response)} for _ in range(count)]


def conversation_rows(pairs: Path, model: Path, count: int, longest: int) -> list[Row]:
    """The first pairs of a ShareGPT-style preference file whose rows have at most `longest` tokens."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    roles = {"human": "user", "gpt": "assistant", "system": "system"}
    rows: list[Row] = []
    for entry in json.loads(pairs.read_text()):
        turns = [{"role": roles[turn["from"]], "content": turn["value"]} for turn in entry["conversations"]]
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        prompt = tokenizer(text, add_special_tokens=False)["input_ids"]
        row: Row = {"prompt": prompt}
        for side in ("chosen", "rejected"):
            whole = tokenizer(text + entry[side]["value"] + tokenizer.eos_token, add_special_tokens=False)["input_ids"]
            row[side] = whole[len(prompt) :] if whole[: len(prompt)] == prompt else None
        if all(row[side] and len(prompt) + len(row[side]) <= longest for side in ("chosen", "rejected")):
            rows.append(row)
        if len(rows) == count:
            break
    return rows


def write_case(path: Path, model: Path, adapter: Path, rows: list[Row], **settings: Any) -> Path:
    """Defaults: DPO with beta 0.1 at a learning rate of 1e-4, no checkpointing, reference log-probs given."""
    case = {"model": str(model), "adapter": str(adapter), "rows": rows}
    case |= {"references": [""], "online": False, "score": True, "batch": 2, "learning_rate": 1e-4, "beta": 0.1}
    case |= {"checkpointing": False, "layout": "auto", "dtype": "float32"} | settings
    path.write_text(json.dumps(case))
    return path
