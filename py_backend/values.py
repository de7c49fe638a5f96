"""Plain values that the verbs of a Backend take and give: no tensors and no messages, so that they may come from one
process or from many."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from . import __version__, info
from .engine import Engine
from .memory import device_memory, peak_memory_bytes
from .models.context import context_length
from .models.identity import ModelIdentity
from .models.load import Loaded, chat_template_of
from .training.optimizers import OptimizerSpec
from .training.policy import LoraSpec
from .training.trainer import StepDone


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Bytes of memory are of the device, or of the machine where there is none."""

    server_version: str
    device: str
    device_name: str
    device_memory_bytes: int
    device_memory_free_bytes: int
    threads: int
    versions: dict[str, str]
    capabilities: list[str]
    peak_memory_bytes: int

    @staticmethod
    def of(device: torch.device) -> ServerInfo:
        """As it is now: free memory and peak change from call to call."""
        total, free = device_memory(device)
        return ServerInfo(
            server_version=__version__,
            device=str(device),
            device_name=info.device_name(device),
            device_memory_bytes=total,
            device_memory_free_bytes=free,
            threads=torch.get_num_threads(),
            versions=info.versions(),
            capabilities=info.capabilities(),
            peak_memory_bytes=peak_memory_bytes(device),
        )


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """memory_bytes: the weights, without copies made for speed. context_length: 0 = not known."""

    handle: str
    identity: ModelIdentity
    architecture: str
    parameters: int
    vocabulary: int
    layers: int
    hidden_size: int
    has_chat_template: bool
    memory_bytes: int
    context_length: int
    layout: str
    layout_note: str
    dtype: str
    notes: tuple[str, ...]

    @staticmethod
    def of(handle: str, loaded: Loaded, identity: ModelIdentity, engine: Engine) -> LoadedModel:
        """Facts of a model that has just been loaded; sizes are those of its text part."""
        base = loaded.base
        config = base.config.get_text_config()
        return LoadedModel(
            handle=handle,
            identity=identity,
            architecture=type(base).__name__,
            parameters=base.num_parameters(),
            vocabulary=config.vocab_size,
            layers=config.num_hidden_layers,
            hidden_size=config.hidden_size,
            has_chat_template=bool(chat_template_of(loaded.tokenizer)),
            memory_bytes=base.get_memory_footprint(return_buffers=False),
            context_length=context_length(base.config),
            layout=engine.layout,
            layout_note=engine.layout_note,
            dtype=str(base.dtype).removeprefix("torch."),
            notes=loaded.notes,
        )


@dataclass(frozen=True, slots=True)
class TrainerSpec:
    """lora: None = full fine-tuning. checkpointing: off, selective, full, auto. deterministic: see `determinism`."""

    lora: LoraSpec | None
    seed: int
    optimizer: OptimizerSpec
    checkpointing: str
    deterministic: bool = False


@dataclass(frozen=True, slots=True)
class CreatedTrainer:
    """checkpointing: what is in force. micro_batch_tokens, saturating_tokens: see the engine. deterministic: as asked
    for."""

    handle: str
    trainable_parameters: int
    checkpointing: str
    micro_batch_tokens: int
    saturating_tokens: int
    trained_modules: list[str]
    deterministic: bool


@dataclass(frozen=True, slots=True)
class TrainerClient:
    """Who speaks to a trainer: the handles it opened, and its number among the trainer's clients, of which only the
    latest may speak. Handles and not objects: what is freed meanwhile is not kept alive by a client."""

    trainer: str
    row_set: str
    number: int


@dataclass(frozen=True, slots=True)
class OpenedTrainer:
    """committed_step: 0 at the start. last_commit: of that step, for a client that lost the answer."""

    client: TrainerClient
    committed_step: int
    last_commit: StepDone | None


@dataclass(frozen=True, slots=True)
class Forwarded:
    """Log-probs in nats, summed over response tokens, in the order of the rows; they may be non-finite."""

    chosen_logps: list[float]
    rejected_logps: list[float]
    seconds: float
