"""The two sequences of a pair before truncation: text to token ids, in one of three layouts.

chat:  the model's own template; a conversation is rendered whole, BOS and turn ends are what the template writes.
plain: prompt and response as they are, BOS where the tokenizer puts one, EOS after the response (as TRL does).
paper: "Human: {prompt}\\nAssistant: " and the response with EOS, no BOS, every piece tokenised on its own, as the
       authors' code does; a space that a SentencePiece tokenizer puts in front of each piece is part of it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from .chat import TemplateRefused
from .encode import TextEncoder
from .pair_text import Message, PairText
from .rendered_pair import RenderedResponse, TextLeftOut, quoted, render_pair
from .turns import Stretch
from .written import missing


@dataclass(slots=True)
class PromptResponse:
    """Token ids of the prompt as encoded with this response, and of the response.

    context: stretches [start, end) of the response that others than the assistant write; they are not scored.
    """

    prompt: list[int]
    response: list[int]
    context: tuple[Stretch, ...] = ()

    def cut(self, prompt: list[int], length: int) -> PromptResponse:
        """With another prompt, and so many tokens of the response."""
        kept = tuple((start, min(end, length)) for start, end in self.context if start < length)
        return PromptResponse(prompt, self.response[:length], kept)

    def scored(self) -> int:
        """Number of response tokens that are scored: without the stretches of context."""
        return len(self.response) - self.unscored()

    def unscored(self) -> int:
        """Number of response tokens in the stretches of context."""
        return sum(end - start for start, end in self.context)


@dataclass(slots=True)
class EncodedPair:
    """split: a border between tokens had to be forced. left_out: what of the prompt the template does not write."""

    chosen: PromptResponse
    rejected: PromptResponse
    split: bool
    left_out: tuple[str, ...] = ()


def encode_chat(encoder: TextEncoder, pair: PairText, score_turns: str) -> EncodedPair:
    """A pair through the chat template. Raises RowRefused where the template does not write the responses whole."""
    rendered = render_pair(encoder.tokenizer, pair, score_turns)
    if encoder.opens_unasked:
        raise TemplateRefused("it opens another turn behind every conversation, also without add_generation_prompt")
    sides, split = [], False
    for response in (rendered.chosen, rendered.rejected):
        side, forced = _with_context(encoder, rendered.prompt, response)
        sides.append(side)
        split = split or forced
    return EncodedPair(*sides, split=split, left_out=rendered.left_out)


def _with_context(encoder: TextEncoder, prompt: str, response: RenderedResponse) -> tuple[PromptResponse, bool]:
    """One sequence, and whether a border between tokens had to be forced."""
    if not response.context:
        encoded = encoder.encode(prompt, response.text)
        return PromptResponse(encoded.prompt, encoded.response), encoded.split
    borders = [border for stretch in response.context for border in stretch]
    cuts = sorted({0, *borders, len(response.text)})
    parts = [response.text[start:end] for start, end in itertools.pairwise(cuts)]
    encoded, ends = encoder.encode_parts(prompt, parts)
    at = dict(zip(cuts, [0, *ends], strict=True))
    context = tuple((at[start], at[end]) for start, end in response.context)
    return PromptResponse(encoded.prompt, encoded.response, context), encoded.split


def encode_plain(encoder: TextEncoder, pair: PairText) -> EncodedPair:
    """A pair of plain texts: BOS once, EOS after each response."""
    check_written(pair)
    prompt = pair.prompt[0].content
    sides, split = [], False
    for response in (pair.chosen[0].content, pair.rejected[0].content):
        encoded = encoder.encode(prompt, response)
        bos_ids = encoder.bos_ids
        written = bool(bos_ids) and encoded.prompt[: len(bos_ids)] == bos_ids  # the text brings its own BOS
        head = encoded.prompt if written else [*bos_ids, *encoded.prompt]
        sides.append(PromptResponse(head, with_end(encoder, encoded.response)))
        split = split or encoded.split
    return EncodedPair(*sides, split=split)


def with_end(encoder: TextEncoder, ids: list[int]) -> list[int]:
    """The EOS token at the end, once."""
    eos = encoder.tokenizer.eos_token_id
    return ids if eos is None or ids[-1:] == [eos] else [*ids, eos]


def encode_paper(encoder: TextEncoder, pair: PairText, score_turns: str) -> EncodedPair:
    """A pair in the layout of the code released with the paper: "Human: ... Assistant: " without BOS."""
    check_written(pair)
    pieces = paper_pieces(pair.prompt)
    prompt: list[int] = []
    for text, ended in pieces:
        ids = encoder.ids(text)
        prompt += with_end(encoder, ids) if ended else ids
    sides = [paper_side(encoder, prompt, side, score_turns) for side in (pair.chosen, pair.rejected)]
    return EncodedPair(*sides, split=False)


def paper_side(encoder: TextEncoder, prompt: list[int], response: list[Message], score_turns: str) -> PromptResponse:
    """The texts of the response's turns, one behind the other."""
    texts = [message.content for message in response]
    others = [message.role != "assistant" and score_turns == "assistant" for message in response]
    if not any(others):
        return PromptResponse(prompt, with_end(encoder, encoder.ids("".join(texts))))
    encoded, ends = encoder.encode_parts("", texts)
    context = tuple(stretch for stretch, other in zip(itertools.pairwise([0, *ends]), others, strict=True) if other)
    return PromptResponse(prompt, with_end(encoder, encoded.response), context)


def check_written(pair: PairText) -> None:
    """Layouts without a template hold texts and nothing else. Raises TextLeftOut."""
    for name in ("prompt", "chosen", "rejected"):
        messages = getattr(pair, name)
        for _, piece in missing(messages, "\n".join(message.content for message in messages)):
            if not piece.label and not (name == "prompt" and piece.past):
                raise TextLeftOut(f"{piece.key} of {name} needs a chat template: {quoted(piece)}")


def paper_pieces(prompt: list[Message]) -> list[tuple[str, bool]]:
    """The texts that are tokenised one by one, and whether EOS follows (earlier replies of the assistant)."""
    pieces: list[tuple[str, bool]] = []
    asked = False
    for message in prompt:
        if message.role == "system":
            pieces.append((f"{message.content}\n", False))
        elif message.role == "assistant":
            pieces.append((message.content, True))
        else:
            if asked:
                pieces.append(("\n", False))
            pieces.append((f"Human: {message.content}\nAssistant: ", False))
            asked = True
    return pieces
