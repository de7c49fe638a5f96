"""What a model is, by content: the key under which its log-probs may be cached.

Digests are of bytes and never of paths: a folder that moves is the same model, one changed weight is another one.
What does not change a number (paths, version stamps, the adapter's name of its base) is left out of the digest.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch

from ..engine import varlen
from ..progress import Report
from .checkpoint import checkpoint, index_adds_nothing
from .file_hashes import hash_file, hash_files
from .gguf_bos import wants_bos
from .source import Source
from .spec import ModelSpec

# Raise when log-probs change in any bit for the same weights, text and settings: against scores kept from before, the
# margin of an untrained policy must be 0 and not nearly 0.
NUMERICS = "head-float32 sum-float64 layout-2"

SILENT_CONFIG_KEYS = {"_name_or_path", "transformers_version", "_commit_hash", "use_cache", "torch_dtype", "dtype"}
SILENT_ADAPTER_KEYS = {
    "base_model_name_or_path",
    "revision",
    "inference_mode",
    "task_type",
    "peft_version",
    "lora_dropout",
}
SILENT_TOKENIZER_KEYS = {"chat_template", "name_or_path", "_name_or_path", "_commit_hash", "transformers_version"}


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """SHA-256 digests as hex digits; `numeric_path` is readable text and `revision` the commit of a hub id, else
    empty."""

    weights: str
    tokenizer: str
    chat_template: str
    numeric_path: str
    revision: str


def identify(
    spec: ModelSpec, source: Source, template: str, readings: str, device: torch.device, report: Report
) -> ModelIdentity:
    """template: the chat template in force, empty when there is none. readings: what stands behind the numeric path."""
    return ModelIdentity(
        weights=_weights_digest(source, report),
        tokenizer=_tokenizer_digest(source.words or source),
        chat_template=hashlib.sha256(template.encode()).hexdigest(),
        numeric_path=numeric_path(spec, device) + readings,
        revision=source.revision,
    )


def numeric_path(spec: ModelSpec, device: torch.device) -> str:
    """Readable, e.g. "cpu float32 nf4-double-2 sdpa head-float32 sum-float64 layout-2"."""
    quantization = {"none": "unquantized", "nf4": "nf4-double-2", "int8": "int8"}[spec.quantization]
    between = " stream-float32" if device.type == "cpu" and spec.dtype_name(device) == "bfloat16" else ""
    where = "cpu" if device.type == "cpu" else _gpu(device)
    return f"{where} {spec.dtype_name(device)}{between} {quantization} {spec.attention_name()} {NUMERICS}"


def _gpu(device: torch.device) -> str:
    """GPUs differ in their kernels, and so do releases of torch: a score kept from another is near and not the same."""
    major, minor = torch.cuda.get_device_capability(device)
    name = torch.cuda.get_device_name(device).replace(" ", "-")
    attention = "packed-flash" if varlen.available(device) else "packed-by-pair"
    return f"cuda {name} sm{major}{minor} torch-{torch.__version__.split('+')[0]} {attention}"


def _weights_digest(source: Source, report: Report) -> str:
    parts: list[str] = []
    files = source.weight_files()
    if source.gguf is None:
        parts.append(_json_digest(source.folder / "config.json", SILENT_CONFIG_KEYS))
        found = checkpoint(source.folder)
        if not index_adds_nothing(found):
            parts.append(hashlib.sha256(json.dumps(found.weight_map, sort_keys=True).encode()).hexdigest())
    if source.adapter is not None:
        files = [*files, *sorted(source.adapter.glob("adapter_model*.safetensors"))]
        parts.append(_json_digest(source.adapter / "adapter_config.json", SILENT_ADAPTER_KEYS))
    return _join([*parts, *hash_files(files, report)])


def _tokenizer_digest(source: Source) -> str:
    if source.gguf is not None:
        path = source.folder / source.gguf
        return _join(["gguf", hash_file(path), *(["begins with BOS"] if wants_bos(path) else [])])
    parts = []
    for path in source.tokenizer_files():
        is_config = path.name == "tokenizer_config.json"
        parts.append(path.name)
        parts.append(_json_digest(path, SILENT_TOKENIZER_KEYS) if is_config else hash_file(path))
    return _join(parts)


def _json_digest(path: Path, silent: set[str]) -> str:
    content = json.loads(path.read_text(encoding="utf-8"))
    kept = {key: value for key, value in content.items() if key not in silent}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def _join(parts: list[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
