"""Tiny random models of several architectures, built from configurations, with and without adapters."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import transformers as hf
from peft import LoraConfig, get_peft_model
from torch import nn

from py_backend.engine import TokenPair

VOCABULARY = 89
_SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "tie_word_embeddings": False,
    "initializer_range": 0.3,  # large, so that attention is far from uniform and a wrong mask shows
}
_MIXED = ["sliding_attention", "full_attention", "sliding_attention"]


def configuration(name: str) -> hf.PretrainedConfig:
    """Windows are shorter than the prompts of PAIRS."""
    if name == "llama":
        return hf.LlamaConfig(**_SIZES)
    if name == "mistral":
        return hf.MistralConfig(**_SIZES, sliding_window=9)
    if name == "qwen2":
        return hf.Qwen2Config(**_SIZES)
    if name == "qwen2-mixed":
        return hf.Qwen2Config(**_SIZES, use_sliding_window=True, sliding_window=7, layer_types=_MIXED)
    if name == "gemma3":
        sizes = _SIZES | {"tie_word_embeddings": True}
        return hf.Gemma3TextConfig(
            **sizes,
            head_dim=16,
            sliding_window=9,
            layer_types=_MIXED,
            final_logit_softcapping=4.0,
            query_pre_attn_scalar=20,
        )
    if name == "gemma2":
        return hf.Gemma2Config(**_SIZES, head_dim=16, sliding_window=9, layer_types=_MIXED, attn_logit_softcapping=2.0)
    if name == "granite":
        return hf.GraniteConfig(**_SIZES, logits_scaling=3.0)
    if name == "gpt2":
        return hf.GPT2Config(
            vocab_size=VOCABULARY, n_embd=32, n_layer=3, n_head=4, n_positions=128, initializer_range=0.3
        )
    if name == "starcoder2":
        return hf.Starcoder2Config(**_SIZES)
    if name == "llama4":
        experts = {"num_local_experts": 2, "intermediate_size_mlp": 48, "no_rope_layers": [1, 0, 1]}
        return hf.Llama4TextConfig(**_SIZES, head_dim=8, floor_scale=64, attn_scale=2.0, **experts)
    if name == "mixtral":
        return hf.MixtralConfig(**_SIZES, num_local_experts=4)
    if name == "opt":
        sizes = {key: _SIZES[key] for key in ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads")}
        return hf.OPTConfig(**sizes, ffn_dim=48, word_embed_proj_dim=32, max_position_embeddings=128, init_std=0.3)
    raise ValueError(name)


ARCHITECTURES = ("llama", "mistral", "qwen2", "qwen2-mixed", "gemma3", "gemma2", "granite", "gpt2")


def model(name: str, dtype: torch.dtype = torch.float64, **changes: object) -> nn.Module:
    """Random weights, seeded; all of them trainable; train mode."""
    torch.manual_seed(11)
    config = configuration(name)
    for key, value in changes.items():
        setattr(config, key, value)
    return hf.AutoModelForCausalLM.from_config(config).to(dtype).train()


def with_adapter(base: nn.Module, *, dropout: float = 0.0, targets: str | list[str] = "all-linear") -> nn.Module:
    """Adapter matrices random on both sides, so that both get gradients."""
    torch.manual_seed(12)
    config = LoraConfig(r=4, lora_alpha=8, lora_dropout=dropout, target_modules=targets, init_lora_weights=False)
    dtype = next(base.parameters()).dtype
    return get_peft_model(base, config).to(dtype).train()


def tokens(seed: int, count: int) -> list[int]:
    """Random ids, the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, VOCABULARY, (count,), generator=generator).tolist()


PAIRS = [
    TokenPair(tokens(1, 21), tokens(2, 8), tokens(3, 13)),
    TokenPair(tokens(4, 3), [5, 6, *tokens(5, 3)], [5, 6, *tokens(6, 9)]),  # responses start alike
    TokenPair(tokens(7, 12), [7, 8, 9], [7, 8], 0, 1),  # one is the start of the other; scoring starts inside
    TokenPair([1], [2], [3]),  # nothing to share, nothing to attend
    # Turns of others inside: after a common start that is scored in one of the two only, and up to the last token.
    TokenPair(tokens(8, 7), [9, 8, 7, *tokens(9, 8)], [9, 8, 7, *tokens(10, 6)], 0, 0, ((4, 7), (8, 10)), ((1, 5),)),
]
COEFFICIENTS = torch.tensor([0.3, -0.7, 1.1, -0.2, 0.5, 0.9, -1.3, 0.4, 0.8, -0.6], dtype=torch.float64)


def own_logps(model: nn.Module, pairs: Sequence[TokenPair]) -> torch.Tensor:
    """The model's own forward, response by response, full logits, in the plain words of the definition."""
    logps, device = [], next(model.parameters()).device
    for pair in pairs:
        for branch, first, skipped in (
            (pair.chosen, pair.chosen_from, pair.chosen_skipped),
            (pair.rejected, pair.rejected_from, pair.rejected_skipped),
        ):
            context = [i for start, end in skipped for i in range(start, end)]
            tokens = torch.tensor([pair.prefix + branch], device=device)
            table = model(input_ids=tokens, use_cache=False).logits[0].double().log_softmax(-1)
            at = len(pair.prefix)
            logps.append(sum(table[at + i - 1, branch[i]] for i in range(first, len(branch)) if i not in context))
    return torch.stack(logps)


def gradients(
    model: nn.Module, logps: torch.Tensor, coefficients: torch.Tensor = COEFFICIENTS
) -> dict[str, torch.Tensor]:
    """Gradient of every trained matrix for d loss / d logp = coefficients; leaves the model without gradients."""
    torch.autograd.backward([logps], [coefficients])
    found = {name: p.grad.detach().clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad(set_to_none=True)
    return found


def largest_relative_difference(got: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> float:
    """Over all matrices; a matrix that is missing on one side fails."""
    assert got.keys() == expected.keys()
    return max(float((got[k] - expected[k]).norm() / expected[k].norm().clamp_min(1e-30)) for k in expected)
