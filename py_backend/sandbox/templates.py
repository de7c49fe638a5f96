"""Chat templates: programs that come with a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2.exceptions import TemplateError, TemplateSyntaxError

from ..faults import Fault
from .process import TaskFailed, ask

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class TemplateBroke(Exception):
    """The template failed on this conversation as a program does: a TypeError, a KeyError."""


def apply_chat_template(
    tokenizer: PreTrainedTokenizerBase, conversation: list[dict[str, Any]], *, tools: Any = None, **variables: Any
) -> str:
    """As the tokenizer's own method with tokenize=False, but within limits of time, memory and length.

    Raises jinja2's TemplateSyntaxError and TemplateError (with the template's own words), TemplateBroke, MODEL_INVALID
    for a broken limit.
    """
    template = tokenizer.get_chat_template(None, tools)
    given = {**tokenizer.special_tokens_map, "tools": tools, **variables}
    try:
        found = ask({"task": "render", "template": template, "conversation": conversation, "variables": given})
    except TaskFailed as error:
        raise Fault("MODEL_INVALID", f"chat template: {error}") from error
    if "syntax" in found:
        raise TemplateSyntaxError(found["syntax"], found["line"])
    if "refused" in found:
        raise TemplateError(found["refused"])
    if "broke" in found:
        raise TemplateBroke(found["broke"])
    return str(found["text"])
