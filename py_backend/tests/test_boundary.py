"""Prompt and response keep their text, whatever the tokenizer merges across the boundary."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from py_backend.tokens.encode import TextEncoder
from tiny_models import NAMES

Encoders = Callable[[str], TextEncoder]


@pytest.mark.parametrize("name", NAMES)
def test_a_response_that_begins_with_a_space_is_encoded_as_the_model_reads_it(encoder: Encoders, name: str) -> None:
    encoded = encoder(name).encode("The cat", " sat on the mat")
    assert not encoded.split
    assert encoded.prompt + encoded.response == encoder(name).ids("The cat sat on the mat")
    assert encoder(name).decode(encoded.prompt) == encoder(name).decode(encoder(name).ids("The cat"))


@pytest.mark.parametrize("name", ["llama", "mistral", "qwen2", "gemma3"])
def test_a_space_merged_into_the_first_word_is_forced_apart(encoder: Encoders, name: str) -> None:
    """Byte-level "Ġsat" and SentencePiece's "▁sat" reach across a boundary behind the space."""
    encoded = encoder(name).encode("The cat ", "sat on the mat")
    assert encoded.split
    assert encoded.prompt == encoder(name).ids("The cat ")
    assert encoder(name).decode(encoded.prompt + encoded.response) == encoder(name).decode(
        encoder(name).ids("The cat sat on the mat")
    )


def test_a_forced_response_gets_no_space_of_sentencepiece_in_front(encoder: Encoders) -> None:
    encoded = encoder("mistral").encode("The cat ", "sat")
    assert encoder("mistral").pieces(encoded.response) == ["s", "at"]
    assert encoder("mistral").pieces(encoder("mistral").ids("sat")) == ["▁s", "at"]  # what encoding it alone would give


def test_a_word_piece_continuation_keeps_its_marks(encoder: Encoders) -> None:
    encoded = encoder("gpt2").encode("good", "ness")
    assert encoder("gpt2").pieces(encoded.response)[0].startswith("##")


def test_two_line_breaks_merged_into_one_token_are_forced_apart(encoder: Encoders) -> None:
    encoded = encoder("mistral").encode("a\n", "\nb")
    assert encoded.split
    assert encoder("mistral").pieces(encoded.prompt)[-1] == "\n"
    assert encoder("mistral").pieces(encoded.response) == ["\n", "b"]


TEXT = st.text(alphabet="ab e\n.1é日", max_size=8)


@pytest.mark.parametrize("name", ["llama", "mistral", "qwen2", "gemma3"])
@settings(max_examples=150, deadline=None)
@given(prompt=TEXT, response=TEXT)
def test_no_text_is_lost_gained_or_moved(encoder: Encoders, name: str, prompt: str, response: str) -> None:
    """Law: the tokens read as the whole text, and unless they were split they are the model's own encoding of it."""
    encoded = encoder(name).encode(prompt, response)
    whole = encoder(name).ids(prompt + response)
    assert encoder(name).decode(encoded.prompt + encoded.response) == encoder(name).decode(whole)
    assert encoded.split == (encoded.prompt + encoded.response != whole)
    if prompt:
        alone = encoder(name).decode(encoder(name).ids(prompt))
        assert encoder(name).decode(encoded.prompt) == alone
