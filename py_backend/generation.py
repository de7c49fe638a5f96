"""Text from prompts, greedy or sampled.

Sampling draws its own random numbers per prompt from (seed, index of the prompt): a prompt's text depends neither on
its company nor on what was generated before. The model's own generation settings (temperature, penalties) are not
used; what is asked for is what is done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessor, StoppingCriteria

from .faults import Fault
from .models.load import Loaded, first_line
from .tokens.chat import TemplateRefused, render_prompt
from .tokens.encode import TextEncoder
from .tokens.pair_text import Message
from .training.seeds import derived_seed

BATCH = 8


@dataclass(frozen=True, slots=True)
class Prompt:
    """plain: the text of the only message as it is, without the chat template. tools: schemas for the template."""

    messages: list[Message]
    plain: bool
    tools: list[Any] | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """temperature 0 = greedy. top_p 1 = all tokens."""

    max_new_tokens: int
    temperature: float
    top_p: float
    seed: int


@dataclass(frozen=True, slots=True)
class Generation:
    index: int
    text: str
    tokens: int
    finished: bool


def encode_prompts(encoder: TextEncoder, prompts: Sequence[Prompt], check: Callable[[], None]) -> list[list[int]]:
    """Token ids of every prompt; needs no device. `check` is called between prompts and may raise to stop."""
    found = []
    for index, prompt in enumerate(prompts):
        check()
        found.append(prompt_ids(encoder, prompt, index))
    return found


def generate(
    loaded: Loaded,
    encoder: TextEncoder,
    ids: Sequence[list[int]],
    sampling: Sampling,
    give: Callable[[Generation], None],
    check: Callable[[], None],
) -> None:
    """Calls `give` for every prompt (`encode_prompts`); `check` is called between tokens and may raise to stop."""
    ordered = sorted(range(len(ids)), key=lambda index: (len(ids[index]), index))
    loaded.model.eval()
    for start in range(0, len(ordered), BATCH):
        _generate_batch(loaded, encoder, ordered[start : start + BATCH], ids, sampling, give, check)


def prompt_ids(encoder: TextEncoder, prompt: Prompt, index: int) -> list[int]:
    try:
        if not prompt.plain:
            ids = encoder.ids(render_prompt(encoder.tokenizer, prompt.messages, prompt.tools))
        else:
            text = encoder.ids(prompt.messages[0].content)
            bos_ids = encoder.bos_ids
            ids = text if bos_ids and text[: len(bos_ids)] == bos_ids else [*bos_ids, *text]
    except (TemplateRefused, IndexError) as error:
        raise Fault("ROW_INVALID", f"prompt {index}: {error}") from error
    if not ids:
        raise Fault("ROW_INVALID", f"prompt {index}: expected at least one token, got none")
    return ids


def _generate_batch(
    loaded: Loaded,
    encoder: TextEncoder,
    batch: list[int],
    ids: Sequence[list[int]],
    sampling: Sampling,
    give: Callable[[Generation], None],
    check: Callable[[], None],
) -> None:
    ends = end_tokens(loaded)
    pad = loaded.tokenizer.pad_token_id if loaded.tokenizer.pad_token_id is not None else ends[0] if ends else 0
    width = max(len(ids[index]) for index in batch)
    tokens = torch.tensor([[pad] * (width - len(ids[index])) + ids[index] for index in batch], device=loaded.device)
    mask = torch.tensor(
        [[0] * (width - len(ids[index])) + [1] * len(ids[index]) for index in batch], device=loaded.device
    )
    processors = [SeededSampling(sampling, batch)] if sampling.temperature > 0 else []
    config = GenerationConfig(
        max_new_tokens=sampling.max_new_tokens,
        do_sample=False,
        pad_token_id=pad,
        eos_token_id=ends or None,
        use_cache=True,
    )
    failure = ""
    try:
        with torch.no_grad():
            written = loaded.base.generate(
                tokens,
                attention_mask=mask,
                generation_config=config,
                logits_processor=processors,
                stopping_criteria=[Check(check)],
            )
    except (torch.OutOfMemoryError, MemoryError) as error:
        failure = first_line(error)
    if failure:
        raise Fault("OUT_OF_MEMORY", f"generation of {len(batch)} prompts of {width} tokens: {failure}")
    for index, row in zip(batch, written[:, width:].tolist(), strict=True):
        give(_finished(encoder, index, row, ends))


def _finished(encoder: TextEncoder, index: int, row: list[int], ends: list[int]) -> Generation:
    at = next((i for i, token in enumerate(row) if token in ends), None)
    kept = row if at is None else row[:at]
    with encoder.at_work():
        text = encoder.tokenizer.decode(kept, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return Generation(index, text, len(kept) + (at is not None), finished=at is not None)


def end_tokens(loaded: Loaded) -> list[int]:
    """Every token that ends a reply: the tokenizer's and the model's own."""
    configured = getattr(loaded.base.generation_config, "eos_token_id", None)
    listed = configured if isinstance(configured, list) else [configured]
    return list(dict.fromkeys(end for end in [loaded.tokenizer.eos_token_id, *listed] if end is not None))


class SeededSampling(LogitsProcessor):
    """Sampling as a greedy choice: the largest of logits / temperature + Gumbel noise is a draw from the softmax."""

    def __init__(self, sampling: Sampling, batch: list[int]) -> None:
        self._sampling = sampling
        self._generators = [
            torch.Generator().manual_seed(derived_seed("generate", sampling.seed, index)) for index in batch
        ]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        logps = torch.log_softmax(scores.float() / self._sampling.temperature, dim=-1)
        if self._sampling.top_p < 1:
            logps = keep_top_p(logps, self._sampling.top_p)
        uniform = torch.stack([torch.rand(logps.shape[-1], generator=g, dtype=torch.float64) for g in self._generators])
        return logps - torch.log(-torch.log(uniform.clamp_min(1e-300))).to(logps)


def keep_top_p(logps: torch.Tensor, top_p: float) -> torch.Tensor:
    """The smallest set of tokens whose probabilities reach top_p; all others become impossible."""
    ordered, order = logps.sort(dim=-1, descending=True)
    before = ordered.exp().cumsum(dim=-1) - ordered.exp()
    dropped = torch.zeros_like(before, dtype=torch.bool).scatter(-1, order, before >= top_p)
    return logps.masked_fill(dropped, -torch.inf)


class Check(StoppingCriteria):
    """Lets a stop take effect between two tokens."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: object) -> torch.Tensor:
        self._check()
        return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)
