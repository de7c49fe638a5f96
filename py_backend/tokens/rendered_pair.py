"""A conversational pair as the chat template writes it: where the response begins, which of it the assistant says, and
whether all of it is there."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from .chat import RowRefused, TemplateRefused, render, render_prompt
from .pair_text import Message, PairText
from .turns import Stretch, context_stretches, shared_opening
from .written import CALLS, Piece, forms_of, leaves, missing, parsed

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class TextLeftOut(RowRefused):
    """The template writes a response, or what it answers, without some of its text."""

    code = "text_left_out"


@dataclass(frozen=True, slots=True)
class RenderedResponse:
    """context: stretches of the text that others than the assistant write."""

    text: str
    context: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True)
class RenderedPair:
    """prompt + response is exactly what the template gives for the whole. left_out: what of the prompt is not there."""

    prompt: str
    chosen: RenderedResponse
    rejected: RenderedResponse
    left_out: tuple[str, ...]


def render_pair(tokenizer: PreTrainedTokenizerBase, pair: PairText, score_turns: str) -> RenderedPair:
    """score_turns: "assistant", or "all" for every turn of the response.

    Raises RowRefused: for what the template does not take, for text it leaves out of the response.
    """
    refused: RowRefused | None = None
    for spelt in spellings(pair):
        try:
            return _render_pair(tokenizer, spelt, score_turns)
        except RowRefused as error:
            refused = refused or error
    assert refused is not None
    raise refused


def _render_pair(tokenizer: PreTrainedTokenizerBase, pair: PairText, score_turns: str) -> RenderedPair:
    write = partial(render, tokenizer, tools=pair.tools)
    responses = (pair.chosen, pair.rejected)
    head = render_prompt(tokenizer, pair.prompt, pair.tools)
    wholes = [write([*pair.prompt, *response], False) for response in responses]
    left_out = check_prompt(pair, head)
    # A template may open the reply otherwise than it writes a finished one (a "<think>" for the model to go on from):
    # then the prompt ends where the renderings part.
    if not all(whole.startswith(head) for whole in wholes):
        opened, head = head, shared_opening(write, pair.prompt, head, wholes)
        if not head.startswith(write(pair.prompt, False).rstrip()):
            raise TemplateRefused(f"it writes the prompt otherwise once a response follows: {parting(opened, wholes)}")
    written = []
    for name, response, whole in zip(("chosen", "rejected"), responses, wholes, strict=True):
        check_response(name, response, whole[len(head) :])
        several = len(response) > 1 and score_turns == "assistant"
        context = context_stretches(write, pair.prompt, response, whole, len(head)) if several else ()
        written.append(RenderedResponse(whole[len(head) :], context))
    return RenderedPair(head, *written, left_out=left_out)


def parting(opened: str, wholes: list[str]) -> str:
    """Where the text of a prompt and that of the same prompt with a response part, for people."""
    whole = next(whole for whole in wholes if not whole.startswith(opened))
    at = len(os.path.commonprefix([opened, whole]))
    return f'"{excerpt(opened[at:])}" becomes "{excerpt(whole[at:])}"'


def check_response(name: str, response: list[Message], text: str) -> None:
    """Raises TextLeftOut if the template does not write a part of the response that it must write."""
    for message, piece in missing(response, text):
        if not piece.label:
            raise TextLeftOut(f"the chat template leaves out {piece.key} of {whose(name, message)}: {quoted(piece)}")


def check_prompt(pair: PairText, head: str) -> tuple[str, ...]:
    """What of the prompt is left out, by kind. Raises TextLeftOut for what is answered, and for calls of tools."""
    left_out = []
    for message, piece in missing(pair.prompt, head):
        asked = message is pair.prompt[-1] and piece.key == "content"
        if asked or piece.key.startswith(CALLS):
            raise TextLeftOut(
                f"the chat template leaves out {piece.key} of {whose('prompt', message)}: {quoted(piece)}"
            )
        left_out.append(f"{'reasoning' if piece.past else piece.key} of {message.role} turns")
    for tool in pair.tools or []:
        function = tool.get("function", tool) if isinstance(tool, dict) else tool
        name = function.get("name") if isinstance(function, dict) else None
        if any(not any(form in head for form in forms_of(leaf)) for leaf in leaves(name)):
            left_out.append("tools")
    return tuple(dict.fromkeys(left_out))


def whose(name: str, message: Message) -> str:
    """A message in words: the response itself, or which turn of what."""
    return name if message.role == "assistant" and name != "prompt" else f"the {message.role} turn in {name}"


def quoted(piece: Piece) -> str:
    """The missing text in quotes, shortened."""
    return f'"{excerpt(piece.forms[0])}"' if piece.forms else "it cannot be text"


def excerpt(text: str) -> str:
    """At most 40 characters of a text, on one line."""
    short = " ".join(text.split())
    return short if len(short) <= 40 else f"{short[:37]}..."


def spellings(pair: PairText) -> Iterator[PairText]:
    """The pair as it is; then, where messages call tools, in the other ways in which data sets write the same thing:
    arguments as an object or as JSON text, no text beside a call as null or as an empty text."""
    yield pair
    sides = (pair.prompt, pair.chosen, pair.rejected)
    if not any(key in (message.extra or {}) for side in sides for message in side for key in CALLS):
        return
    for as_object, null in itertools.product((True, False), (True, False)):
        spelt = [[respelt(message, as_object, null) for message in side] for side in sides]
        other = replace(pair, prompt=spelt[0], chosen=spelt[1], rejected=spelt[2])
        if other != pair:
            yield other


def respelt(message: Message, as_object: bool, null: bool) -> Message:
    """The message with arguments of tool calls as objects or as JSON text, and an absent text as null or ""."""
    extra = dict(message.extra or {})
    if not any(key in extra for key in CALLS):
        return message
    for key in CALLS:
        if isinstance(extra.get(key), list):
            extra[key] = [respelt_call(call, as_object) for call in extra[key]]
        elif key in extra:
            extra[key] = respelt_call(extra[key], as_object)
    content = extra.pop("content", message.content)
    if content in (None, ""):
        return Message(message.role, "", {**extra, "content": None} if null else extra)
    return Message(
        message.role, message.content, extra if content == message.content else {**extra, "content": content}
    )


def respelt_call(call: Any, as_object: bool) -> Any:
    """One tool call, its arguments as an object or as JSON text; anything else stays as it is."""
    if not isinstance(call, dict):
        return call
    if isinstance(call.get("function"), dict):
        return {**call, "function": respelt_call(call["function"], as_object)}
    arguments = call.get("arguments")
    if as_object and isinstance(arguments, str):
        return {**call, "arguments": parsed(arguments)}
    if not as_object and isinstance(arguments, dict):
        return {**call, "arguments": json.dumps(arguments, ensure_ascii=False)}
    return call
