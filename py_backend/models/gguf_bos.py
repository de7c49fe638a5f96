"""Whether texts begin with BOS under the tokenizer of a GGUF file. transformers reads the tokenizer but not this."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# What llama.cpp does where the file does not say: SentencePiece vocabularies and those of Llama 3 begin with BOS.
BOS_BY_MODEL = frozenset({"llama"})
BOS_BY_PRE = frozenset({"llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"})


def wants_bos(path: Path) -> bool:
    """Raises whatever gguf does for a file that is none."""
    from gguf import GGUFReader

    reader = GGUFReader(str(path))

    def value(key: str) -> Any:
        field = reader.get_field(f"tokenizer.ggml.{key}")
        return None if field is None else field.contents()

    said = value("add_bos_token")
    if value("bos_token_id") is None:
        return False
    return bool(said) if said is not None else value("model") in BOS_BY_MODEL or value("pre") in BOS_BY_PRE


def add_bos(tokenizer: PreTrainedTokenizerBase, path: Path) -> None:
    """Makes the tokenizer put BOS in front of texts where the file asks for it, also once it is saved."""
    if tokenizer.bos_token is not None and wants_bos(path):
        tokenizer.add_bos_token = True
