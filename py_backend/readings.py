"""What of a model this software reads otherwise than an earlier one did, as marks behind its numeric path.

Scores that were filed without a mark are not those that the model gives now, and are not taken for them. A mark names
only models that its change may concern: the scores of all others stay. It is no part of the digests of a model's files:
a run whose files are what they were goes on after an update.

With a new mark, raise READINGS in src/references/model-files.ts: reports go by what is remembered of a model.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from .faults import Fault
from .models.load import chat_template_of, tool_template_of
from .models.source import Source
from .tokens.chat import PROBE, TemplateRefused, render
from .tokens.encode import TextEncoder

if TYPE_CHECKING:
    from .tokens.pair_text import Message

_USER, _SYSTEM = replace(PROBE, role="user"), replace(PROBE, role="system")
_ASKED: tuple[list[Message], ...] = ([_USER], [_SYSTEM, _USER], [_USER, PROBE, _USER])


def readings(source: Source, encoder: TextEncoder) -> str:
    """Empty for most models, else e.g. "; by-own-length bos-of-template". Never raises for a template that breaks: rows
    of texts do without it."""
    tools = tool_template_of(encoder.tokenizer)
    marks = [
        *(["by-own-length"] if _turns(source) else []),
        *([f"tools-{hashlib.sha256(tools.encode()).hexdigest()[:16]}"] if tools else []),
        *_of_template(encoder),
    ]
    return f"; {' '.join(marks)}" if marks else ""


def _turns(source: Source) -> bool:
    """Long rows of models whose positions depend on a row's length were once read by that of their neighbours."""
    if source.gguf is not None:
        return False
    config = (source.folder / "config.json").read_text(encoding="utf-8")
    return bool(re.search(r'"(?:rope_)?type": *"(?:longrope|su|[a-z_]*dynamic[a-z_]*)"', config))


def _of_template(encoder: TextEncoder) -> list[str]:
    found: list[str] = []
    if chat_template_of(encoder.tokenizer):
        with suppress(Fault):
            found.extend(_opening_marks(encoder))
    return sorted(set(found))


def _opening_marks(encoder: TextEncoder) -> Iterator[str]:
    """opens-unasked: the opening of another turn was once scored. bos-of-template: a BOS that the tokenizer does not
    write by itself was once cut with the beginning of a prompt. opening-apart: where a finished reply does not begin as
    the model is made to begin, what both answers of a pair begin with was once taken for a part of the prompt."""
    if encoder.opens_unasked:
        yield "opens-unasked"
    for asked in _ASKED:
        with suppress(TemplateRefused):
            opened = render(encoder.tokenizer, asked, generation=True)
            if _bos_of_template(encoder, encoder.ids(opened)):
                yield "bos-of-template"
            if not render(encoder.tokenizer, [*asked, PROBE], generation=False).startswith(opened):
                yield "opening-apart"


def _bos_of_template(encoder: TextEncoder, prompt: list[int]) -> bool:
    own = encoder.bos_ids
    return encoder.bos_tokens(prompt) != (len(own) if own and prompt[: len(own)] == own else 0)
