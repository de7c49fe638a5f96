"""Which stretches of a rendered response the assistant writes.

A turn of the assistant begins where a prompt of all turns before it would end, and ends where the rendering up to and
with it ends: a response of several turns is scored as its turns would be one by one. Templates that write a turn
otherwise once more follow (Qwen3 leaves an empty <think> out) are met by the texts: see `end_of_turn`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

from .chat import PROBE, RowRefused, TemplateRefused
from .pair_text import Message
from .written import missing_of

Stretch = tuple[int, int]
Render = Callable[[list[Message], bool], str]
"""Messages, and whether the assistant is to write next."""


class TurnsUnclear(RowRefused):
    """The template writes a turn differently when others follow, so its borders cannot be told."""

    code = "turns_unclear"


def context_stretches(
    render: Render, prompt: list[Message], response: list[Message], whole: str, head: int
) -> tuple[Stretch, ...]:
    """What of `whole[head:]` others than the assistant write, as stretches of it, in order. Raises TurnsUnclear,
    TemplateRefused.

    whole: the rendered conversation, of which the first `head` characters are the prompt.
    """
    said: list[Stretch] = []
    at = head
    for index, message in enumerate(response):
        if message.role != "assistant":
            continue
        before = [*prompt, *response[:index]]
        start = at if index == 0 else start_of_turn(render, before, whole, index)
        end = len(whole) if index == len(response) - 1 else end_of_turn(render, before, message, whole, start, index)
        if start < at:
            raise unclear(index)
        said.append((start, end))
        at = end
    return gaps(said, head, len(whole))


def start_of_turn(render: Render, before: list[Message], whole: str, index: int) -> int:
    """Place in `whole` where the turn behind the messages `before` begins, in characters."""
    opened = render(before, True)
    start = len(shared_opening(render, before, opened, [whole]))
    if start < len(opened) and start < len(render(before, False).rstrip()):
        raise unclear(index)
    return start


def shared_opening(render: Render, before: list[Message], opened: str, wholes: list[str]) -> str:
    """How `opened`, where the assistant is to write, and the finished conversations begin in common: as far as the
    template writes it whatever is answered. A "<" of an opening "<think>" is not the one that an answer begins with."""
    shared = os.path.commonprefix([opened, *wholes])
    if shared == opened:
        return opened
    with suppress(TemplateRefused):
        shared = os.path.commonprefix([shared, render([*before, PROBE], False)])
    return shared


def end_of_turn(render: Render, before: list[Message], message: Message, whole: str, start: int, index: int) -> int:
    """Behind the turn's text and as much of what closes the turn when it is the last one as stands there."""
    done = render([*before, message], False)
    if whole.startswith(done):
        return len(done)
    lost, text_end = missing_of(message, whole, start)
    if lost:
        raise unclear(index)
    _, done_end = missing_of(message, done, len(os.path.commonprefix([done, whole[:start]])))
    return text_end + len(os.path.commonprefix([done[done_end:], whole[text_end:]]))


def gaps(said: list[Stretch], start: int, end: int) -> tuple[Stretch, ...]:
    """What lies between, from start to end, counted from start."""
    borders = [start, *(border for stretch in said for border in stretch), end]
    between = zip(borders[::2], borders[1::2], strict=True)
    return tuple((a - start, b - start) for a, b in between if b > a)


def unclear(index: int) -> TurnsUnclear:
    """The refusal for a turn, counted from 0."""
    return TurnsUnclear(f"the template writes turn {index + 1} of a response otherwise once more turns follow")
