"""Everything that decides what numbers a model gives."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..devices import before_ampere

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
ATTENTION = ("auto", "sdpa", "eager")


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """source: folder, hub id or .gguf file. Empty strings mean the defaults that backend.proto names."""

    source: str
    revision: str = ""
    adapter: str = ""
    quantization: str = "none"  # "none", "nf4", "int8"
    dtype: str = ""
    chat_template: str = ""
    attention: str = ""
    tokenizer: str = ""  # another model whose token ids it is fed
    tokenizer_revision: str = ""

    def dtype_name(self, device: torch.device) -> str:
        """Unless the spec says otherwise: float32 on a CPU, bfloat16 on a GPU, float16 on one before Ampere, which has
        no units for bfloat16."""
        if self.dtype:
            return self.dtype
        if device.type == "cpu":
            return "float32"
        return "float16" if before_ampere(device) else "bfloat16"

    def attention_name(self) -> str:
        """As transformers calls it; "auto" is sdpa."""
        return "sdpa" if self.attention in ("", "auto") else self.attention
