"""Which tensors of a GGUF file transformers silently leaves unread."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_ROPE_FACTORS = "rope_freqs.weight"


def unread_gguf(model: PreTrainedModel, file: Path) -> dict[str, tuple[int, ...]]:
    """Sizes by name. Experts, which transformers brings together under other names, are left to its own checks."""
    from gguf import GGUFReader
    from transformers.modeling_gguf_pytorch_utils import TENSOR_PROCESSORS, TensorProcessor, get_gguf_hf_weights_map

    reader = GGUFReader(file)
    architecture = str(reader.get_field("general.architecture").contents())
    processor = TENSOR_PROCESSORS.get(architecture, TensorProcessor)(config=model.config.to_dict())
    known = get_gguf_hf_weights_map(model, processor)
    return {
        tensor.name: tuple(int(size) for size in reversed(tensor.shape))
        for tensor in reader.tensors
        if tensor.name not in known and "_exps" not in tensor.name and not _is_neutral(tensor)
    }


def _is_neutral(tensor: object) -> bool:
    """Frequency factors of 1 change nothing; others (Llama 3.1 and later) would change every position."""
    return tensor.name == _ROPE_FACTORS and bool(np.all(np.asarray(tensor.data) == 1.0))  # type: ignore[attr-defined]
