"""A preference pair as text, and how it is to become tokens."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    role: str
    content: str


@dataclass(frozen=True, slots=True)
class PairText:
    """plain: each list holds one message whose text is used as it is."""

    prompt: list[Message]
    chosen: list[Message]
    rejected: list[Message]
    plain: bool


@dataclass(frozen=True, slots=True)
class TokenRule:
    """max_length: tokens of prompt + response. truncation: keep_start, drop, paper, keep_end_of_prompt.
    template: chat or paper. return_tokens: also give rendered text and token strings."""

    max_length: int
    truncation: str
    template: str
    return_tokens: bool
