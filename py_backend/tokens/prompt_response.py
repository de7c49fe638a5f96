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
class PromptResponse:
    """Token ids of the prompt as encoded with this response, and of the response."""

    prompt: list[int]
    response: list[int]


@dataclass(slots=True)
class EncodedPair:
    chosen: PromptResponse
    rejected: PromptResponse
    split: bool


def encode_chat(encoder: TextEncoder, pair: PairText) -> EncodedPair:
    prompt, chosen, rejected = render_pair(encoder.tokenizer, pair.prompt, pair.chosen, pair.rejected, pair.tools)
    return _encoded(encoder, prompt, chosen, rejected, bos_ids=[], ending=False)


def encode_plain(encoder: TextEncoder, pair: PairText) -> EncodedPair:
    texts = (pair.prompt[0].content, pair.chosen[0].content, pair.rejected[0].content)
    return _encoded(encoder, *texts, bos_ids=encoder.bos_ids, ending=True)


def _encoded(
    encoder: TextEncoder, prompt: str, chosen: str, rejected: str, bos_ids: list[int], ending: bool
) -> EncodedPair:
    sides, split = [], False
    for response in (chosen, rejected):
        encoded = encoder.encode(prompt, response)
        written = bool(bos_ids) and encoded.prompt[: len(bos_ids)] == bos_ids  # the text brings its own BOS
        head = encoded.prompt if written else [*bos_ids, *encoded.prompt]
        sides.append(PromptResponse(head, with_end(encoder, encoded.response) if ending else encoded.response))
        split = split or encoded.split
    return EncodedPair(*sides, split=split)


def with_end(encoder: TextEncoder, ids: list[int]) -> list[int]:
    """The EOS token at the end, once."""
    eos = encoder.tokenizer.eos_token_id
    return ids if eos is None or ids[-1:] == [eos] else [*ids, eos]


def encode_paper(encoder: TextEncoder, pair: PairText) -> EncodedPair:
    pieces = paper_pieces(pair.prompt)
    prompt: list[int] = []
    for text, ended in pieces:
        ids = encoder.ids(text)
        prompt += with_end(encoder, ids) if ended else ids
    chosen, rejected = ("".join(message.content for message in side) for side in (pair.chosen, pair.rejected))
    sides = [PromptResponse(prompt, with_end(encoder, encoder.ids(text))) for text in (chosen, rejected)]
    return EncodedPair(*sides, split=False)


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
