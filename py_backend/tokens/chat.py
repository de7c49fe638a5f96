"""Renders conversations with a model's chat template."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jinja2.exceptions import TemplateError, TemplateSyntaxError

from ..faults import Fault
from ..sandbox import TemplateBroke, apply_chat_template
from .pair_text import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SMALLEST = [Message("user", "a"), Message("assistant", "b")]
"""A template that breaks on this breaks on everything."""


PROBE = Message("assistant", "quokka")
"""A reply whose text no template writes of its own accord."""


class RowRefused(Exception):
    """A pair that cannot be scored. code: the kind, one word for programs; words: what is the matter, for people."""

    code = "refused"

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.unusable = f"{self.code}: {' '.join(words.split())}"


class TemplateRefused(RowRefused):
    """The template does not take this conversation (a role it has no form for, an order it refuses)."""

    code = "template_refused"


def render(
    tokenizer: PreTrainedTokenizerBase, messages: list[Message], generation: bool, tools: list[Any] | None = None
) -> str:
    """Raises CHAT_TEMPLATE_MISSING, MODEL_INVALID for a template that takes no conversation or breaks a limit,
    TemplateRefused with the template's own words for a conversation."""
    if not tokenizer.chat_template:
        raise Fault(
            "CHAT_TEMPLATE_MISSING",
            "a conversation meets a model without a chat template",
            "Give the model a chat_template in the configuration; a guessed one would score nonsense.",
        )
    try:
        return apply_chat_template(
            tokenizer, [turn(m) for m in messages], tools=tools, add_generation_prompt=generation
        )
    except TemplateSyntaxError as error:
        raise Fault("MODEL_INVALID", f"chat template, line {error.lineno}: {error.message}") from error
    except TemplateError as error:
        raise TemplateRefused(str(error)) from error
    except TemplateBroke as error:
        if messages != SMALLEST:
            takes_anything(tokenizer)
            raise TemplateRefused(str(error)) from error
        raise Fault("MODEL_INVALID", f"chat template: {error}") from error


def turn(message: Message) -> dict[str, Any]:
    """A message as chat templates read it; keys of `extra` win over role and text."""
    return {"role": message.role, "content": message.content, **(message.extra or {})}


def takes_anything(tokenizer: PreTrainedTokenizerBase) -> None:
    """Raises MODEL_INVALID for a template that breaks on the smallest conversation."""
    with suppress(TemplateRefused):
        render(tokenizer, SMALLEST, generation=False)


def opens_unasked(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the template opens another turn of the assistant behind a finished conversation, and would have it scored
    as the end of every reply: it takes no notice of add_generation_prompt."""
    asked = [replace(PROBE, role="user")]
    try:
        opened, whole, longer = (
            render(tokenizer, messages, generation=False)
            for messages in (asked, [*asked, PROBE], [*asked, PROBE, *asked])
        )
        if render(tokenizer, asked, generation=True) != opened:
            return False
    except TemplateRefused:
        return False
    behind = whole[len(os.path.commonprefix([whole, longer])) :]
    is_opening = whole.startswith(opened) and whole[len(opened) :].lstrip().startswith(PROBE.content)
    return is_opening and behind != "" and opened.endswith(behind)


def render_prompt(tokenizer: PreTrainedTokenizerBase, messages: list[Message], tools: list[Any] | None = None) -> str:
    """Up to where the model begins to write. A prompt that ends with an assistant's turn is left open as it is."""
    return render(tokenizer, messages, generation=messages[-1].role != "assistant", tools=tools)
