"""Renders conversations with a model's chat template and finds where the response begins in the rendered text."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from jinja2.exceptions import TemplateError, TemplateSyntaxError

from ..faults import Fault
from ..sandbox import apply_chat_template
from .pair_text import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class TemplateRefused(Exception):
    """The template does not take this conversation (a role it has no form for, an order it refuses)."""


def render(
    tokenizer: PreTrainedTokenizerBase, messages: list[Message], generation: bool, tools: list[Any] | None = None
) -> str:
    """Raises CHAT_TEMPLATE_MISSING, MODEL_INVALID for a broken template, TemplateRefused for a conversation."""
    if not tokenizer.chat_template:
        raise Fault(
            "CHAT_TEMPLATE_MISSING",
            "a conversation meets a model without a chat template",
            "Give the model a chat_template in the configuration; a guessed one would score nonsense.",
        )
    turns = [{"role": message.role, "content": message.content, **(message.extra or {})} for message in messages]
    try:
        return apply_chat_template(tokenizer, turns, tools=tools, add_generation_prompt=generation)
    except TemplateSyntaxError as error:
        raise Fault("MODEL_INVALID", f"chat template, line {error.lineno}: {error.message}") from error
    except TemplateError as error:
        raise TemplateRefused(str(error)) from error


def render_prompt(tokenizer: PreTrainedTokenizerBase, messages: list[Message], tools: list[Any] | None = None) -> str:
    """Up to where the model begins to write. A prompt that ends with an assistant's turn is left open as it is."""
    return render(tokenizer, messages, generation=messages[-1].role != "assistant", tools=tools)


def render_pair(
    tokenizer: PreTrainedTokenizerBase,
    prompt: list[Message],
    chosen: list[Message],
    rejected: list[Message],
    tools: list[Any] | None = None,
) -> tuple[str, str, str]:
    """Text of the prompt and of both responses; prompt + response is exactly what the template gives for the whole.

    A template may open the reply otherwise than it writes a finished one (a "<think>" for the model to go on from):
    then the prompt ends where the renderings part. Raises TemplateRefused when they part before the reply.
    """
    head = render_prompt(tokenizer, prompt, tools)
    wholes = [render(tokenizer, [*prompt, *response], generation=False, tools=tools) for response in (chosen, rejected)]
    if not all(whole.startswith(head) for whole in wholes):
        head = os.path.commonprefix([head, *wholes])
        history = render(tokenizer, prompt, generation=False, tools=tools)
        if not head.startswith(history.rstrip()):
            raise TemplateRefused("the template renders the prompt otherwise once a response follows")
    return head, wholes[0][len(head) :], wholes[1][len(head) :]
