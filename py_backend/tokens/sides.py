"""The two sequences of a pair before truncation: text to token ids, in one of three layouts.

chat:  the model's own template; a conversation is rendered whole, BOS and turn ends are what the template writes.
plain: prompt and response as they are, BOS where the tokenizer puts one, EOS after the response (as TRL does).
paper: "Human: {prompt}\\nAssistant: " and the response with EOS, no BOS, every piece tokenised on its own, as the
       authors' code does; a space that a SentencePiece tokenizer puts in front of each piece is part of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from .chat import render_pair
from .encode import TextEncoder
from .pair_text import Message, PairText


@dataclass(slots=True)
class Side:
    """Token ids of the prompt as encoded with this response, and of the response."""

    prompt: list[int]
    response: list[int]


@dataclass(slots=True)
class Sides:
    chosen: Side
    rejected: Side
    split: bool


def chat_sides(encoder: TextEncoder, pair: PairText) -> Sides:
    prompt, chosen, rejected = render_pair(encoder.tokenizer, pair.prompt, pair.chosen, pair.rejected)
    return _encoded(encoder, prompt, chosen, rejected, opening=[], ending=False)


def plain_sides(encoder: TextEncoder, pair: PairText) -> Sides:
    texts = (pair.prompt[0].content, pair.chosen[0].content, pair.rejected[0].content)
    return _encoded(encoder, *texts, opening=encoder.opening, ending=True)


def _encoded(encoder: TextEncoder, prompt: str, chosen: str, rejected: str, opening: list[int], ending: bool) -> Sides:
    sides, split = [], False
    for response in (chosen, rejected):
        encoded = encoder.encode(prompt, response)
        written = bool(opening) and encoded.prompt[: len(opening)] == opening  # the text brings its own BOS
        head = encoded.prompt if written else [*opening, *encoded.prompt]
        sides.append(Side(head, with_end(encoder, encoded.response) if ending else encoded.response))
        split = split or encoded.split
    return Sides(*sides, split=split)


def with_end(encoder: TextEncoder, ids: list[int]) -> list[int]:
    """The EOS token at the end, once."""
    eos = encoder.tokenizer.eos_token_id
    return ids if eos is None or ids[-1:] == [eos] else [*ids, eos]


def paper_sides(encoder: TextEncoder, pair: PairText) -> Sides:
    pieces = paper_pieces(pair.prompt)
    prompt: list[int] = []
    for text, ended in pieces:
        ids = encoder.ids(text)
        prompt += with_end(encoder, ids) if ended else ids
    chosen, rejected = ("".join(message.content for message in side) for side in (pair.chosen, pair.rejected))
    sides = [Side(prompt, with_end(encoder, encoder.ids(text))) for text in (chosen, rejected)]
    return Sides(*sides, split=False)


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
