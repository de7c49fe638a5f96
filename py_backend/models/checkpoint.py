"""The weight files that transformers reads from a model's folder, as it finds them itself.

One file, or the shards that an index names, which may lie in subfolders. Other *.safetensors at the top of the folder
count too: they are part of what the folder is called.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path

from ..faults import Fault

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
HEADER_LIMIT = 100_000_000  # bytes, as in the safetensors format


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """files: read by transformers or at the top of the folder, sorted by path. index: the index in force, or None.
    weight_map: file by tensor, of that index."""

    files: list[Path]
    index: Path | None
    weight_map: dict[str, str]


def checkpoint(folder: Path) -> Checkpoint:
    """Raises MODEL_INVALID for an index that cannot be read or names what is not there."""
    top = sorted(folder.glob("*.safetensors"))
    index = _index_in_force(folder)
    if index is None:
        explicit = _explicit(folder)
        return Checkpoint(sorted({*top, folder / explicit} if explicit else top), None, {})
    weight_map = _weight_map(index)
    shards = {index.parent / name for name in weight_map.values()}
    for shard in sorted(shards):
        if not shard.is_file():
            raise Fault("MODEL_INVALID", f"{index}: it names {shard.relative_to(index.parent)}, which is not there")
    return Checkpoint(sorted({*top, *shards}), index, weight_map)


def index_adds_nothing(found: Checkpoint) -> bool:
    """Whether the index says no more than the files themselves: every tensor is where it says, and in no other file."""
    if found.index is None:
        return True
    folder = found.index.parent
    holders: dict[str, list[str]] = {}
    for file in found.files:
        if file.parent != folder:
            return False
        for tensor in tensor_names(file):
            holders.setdefault(tensor, []).append(file.name)
    return holders == {tensor: [file] for tensor, file in found.weight_map.items()}


def tensor_names(file: Path) -> list[str]:
    """From the header of a safetensors file. Raises MODEL_INVALID."""
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(min(length, HEADER_LIMIT)))
        return [name for name in header if name != "__metadata__"]
    except (OSError, ValueError, struct.error, TypeError) as error:
        raise Fault("MODEL_INVALID", f"{file}: it is no safetensors file: {error}") from error


def _index_in_force(folder: Path) -> Path | None:
    explicit = _explicit(folder)
    if explicit is not None:
        return folder / explicit if explicit.endswith(".index.json") else None
    if (folder / SINGLE).is_file():
        return None
    return folder / INDEX if (folder / INDEX).is_file() else None


def _explicit(folder: Path) -> str | None:
    """The file that config.json itself names as the weights."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    named = config.get("transformers_weights") if isinstance(config, dict) else None
    if not isinstance(named, str):
        return None
    if not (folder / named).is_file():
        raise Fault(
            "MODEL_INVALID", f"{folder / 'config.json'}: transformers_weights names {named}, which is not there"
        )
    return named


def _weight_map(index: Path) -> dict[str, str]:
    try:
        weight_map = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        if not all(isinstance(name, str) for item in weight_map.items() for name in item):
            raise ValueError("weight_map must name a file for every tensor")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Fault("MODEL_INVALID", f"{index}: it is no index of weights: {type(error).__name__}: {error}") from error
    return weight_map
