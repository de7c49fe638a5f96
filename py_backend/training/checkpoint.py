"""A trainer's state between two steps, as files: trained weights and optimizer state in safetensors, the rest in JSON.

Everything random in training is seeded per micro-batch by the client and nothing else is remembered between steps, so
weights, optimizer state and the number of the committed step decide what comes next, bit for bit.

| file                            | what                                                                              |
|---------------------------------|-----------------------------------------------------------------------------------|
| trainer.json                    | format, committed step, optimizer, numbers of its state that are no tensors       |
| policy-00001.safetensors, ...   | trained weights by their names in the model; of half-precision ones, the masters  |
| optimizer-00001.safetensors ... | optimizer state as NAME/KEY                                                       |
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from ..faults import Fault

FORMAT = 1
FACTS = "trainer.json"
SHARD_BYTES = 256 << 20  # of a file: what is held twice while it is written

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy in CPU memory, safe from what the trainer does next.

    numbers: of each parameter's optimizer state, what is no tensor.
    """

    step: int
    optimizer: str
    policy: Tensors
    state: Tensors
    numbers: dict[str, dict[str, float]]

    @property
    def size(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.nbytes for tensor in (*self.policy.values(), *self.state.values()))

    def files(self) -> Iterator[tuple[str, bytes]]:
        """One at a time, so that only one is in memory twice."""
        facts = {"format": FORMAT, "step": self.step, "optimizer": self.optimizer, "numbers": self.numbers}
        yield FACTS, json.dumps(facts, indent=2, sort_keys=True).encode()
        for kind, tensors in (("policy", self.policy), ("optimizer", self.state)):
            for number, shard in enumerate(_shards(tensors), 1):
                yield f"{kind}-{number:05}.safetensors", save(shard)


def read_snapshot(folder: Path) -> Snapshot:
    """Raises CHECKPOINT_INVALID for files that are missing or damaged, or of a later format."""
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        if facts["format"] != FORMAT:
            raise invalid(f"got format {facts['format']}, expected {FORMAT}: it was written by a later version of mrpo")
        return Snapshot(
            step=facts["step"],
            optimizer=facts["optimizer"],
            policy=_read(folder, "policy"),
            state=_read(folder, "optimizer"),
            numbers=facts["numbers"],
        )
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise invalid(f"{type(error).__name__}: {error}") from error


def copies(tensors: Tensors) -> Tensors:
    """Copies in CPU memory, none of them a view of the original."""
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}


def check_fit(what: str, kept: Tensors, places: Tensors) -> None:
    """Raises CHECKPOINT_INVALID unless every tensor has a place of its shape and type, and every place a tensor."""
    differing = sorted(kept.keys() ^ places.keys())
    if differing:
        where = "the checkpoint" if differing[0] in kept else "the trainer"
        raise invalid(f"{what}: {len(differing)} tensors are on one side only; {differing[0]} is only in {where}")
    for name, place in places.items():
        if (kept[name].shape, kept[name].dtype) != (place.shape, place.dtype):
            raise invalid(f"{what} {name}: got {describe(kept[name])}, expected {describe(place)}")


@torch.no_grad()
def put(kept: Tensors, places: Tensors) -> None:
    """Copies kept values into the tensors of the same names, in place."""
    for name, place in places.items():
        place.copy_(kept[name])


def describe(tensor: torch.Tensor) -> str:
    """Number format and shape of a tensor, for messages."""
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def invalid(message: str) -> Fault:
    """The CHECKPOINT_INVALID fault."""
    return Fault("CHECKPOINT_INVALID", f"checkpoint: {message}; nothing was loaded")


def _shards(tensors: Tensors) -> Iterator[Tensors]:
    shard: Tensors = {}
    size = 0
    for name, tensor in tensors.items():
        if shard and size + tensor.nbytes > SHARD_BYTES:
            yield shard
            shard, size = {}, 0
        shard[name] = tensor
        size += tensor.nbytes
    if shard:
        yield shard


def _read(folder: Path, kind: str) -> Tensors:
    tensors: Tensors = {}
    for path in sorted(folder.glob(f"{kind}-*.safetensors")):
        tensors |= load_file(str(path))
    return tensors


def tensors_of(state: dict[str, dict[str, Any]]) -> Tensors:
    """The tensors of an optimizer's state, as NAME/KEY. They are the optimizer's own."""
    return {
        f"{name}/{key}": value
        for name, values in state.items()
        for key, value in values.items()
        if isinstance(value, torch.Tensor)
    }


def numbers_of(state: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """What of an optimizer's state is no tensor, by parameter."""
    found = {
        name: {key: value for key, value in values.items() if not isinstance(value, torch.Tensor)}
        for name, values in state.items()
    }
    return {name: numbers for name, numbers in found.items() if numbers}
