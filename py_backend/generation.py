"""Text from prompts, greedy or sampled.

Sampling draws its own random numbers per prompt from (seed, index of the prompt): a prompt's text depends neither on
its company nor on what was generated before. The model's own generation settings (temperature, penalties) are not
used; what is asked for is what is done.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessor, PreTrainedModel, StoppingCriteria

from .engine.errors import is_out_of_memory
from .engine.pair_dropout import generator_on
from .engine.turning_positions import turning_positions
from .faults import Fault
from .models.load import Loaded, first_line
from .tokens.chat import PROBE, TemplateRefused, render, render_prompt
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
    """One answer: `index` of its prompt, text without special tokens, number of tokens, and whether an end token
    came."""

    index: int
    text: str
    tokens: int
    finished: bool


@dataclass(frozen=True, slots=True)
class EncodedPrompt:
    """ends: tokens that end a turn under the chat template, beside those that end every text. room: tokens that the
    model's context leaves for the answer."""

    ids: list[int]
    ends: tuple[int, ...]
    room: float


def encode_prompts(
    encoder: TextEncoder, prompts: Sequence[Prompt], context: int, check: Callable[[], None]
) -> list[EncodedPrompt]:
    """Needs no device. context: tokens that the model can read, 0 = any number. `check` is called between prompts and
    may raise to stop. Raises ROW_INVALID."""
    ends = () if all(prompt.plain for prompt in prompts) else ends_of_turn(encoder)
    found = []
    for index, prompt in enumerate(prompts):
        check()
        ids = prompt_ids(encoder, prompt, index)
        if 0 < context <= len(ids):
            raise Fault("ROW_INVALID", f"prompt {index}: {len(ids)} tokens leave no room in a context of {context}")
        found.append(EncodedPrompt(ids, () if prompt.plain else ends, context - len(ids) if context else math.inf))
    return found


def ends_of_turn(encoder: TextEncoder) -> tuple[int, ...]:
    """The token that the chat template writes behind a finished reply, where it is one of the added tokens: a model
    that was tuned with this template ends its turns so, whatever its configuration calls the end."""
    try:
        text = render(encoder.tokenizer, [replace(PROBE, role="user"), PROBE], generation=False)
    except TemplateRefused:
        return ()
    behind = text.rpartition(PROBE.content)[2].lstrip()
    first = encoder.ids(behind)[:1] if behind else []
    return tuple(token for token in first if token in encoder.tokenizer.added_tokens_decoder)


def generate(
    loaded: Loaded,
    encoder: TextEncoder,
    prompts: Sequence[EncodedPrompt],
    sampling: Sampling,
    give: Callable[[Generation], None],
    check: Callable[[], None],
) -> None:
    """Calls `give` for every prompt; `check` is called between tokens and may raise to stop. An answer ends unfinished
    where the model's context does."""
    loaded.model.eval()
    turning = turning_positions(loaded.base)
    turns_at = turning.limit if turning else math.inf
    for ends, limit, batch in _batches(prompts, sampling.max_new_tokens, turns_at):
        ids = {index: prompts[index].ids for index in batch}
        if turning:
            turning.reset()
        _generate_batch(loaded, encoder, batch, ids, replace(sampling, max_new_tokens=limit), ends, give, check)


def _batches(
    prompts: Sequence[EncodedPrompt], max_new_tokens: int, turns_at: float
) -> Iterator[tuple[tuple[int, ...], int, list[int]]]:
    """Prompts that end alike and may go on for as many tokens, of similar lengths. One that may become longer than
    `turns_at` tokens is alone: the longest of a batch decides how positions of all are read."""

    def kind(index: int) -> tuple[tuple[int, ...], int, int]:
        prompt = prompts[index]
        limit = int(min(max_new_tokens, prompt.room))
        return prompt.ends, limit, index if len(prompt.ids) + limit > turns_at else -1

    ordered = sorted(range(len(prompts)), key=lambda index: (kind(index), len(prompts[index].ids), index))
    for (ends, limit, _), alike in itertools.groupby(ordered, key=kind):
        indices = list(alike)
        for start in range(0, len(indices), BATCH):
            yield ends, limit, indices[start : start + BATCH]


def prompt_ids(encoder: TextEncoder, prompt: Prompt, index: int) -> list[int]:
    """Token ids of one prompt, at least one. Raises ROW_INVALID naming the prompt by its index."""
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
    ids: Mapping[int, list[int]],
    sampling: Sampling,
    ends_of_turn: tuple[int, ...],
    give: Callable[[Generation], None],
    check: Callable[[], None],
) -> None:
    ends = list(dict.fromkeys([*end_tokens(loaded), *ends_of_turn]))
    pad = loaded.tokenizer.pad_token_id if loaded.tokenizer.pad_token_id is not None else ends[0] if ends else 0
    width = max(len(ids[index]) for index in batch)
    tokens = torch.tensor([[pad] * (width - len(ids[index])) + ids[index] for index in batch], device=loaded.device)
    mask = torch.tensor(
        [[0] * (width - len(ids[index])) + [1] * len(ids[index]) for index in batch], device=loaded.device
    )
    processors = [SeededSampling(sampling, batch, loaded.device)] if sampling.temperature > 0 else []
    config = GenerationConfig(
        max_new_tokens=sampling.max_new_tokens,
        do_sample=False,
        pad_token_id=pad,
        eos_token_id=ends or None,
        use_cache=True,
    )
    failure = ""
    try:
        with torch.no_grad(), without_own_settings(loaded.base):
            written = loaded.base.generate(
                tokens,
                attention_mask=mask,
                generation_config=config,
                logits_processor=processors,
                stopping_criteria=[Check(check)],
            )
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        failure = first_line(error)
    if failure:
        raise Fault("OUT_OF_MEMORY", f"generation of {len(batch)} prompts of {width} tokens: {failure}")
    for index, row in zip(batch, written[:, width:].tolist(), strict=True):
        give(_finished(encoder, index, row, ends))


@contextmanager
def without_own_settings(model: PreTrainedModel) -> Iterator[None]:
    """transformers fills whatever is not asked for from the model's generation_config: penalties, beams, guidance."""
    own = model.generation_config
    model.generation_config = GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = own


def _finished(encoder: TextEncoder, index: int, row: list[int], ends: list[int]) -> Generation:
    at = next((i for i, token in enumerate(row) if token in ends), None)
    kept = row if at is None else row[:at]
    with encoder.at_work():
        text = encoder.tokenizer.decode(kept, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return Generation(index, text, len(kept) + (at is not None), finished=at is not None)


def end_tokens(loaded: Loaded) -> list[int]:
    """Every token that ends a text: the tokenizer's and the model's own."""
    configured = getattr(loaded.base.generation_config, "eos_token_id", None)
    listed = configured if isinstance(configured, list) else [configured]
    return list(dict.fromkeys(end for end in [loaded.tokenizer.eos_token_id, *listed] if end is not None))


class SeededSampling(LogitsProcessor):
    """Sampling as a greedy choice: the largest of logits / temperature + Gumbel noise is a draw from the softmax. Noise
    is drawn where the logits are: on the CPU, 8 prompts with a large vocabulary cost 58 ms a token."""

    def __init__(self, sampling: Sampling, batch: list[int], device: torch.device) -> None:
        self._sampling = sampling
        self._device = device
        seeds = [derived_seed("generate", sampling.seed, index) for index in batch]
        self._generators = [generator_on(device).manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """scores [B, V], logits of the next token -> [B, V], of which the largest is the draw."""
        logps = torch.log_softmax(scores.float() / self._sampling.temperature, dim=-1)
        if self._sampling.top_p < 1:
            logps = keep_top_p(logps, self._sampling.top_p)
        width = logps.shape[-1]
        uniform = torch.stack(
            [torch.rand(width, generator=g, dtype=torch.float64, device=self._device) for g in self._generators]
        )
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
        """Stops no sequence; the check itself raises."""
        self._check()
        return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)
