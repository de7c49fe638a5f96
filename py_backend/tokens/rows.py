"""Turns pairs into rows: tokens for the engine and the facts that the client gets. Nothing is dropped here silently; a
row that cannot be scored says why."""

from __future__ import annotations

import os
from array import array
from dataclasses import dataclass, field

from ..engine import TokenPair
from ..faults import Fault
from .chat import RowRefused
from .encode import TextEncoder
from .pair_text import PairText, TokenRule
from .prompt_response import EncodedPair, PromptResponse, encode_chat, encode_paper, encode_plain
from .truncation import RULES
from .turns import Stretch


@dataclass(slots=True)
class RowFacts:
    """Token counts are of scored tokens, after truncation; `unusable` is empty for a row that can be scored."""

    prompt_tokens: int = 0
    chosen_tokens: int = 0
    rejected_tokens: int = 0
    context_tokens: int = 0  # of both responses: turns of others, read and not scored
    truncated_prompt: bool = False
    truncated_chosen: bool = False
    truncated_rejected: bool = False
    boundary_split: bool = False
    unusable: str = ""
    rendered: tuple[str, str, str] = ("", "", "")  # as the model gets it
    pieces: tuple[list[str], list[str], list[str]] = field(default_factory=lambda: ([], [], []))
    context: tuple[tuple[Stretch, ...], tuple[Stretch, ...]] = ((), ())  # of the responses' pieces: not scored
    left_out: tuple[str, ...] = ()  # what of the prompt the chat template does not write


@dataclass(slots=True)
class TokenizedRow:
    """Four bytes a token at rest; `pair` makes the lists the engine takes."""

    facts: RowFacts
    prefix: array[int]
    chosen: array[int]
    rejected: array[int]
    chosen_from: int
    rejected_from: int
    chosen_skipped: tuple[Stretch, ...] = ()
    rejected_skipped: tuple[Stretch, ...] = ()

    def pair(self) -> TokenPair:
        """The row as the engine takes it, with plain lists of ids."""
        return TokenPair(
            self.prefix.tolist(),
            self.chosen.tolist(),
            self.rejected.tolist(),
            self.chosen_from,
            self.rejected_from,
            self.chosen_skipped,
            self.rejected_skipped,
        )


def build_row(encoder: TextEncoder, pair: PairText, rule: TokenRule, index: int) -> TokenizedRow:
    """Raises ROW_INVALID for a pair that breaks the protocol, CHAT_TEMPLATE_MISSING, MODEL_INVALID."""
    check_pair(pair, index)
    reason = unusable_text(pair)
    try:
        encoded = _encoded_pair(encoder, pair, rule)
    except RowRefused as refused:
        return _unusable(RowFacts(unusable=reason or refused.unusable))
    bos_tokens = encoder.bos_tokens(encoded.chosen.prompt)
    kept = RULES[rule.truncation](encoded.chosen, encoded.rejected, rule.max_length, bos_tokens)
    chosen, rejected = kept or (encoded.chosen, encoded.rejected)
    facts = _facts(encoder, encoded, chosen, rejected, rule)
    facts.unusable = reason or ("too_long" if kept is None else unusable_tokens(chosen, rejected, encoder.vocabulary))
    return _row(facts, chosen, rejected)


def check_pair(pair: PairText, index: int) -> None:
    """Raises ROW_INVALID naming the row and the side that lacks messages or has too many."""
    for name in ("prompt", "chosen", "rejected"):
        messages = getattr(pair, name)
        if pair.plain and len(messages) != 1:
            raise Fault("ROW_INVALID", f"row {index}: {name} of a plain pair: expected 1 message, got {len(messages)}")
        if not messages:
            raise Fault("ROW_INVALID", f"row {index}: {name}: expected at least 1 message, got none")


def unusable_text(pair: PairText) -> str:
    """Why a pair cannot be scored, by its text alone; "" if nothing is wrong."""
    if any(
        not any(message.content.strip() or message.extra for message in side) for side in (pair.chosen, pair.rejected)
    ):
        return "empty_response"
    return "identical" if pair.chosen == pair.rejected else ""


def unusable_tokens(chosen: PromptResponse, rejected: PromptResponse, vocabulary: float) -> str:
    """Why a pair cannot be scored, by its token ids; "" if nothing is wrong. `vocabulary` = ids that have an
    embedding."""
    if not chosen.scored() or not rejected.scored():
        return "empty_response"
    if chosen.prompt + chosen.response == rejected.prompt + rejected.response:
        return "identical"
    if any(max(ids, default=0) >= vocabulary for side in (chosen, rejected) for ids in (side.prompt, side.response)):
        return "token_out_of_range"
    return "" if shared_prompt(chosen, rejected) else "empty_prompt"


def shared_prompt(chosen: PromptResponse, rejected: PromptResponse) -> int:
    """Prompt tokens that both sequences begin with."""
    return len(os.path.commonprefix([chosen.prompt, rejected.prompt]))


def _encoded_pair(encoder: TextEncoder, pair: PairText, rule: TokenRule) -> EncodedPair:
    if rule.template == "paper":
        return encode_paper(encoder, pair, rule.score_turns)
    return encode_plain(encoder, pair) if pair.plain else encode_chat(encoder, pair, rule.score_turns)


def _facts(
    encoder: TextEncoder, encoded: EncodedPair, chosen: PromptResponse, rejected: PromptResponse, rule: TokenRule
) -> RowFacts:
    facts = RowFacts(
        prompt_tokens=len(chosen.prompt),
        chosen_tokens=chosen.scored(),
        rejected_tokens=rejected.scored(),
        context_tokens=chosen.unscored() + rejected.unscored(),
        truncated_prompt=len(chosen.prompt) < len(encoded.chosen.prompt),
        truncated_chosen=len(chosen.response) < len(encoded.chosen.response),
        truncated_rejected=len(rejected.response) < len(encoded.rejected.response),
        boundary_split=encoded.split,
        left_out=encoded.left_out,
    )
    if rule.return_tokens:
        prompt, answer = as_seen(encoder, chosen)
        facts.rendered = (prompt, answer, as_seen(encoder, rejected)[1])
        ids = (chosen.prompt, chosen.response, rejected.response)
        facts.context = (chosen.context, rejected.context)
        facts.pieces = tuple(encoder.pieces(part) for part in ids)  # type: ignore[assignment]
    return facts


def as_seen(encoder: TextEncoder, side: PromptResponse) -> tuple[str, str]:
    """Text of the prompt and of the response as the model gets them: cut, with every special token."""
    prompt, whole = encoder.decode(side.prompt), encoder.decode(side.prompt + side.response)
    # Decoded alone, a response may lose the space it begins with.
    return prompt, whole[len(prompt) :] if whole.startswith(prompt) else encoder.decode(side.response)


def _row(facts: RowFacts, chosen: PromptResponse, rejected: PromptResponse) -> TokenizedRow:
    if facts.unusable:
        return _unusable(facts)
    at = shared_prompt(chosen, rejected)
    (first, chosen_from, chosen_skipped), (second, rejected_from, rejected_skipped) = (
        _branch(side, at) for side in (chosen, rejected)
    )
    return TokenizedRow(
        facts=facts,
        prefix=array("i", chosen.prompt[:at]),
        chosen=first,
        rejected=second,
        chosen_from=chosen_from,
        rejected_from=rejected_from,
        chosen_skipped=chosen_skipped,
        rejected_skipped=rejected_skipped,
    )


def _branch(side: PromptResponse, shared: int) -> tuple[array[int], int, tuple[Stretch, ...]]:
    """Tokens from the end of the shared prompt to the last scored one, where scoring begins, and what is context."""
    tail, context = side.prompt[shared:], side.context
    length = len(side.response)
    if context and context[-1][1] == length:
        length, context = context[-1][0], context[:-1]
    skipped = tuple((start + len(tail), end + len(tail)) for start, end in context)
    return array("i", tail + side.response[:length]), len(tail), skipped


def _unusable(facts: RowFacts) -> TokenizedRow:
    nothing: array[int] = array("i")
    return TokenizedRow(facts, nothing, nothing, nothing, 0, 0)
