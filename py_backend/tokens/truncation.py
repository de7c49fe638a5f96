"""The truncation rules of backend.proto, on token ids: each gives the kept sides, or None when the pair is too long."""

from __future__ import annotations

from .prompt_response import PromptResponse

Kept = tuple[PromptResponse, PromptResponse] | None


def keep_start(chosen: PromptResponse, rejected: PromptResponse, limit: int, bos_tokens: int) -> Kept:
    """Prompt + response cut at the limit; a prompt that fills it leaves nothing to score."""
    if max(len(chosen.prompt), len(rejected.prompt)) >= limit:
        return None
    return _cut_end(chosen, limit), _cut_end(rejected, limit)


def _cut_end(side: PromptResponse, limit: int) -> PromptResponse:
    return side.cut(side.prompt, limit - len(side.prompt))


def drop(chosen: PromptResponse, rejected: PromptResponse, limit: int, bos_tokens: int) -> Kept:
    """Nothing is ever cut: both sides fit into `limit` tokens, or the pair is too long."""
    fits = all(len(side.prompt) + len(side.response) <= limit for side in (chosen, rejected))
    return (chosen, rejected) if fits else None


def keep_end_of_prompt(chosen: PromptResponse, rejected: PromptResponse, limit: int, bos_tokens: int) -> Kept:
    """The prompt loses its beginning, after its BOS, until the longer response fits; a response that is longer than
    the limit is cut as well and keeps one token of prompt."""
    longest = min(limit - 1, max(len(chosen.response), len(rejected.response)))
    room = limit - longest
    excess = max(len(chosen.prompt), len(rejected.prompt)) - room
    if excess <= 0:
        return chosen.cut(chosen.prompt, longest), rejected.cut(rejected.prompt, longest)
    kept = bos_tokens if room > bos_tokens else 0
    prompts = [side.prompt[:kept] + side.prompt[kept + excess :] for side in (chosen, rejected)]
    return chosen.cut(prompts[0], longest), rejected.cut(prompts[1], longest)


def paper(chosen: PromptResponse, rejected: PromptResponse, limit: int, bos_tokens: int) -> Kept:
    """The authors' rule: the limit is shared in proportion to the lengths, each side keeps its beginning, a response
    at least one token. The chosen side's prompt is used for both, so the rejected side may exceed the limit."""
    prompt_room, chosen_room = proportional(len(chosen.prompt), len(chosen.response), limit)
    _, rejected_room = proportional(len(rejected.prompt), len(rejected.response), limit)
    prompt = chosen.prompt[:prompt_room]
    return chosen.cut(prompt, chosen_room), rejected.cut(prompt, rejected_room)


def proportional(prompt: int, response: int, limit: int) -> tuple[int, int]:
    """Floor of a float product, as in the authors' code: its rounding is part of the rule."""
    response_room = max(int(limit * (response / (prompt + response))), 1)
    return limit - response_room, response_room


RULES = {"keep_start": keep_start, "drop": drop, "keep_end_of_prompt": keep_end_of_prompt, "paper": paper}
