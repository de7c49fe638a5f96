"""Tokens of a prompt and its response, with the boundary where the text has it.

The two texts are encoded together, as the model would read them, and tokens are attributed by text offsets. Where the
tokenizer has merged the last characters of the prompt with the first of the response, no token boundary exists: then
the split is forced, prompt and response are encoded apart and the pieces put side by side. The response is encoded as
a continuation, so that the tokens still read as the same text: no second BOS, no space of SentencePiece's in front.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from ..faults import Fault
from .chat import opens_unasked

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Texts whose end hardly ever merges with what follows; the first that works for a response is used.
ANCHORS = ("\n", "a", "0", ".", "é", "a a", ")")


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of a prompt and of one response; split = the boundary had to be forced."""

    prompt: list[int]
    response: list[int]
    split: bool


@dataclass(slots=True)
class _Joint:
    ids: list[int]
    offsets: list[tuple[int, int]] | None


@dataclass
class TextEncoder:
    """A tokenizer for one caller at a time: transformers' fast tokenizers hold settings that two threads would mix.

    vocabulary: ids that the model has embeddings for, from 0. A tokenizer may know more: one that got new tokens, or
    that of another model.
    """

    tokenizer: PreTrainedTokenizerBase
    vocabulary: float = math.inf
    lock: threading.RLock = field(default_factory=threading.RLock)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """One caller at a time. Whatever the tokenizer fails with, panics (no Exception) included, is MODEL_INVALID."""
        with self.lock:
            try:
                yield
            except BaseException as error:  # noqa: BLE001 - the files of a tokenizer decide what it does
                first_line = (str(error).strip() or "no message").splitlines()[0][:300]
                failure = f"tokenizer: it fails on a text: {type(error).__name__}: {first_line}"
            else:
                return
        raise Fault("MODEL_INVALID", failure)

    def ids(self, text: str) -> list[int]:
        """Without special tokens of the tokenizer's own; special tokens written in the text are recognised."""
        with self.at_work():
            return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def joint(self, text: str) -> _Joint:
        """Token ids of a text without special tokens, with their places in it where the tokenizer knows them."""
        with self.at_work():
            fast = self.tokenizer.is_fast
            batch = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=fast)
        return _Joint(list(batch["input_ids"]), [tuple(pair) for pair in batch["offset_mapping"]] if fast else None)

    def decode(self, ids: list[int]) -> str:
        """Text of token ids, special tokens and spaces as they are."""
        with self.at_work():
            return self.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)

    def pieces(self, ids: list[int]) -> list[str]:
        """Each token as the vocabulary spells it."""
        return [str(piece) for piece in self.tokenizer.convert_ids_to_tokens(ids)]

    @cached_property
    def bos_ids(self) -> list[int]:
        """What the tokenizer puts in front of a plain text by itself: BOS, or nothing."""
        with self.at_work():
            bare = self.tokenizer("a", add_special_tokens=False)["input_ids"]
            dressed = self.tokenizer("a", add_special_tokens=True)["input_ids"]
        for start in range(len(dressed) - len(bare) + 1):
            if dressed[start : start + len(bare)] == bare:
                return list(dressed[:start])
        return []

    def bos_tokens(self, ids: list[int]) -> int:
        """How many tokens of BOS a text begins with, be they the tokenizer's own doing or written by a template."""
        if self.bos_ids and ids[: len(self.bos_ids)] == self.bos_ids:
            return len(self.bos_ids)
        return int(ids[:1] == [self.tokenizer.bos_token_id])

    @cached_property
    def opens_unasked(self) -> bool:
        """As the function of this name says of its chat template."""
        return opens_unasked(self.tokenizer)

    def encode(self, prompt: str, response: str) -> Encoded:
        """Prompt and response with the boundary between them; neither BOS nor EOS is added."""
        joint = self.joint(prompt + response)
        alone = self.ids(prompt)
        at = clean_boundary(joint, alone, len(prompt))
        if at is not None:
            return Encoded(joint.ids[:at], joint.ids[at:], split=False)
        behind = self.continuation(alone, response, self.decode(joint.ids))
        # Offsets of byte fallbacks span a whole unknown run: they may reach across where the tokens do not.
        return Encoded(alone, behind, split=alone + behind != joint.ids)

    def encode_parts(self, prompt: str, parts: list[str]) -> tuple[Encoded, list[int]]:
        """A response that is written in parts, with a border between tokens wherever two parts meet; and the index in
        its tokens where each part ends."""
        joint = self.joint(prompt + "".join(parts))
        ends = list(itertools.accumulate((len(part) for part in parts), initial=len(prompt)))
        cuts = [clean_boundary(joint, self.ids(prompt), ends[0]), *(inner_boundary(joint, end) for end in ends[1:-1])]
        if None not in cuts:
            first, *rest = (cut for cut in cuts if cut is not None)
            return Encoded(joint.ids[:first], joint.ids[first:], False), [
                cut - first for cut in (*rest, len(joint.ids))
            ]
        before, response, borders = self.ids(prompt), [], []
        text = prompt
        for part in parts:
            encoded = self.encode(text, part)
            if text == prompt:
                before = encoded.prompt
            response += encoded.response
            borders.append(len(response))
            text += part
        return Encoded(before, response, split=before + response != joint.ids), borders

    def continuation(self, before: list[int], response: str, whole: str) -> list[int]:
        """Tokens of a response that is written right behind `before`: together they must read as `whole`."""
        plain = self.ids(response)
        candidates = [plain]
        for anchor in (self.tokenizer.eos_token or "", *ANCHORS):
            if anchor:
                ids, start = self.ids(anchor + response), self.ids(anchor)
                if ids[: len(start)] == start:
                    candidates.append(ids[len(start) :])
        for ids in candidates:
            if self.decode(before + ids) == whole:
                return ids
        return plain


def inner_boundary(joint: _Joint, boundary: int) -> int | None:
    """Index of the first token behind a place in the text, or None where the offsets do not prove that one begins there
    (see clean_boundary)."""
    if joint.offsets is None:
        return None
    at = next((i for i, (_, end) in enumerate(joint.offsets) if end > boundary), len(joint.ids))
    begins = at == len(joint.ids) or joint.offsets[at][0] >= boundary
    reached = max((end for _, end in joint.offsets[:at]), default=0)
    return at if begins and reached >= boundary else None


def clean_boundary(joint: _Joint, alone: list[int], boundary: int) -> int | None:
    """Index of the first response token, or None where a token reaches across the boundary.

    Offsets of byte-level tokenizers leave out leading spaces, so a gap before the boundary may belong to the token
    behind it: then only the prompt's own encoding proves that nothing was merged.
    """
    agrees = joint.ids[: len(alone)] == alone
    if joint.offsets is None:
        return len(alone) if agrees else None
    at = next((i for i, (start, end) in enumerate(joint.offsets) if end > boundary), len(joint.ids))
    if at < len(joint.ids) and joint.offsets[at][0] < boundary:
        return None
    if agrees and len(alone) <= at:
        return len(alone)
    reached = max((end for _, end in joint.offsets[:at]), default=0)
    return at if reached >= boundary else None
