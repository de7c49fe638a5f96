"""A moment of pre-training: AdamW and cross-entropy on the answers, nothing else.

How long it takes is decided by STEPS, never by a clock, so the weights are the same on every run of a machine.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from .corpus import Example, make_corpus
from .language import make_world
from .models import Character, make_tokenizer

STEPS = 400
TUNING_STEPS = 100
TUNING_SEED = 205
BATCH = 16  # examples
PEAK_LEARNING_RATE = 8e-4
WARMUP_STEPS = 20
IGNORED = -100  # label of a position that is not learned from


@dataclass(frozen=True)
class EncodedExample:
    """Token ids of one example, and where its answer begins."""

    ids: list[int]
    answer_at: int


def encode(example: Example, tokenizer: PreTrainedTokenizerFast) -> EncodedExample:
    """The example as the model will see it in use: through the chat template."""
    question = [{"role": "user", "content": example.prompt}]
    whole = [*question, {"role": "assistant", "content": example.response}]
    prompt = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_dict=False)
    ids = tokenizer.apply_chat_template(whole, return_dict=False)
    return EncodedExample(ids, len(prompt))


def collate(batch: list[EncodedExample], pad: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids, attention mask and labels, all [batch, longest]; only answers have labels."""
    longest = max(len(example.ids) for example in batch)
    ids = torch.full((len(batch), longest), pad)
    mask = torch.zeros_like(ids)
    labels = torch.full_like(ids, IGNORED)
    for row, example in enumerate(batch):
        length = len(example.ids)
        ids[row, :length] = torch.tensor(example.ids)
        mask[row, :length] = 1
        labels[row, example.answer_at : length] = ids[row, example.answer_at : length]
    return ids, mask, labels


def learning_rate(step: int, steps: int) -> float:
    """Linear warm-up, then linear decay to a twentieth."""
    warmup = min(1.0, (step + 1) / WARMUP_STEPS)
    decay = 1.0 - 0.95 * step / steps
    return PEAK_LEARNING_RATE * warmup * decay


def pretrain(character: Character, folder: Path, report: Callable[[int, float], None]) -> None:
    """Trains a model from scratch on its own corpus and writes it to `folder` in Hugging Face format.

    `report` gets the step (from 1) and the mean loss in nats per answer token.
    """
    torch.set_num_threads(1)
    torch.manual_seed(character.seed)
    examples = make_corpus(make_world(), character.skill, STEPS * BATCH, seed=100 + character.seed)
    # The role names stand in every rendered example, so they deserve tokens of their own.
    texts = [f"{example.prompt} {example.response} user assistant" for example in examples]
    tokenizer = make_tokenizer(character, texts)
    model = new_model(character, tokenizer)
    fit(model, tokenizer, examples, character.seed, report)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def tune_further(parent: Path, folder: Path, report: Callable[[int, float], None]) -> None:
    """A relative of a model: trained further on another draw of its corpus, as the paper's Alpaca-Llama is of Llama."""
    torch.set_num_threads(1)
    torch.manual_seed(TUNING_SEED)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(parent)
    model = AutoModelForCausalLM.from_pretrained(parent, dtype=torch.float32)
    examples = make_corpus(make_world(), "sums", TUNING_STEPS * BATCH, seed=TUNING_SEED)
    fit(model, tokenizer, examples, TUNING_SEED, report)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def fit(
    model: torch.nn.Module,
    tokenizer: PreTrainedTokenizerFast,
    examples: list[Example],
    seed: int,
    report: Callable[[int, float], None],
) -> None:
    """One pass over the examples."""
    encoded = [encode(example, tokenizer) for example in examples]
    steps = len(encoded) // BATCH
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=PEAK_LEARNING_RATE, betas=(0.9, 0.95), weight_decay=0.05, fused=True
    )
    random.Random(seed).shuffle(encoded)
    model.train()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps)
        ids, mask, labels = collate(encoded[step * BATCH : (step + 1) * BATCH], tokenizer.pad_token_id)
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        report(step + 1, loss.item())


def new_model(character: Character, tokenizer: PreTrainedTokenizerFast) -> torch.nn.Module:
    """Fresh float32 weights that fit the tokenizer."""
    config = character.config()
    config.vocab_size = len(tokenizer)
    config.bos_token_id = tokenizer.bos_token_id
    config.eos_token_id = tokenizer.eos_token_id
    config.pad_token_id = tokenizer.pad_token_id
    config.dtype = "float32"
    return AutoModelForCausalLM.from_config(config).to(torch.float32)
