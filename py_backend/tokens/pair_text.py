"""A preference pair as text, and how it is to become tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Message:
    """extra: what the chat template gets beyond role and content; "content" in it stands in place of the text."""

    role: str
    content: str
    extra: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class PairText:
    """plain: each list holds one message whose text is used as it is. tools: schemas for the chat template."""

    prompt: list[Message]
    chosen: list[Message]
    rejected: list[Message]
    plain: bool
    tools: list[Any] | None = None


@dataclass(frozen=True, slots=True)
class TokenRule:
    """max_length: tokens of prompt + response. truncation: keep_start, drop, paper, keep_end_of_prompt.
    template: chat or paper. return_tokens: also give rendered text and token strings. score_turns: of a response of
    several turns, those of the assistant, or all."""

    max_length: int
    truncation: str
    template: str
    return_tokens: bool
    score_turns: str = "assistant"
