"""Whether a chat template has written what a conversation says. Templates cut, move and drop text silently.

What must stand in the rendered text:
- the text of every message, in order: as it is but for space at its ends. Where a text holds marks of reasoning
  (<think>...), the template may write other marks or space there, and the text between them counts part by part. A text
  also counts as written where it stands escaped as in JSON (tools' answers often do).
- reasoning under a key of its own, names and arguments of calls, other keys that hold more than a word, anywhere in
  their message. Arguments count value by value, since templates write them as JSON, XML or code.
Ids, names of speakers and single words under other keys are labels: a template may leave them out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .pair_text import Message

REASONING = frozenset({"reasoning_content", "reasoning", "thinking"})
CALLS = ("tool_calls", "function_call")
LABELS = frozenset({"tool_call_id", "name", "id", "type", "index"})
MARKS = re.compile(
    r"</?(?:think|thinking|thought|reason|reasoning|reflection|analysis|scratchpad|seed:think)>|\[/?THINK\]"
    r"|<\|/?(?:begin_of_thought|end_of_thought|think|thinking)\|>|<\|(?:START|END)_THINKING\|>|◁/?think▷"
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A text under a key of a message. forms: the ways to write it. Loose ones stand anywhere in their message, the
    others in order. label: may be left out. past: reasoning, which templates leave out of turns that were answered."""

    key: str
    forms: tuple[str, ...]
    loose: bool = True
    label: bool = False
    past: bool = False

    def end_in(self, text: str, start: int) -> int:
        """Where its first occurrence from start ends; -1 when there is none."""
        found = [(at, at + len(form)) for form in self.forms if (at := text.find(form, start)) >= 0]
        return min(found)[1] if found else -1


def missing(messages: list[Message], text: str) -> list[tuple[Message, Piece]]:
    """What is not in a rendered text, with the message it belongs to."""
    lost: list[tuple[Message, Piece]] = []
    at = 0
    for message in messages:
        gone, at = missing_of(message, text, at)
        lost += [(message, piece) for piece in gone]
    return lost


def missing_of(message: Message, text: str, start: int) -> tuple[list[Piece], int]:
    """What of one message is not in the text from start, and where what was found of it ends."""
    lost: list[Piece] = []
    at = end = start
    for piece in pieces_of(message, text):
        found = piece.end_in(text, start if piece.loose else at)
        if found < 0:
            lost.append(piece)
            continue
        if not piece.loose:
            at = found
        end = max(end, found)
    return lost, end


def pieces_of(message: Message, text: str) -> Iterator[Piece]:
    """text: what it is looked for in; a content that stands there whole is not taken apart."""
    extra = message.extra or {}
    yield from content_pieces(extra.get("content", message.content), text)
    for key, value in extra.items():
        if key in CALLS:
            for call in value if isinstance(value, list) else [value]:
                yield from call_pieces(key, call, text)
        elif key in REASONING:
            yield from (Piece(key, forms_of(leaf), past=True) for leaf in leaves(value))
        elif key != "content":
            for leaf in leaves(value):
                yield Piece(key, forms_of(leaf), label=key in LABELS or not re.search(r"\s", leaf.strip()))


def content_pieces(content: Any, text: str) -> Iterator[Piece]:
    """What of a message's content must stand in the text, in order."""
    if isinstance(content, list):
        for part in content:
            yield from part_pieces(part)
    elif isinstance(content, str) and content.strip():
        whole = content.strip()
        parts = [part.strip() for part in MARKS.split(whole)]
        if whole in text or len(parts) == 1:
            yield Piece("content", forms_of(whole), loose=False)
            return
        last = len(parts) - 1
        for at, part in enumerate(parts):
            if part:
                yield Piece("content", forms_of(part), loose=False, past=at < last)


def part_pieces(part: Any) -> Iterator[Piece]:
    """A part of a kind that holds no text (an image) can be in no text."""
    kind = str(part.get("type", "text")) if isinstance(part, dict) else "text"
    if kind != "text":
        found = [leaf for key in ("text", "thinking", "reasoning") for leaf in leaves(part.get(key))]
        yield from (Piece(f"content part {kind}", forms_of(leaf), past=True) for leaf in found)
        if not found:
            yield Piece(f"content part {kind}", ())
        return
    for leaf in leaves(part.get("text") if isinstance(part, dict) else part):
        yield Piece("content", forms_of(leaf), loose=False)


def call_pieces(key: str, call: Any, text: str) -> Iterator[Piece]:
    """What of a tool call must stand in the text: its name and every value and key of its arguments."""
    function = call.get("function", call) if isinstance(call, dict) else call
    if not isinstance(function, dict):
        yield from (Piece(key, forms_of(leaf)) for leaf in leaves(function))
        return
    for name in leaves(function.get("name")):
        yield Piece(f"{key}: name", (name,))
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        escaped = json.dumps(arguments, ensure_ascii=False)[1:-1]
        if arguments.strip() not in text and escaped != arguments and escaped in text:
            yield Piece(f"{key}: arguments, which it escapes", ())  # JSON inside a text inside JSON
            return
        arguments = parsed(arguments)
    for leaf in leaves(arguments, names=True):
        yield Piece(f"{key}: arguments", forms_of(leaf))


def parsed(arguments: str) -> Any:
    """The value of arguments that are JSON, else the text."""
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments


def leaves(value: Any, names: bool = False) -> Iterator[str]:
    """Every text and number in a value; with names those of members too."""
    if isinstance(value, str):
        if value.strip():
            yield value
    elif isinstance(value, dict):
        for name, member in value.items():
            if names and name.strip():
                yield name
            yield from leaves(member, names)
    elif isinstance(value, list):
        for member in value:
            yield from leaves(member, names)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield json.dumps(value)


def forms_of(text: str) -> tuple[str, ...]:
    """As it is, or escaped as in JSON."""
    bare = text.strip()
    escaped = (json.dumps(bare, ensure_ascii=only_ascii)[1:-1] for only_ascii in (False, True))
    return tuple(dict.fromkeys((bare, *escaped)))
