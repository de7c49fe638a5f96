"""The verbs of the backend on plain values (`values`): no protocol, no event loop. Every method that touches a model is
called on the device thread; `identify`, `tokenize`, `encode_prompts` and `read_tasks` need no device and run beside
it."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import torch

from .devices import pick_device
from .engine import UnsupportedModel, build_engine
from .engine.errors import is_out_of_memory
from .evaluation.evaluate import evaluate
from .evaluation.spec import Evaluated, EvaluationSpec, TaskDocuments
from .evaluation.tasks import BuiltTask, build_tasks
from .export import Exported, ExportSpec, export
from .faults import Fault
from .generation import EncodedPrompt, Generation, Prompt, Sampling, encode_prompts, generate
from .memory import release_memory
from .models.context import context_length
from .models.identity import ModelIdentity, identify
from .models.load import chat_template_of, embeddings, load_model, load_tokenizer
from .models.source import Source, find_source
from .models.spec import ModelSpec
from .progress import Progress, Report
from .readings import readings
from .registry import HeldModel, Registry, RowSet
from .roots import Roots
from .scoring import score_rows
from .tokens.encode import TextEncoder
from .tokens.pair_text import PairText, TokenRule
from .tokens.rows import RowFacts, build_row
from .training.checkpoint import Snapshot, read_snapshot
from .training.ledger import conflict
from .training.optimizers import bytes_to_come
from .training.policy import Policy, check_policy, create_policy, remove_policy
from .training.raw_weights import read_raw
from .training.trainer import StepDone, Trainer
from .values import CreatedTrainer, Forwarded, LoadedModel, OpenedTrainer, ServerInfo, TrainerClient, TrainerSpec

log = logging.getLogger("mrpo")
SCORE_TOKENS = 8192


class Backend:
    """One per process: it holds the models."""

    def __init__(self, roots: Roots, device: torch.device | None = None) -> None:
        self.device = device or pick_device()
        self.incarnation = secrets.token_hex(8)
        self.roots = roots
        self.registry = Registry()

    def identify(self, spec: ModelSpec, report: Report) -> ModelIdentity:
        """Content identity of a model that need not be loaded; progress is reported in bytes hashed."""
        source = find_source(spec, self.roots)
        encoder = TextEncoder(load_tokenizer(spec, source))
        return self._identity(spec, source, encoder, report)

    def _identity(self, spec: ModelSpec, source: Source, encoder: TextEncoder, report: Report) -> ModelIdentity:
        template = chat_template_of(encoder.tokenizer)
        return identify(spec, source, template, readings(source, encoder), self.device, report)

    def info(self) -> ServerInfo:
        """Facts about device, versions and memory as they are now."""
        return ServerInfo.of(self.device)

    def load(self, spec: ModelSpec, report: Report) -> LoadedModel:
        """Brings a model into memory and keeps it until `unload`. Raises Fault for what cannot be a model of this
        engine."""
        source = find_source(spec, self.roots)
        size = sum(path.stat().st_size for path in source.weight_files())
        report(Progress("load", 0, size, "bytes"))
        loaded = load_model(spec, source, self.device)
        report(Progress("load", size, size, "bytes"))
        encoder = TextEncoder(loaded.tokenizer, embeddings(loaded))
        identity = self._identity(spec, source, encoder, report)
        try:
            engine = build_engine(loaded.model)
        except UnsupportedModel as error:
            raise Fault("MODEL_INVALID", f"model {spec.source}: {error}") from error
        held = HeldModel(
            self.registry.new_handle("model"),
            loaded,
            identity,
            engine,
            encoder,
        )
        facts = LoadedModel.of(held.handle, loaded, identity, engine)
        held.memory_bytes = facts.memory_bytes
        self.registry.add_model(held)
        log.info("loaded %s as %s (%s, layout %s)", spec.source, held.handle, identity.numeric_path, engine.layout)
        return facts

    def unload(self, handle: str) -> None:
        """Frees a model with its row sets and its trainer. An unknown handle is no error."""
        self.registry.drop_model(handle)
        release_memory()

    def open_rows(self, model_handle: str, rule: TokenRule) -> str:
        """An empty row set on a model; gives its handle. Raises ROW_INVALID for a `max_length` below 2 or above the
        context."""
        held = self.registry.model(model_handle)
        if rule.max_length < 2:
            raise Fault("ROW_INVALID", f"max_length: expected at least 2 tokens, got {rule.max_length}")
        context = context_length(held.loaded.base.config)
        if 0 < context < rule.max_length:
            raise Fault(
                "ROW_INVALID",
                f"max_length: got {rule.max_length}; {held.loaded.spec.source} reads at most {context} tokens",
                f"Set data.max_length to {context} or less: past its last position a model's numbers mean nothing.",
            )
        return self.registry.add_row_set(RowSet(model_handle, rule))

    def tokenize(self, row_set: str, pairs: list[PairText], check: Callable[[], None]) -> list[RowFacts]:
        """`check` is called between rows and may raise to stop."""
        rows = self.registry.row_set(row_set)
        encoder = self.registry.model(rows.model_handle).encoder
        built = []
        for pair in pairs:
            check()
            built.append(build_row(encoder, pair, rows.rule, len(rows.rows) + len(built)))
        facts = [row.facts for row in built]
        rows.rows.extend(built)
        return facts

    def score(
        self,
        row_set: str,
        indices: list[int],
        adapter_off: bool,
        give: Callable[[list[int], list[float], Progress], None],
    ) -> None:
        """Log-probs of rows without gradients; all usable rows where `indices` is empty. `give` gets, per batch, row
        indices,
        log-probs in nats (chosen, rejected of each row in turn) and the progress in rows."""
        rows = self.registry.row_set(row_set)
        held = self.registry.model(rows.model_handle)
        wanted = rows.check(indices) if indices else rows.usable()
        done = 0

        def give_counted(batch: list[int], logps: list[float]) -> None:
            nonlocal done
            done += len(batch)
            give(batch, logps, Progress("score", done, len(wanted), "rows"))

        def run() -> None:
            held.loaded.model.eval()
            trainer = held.trainer and self.registry.trainer(held.trainer)
            with trainer.algorithms() if trainer else nullcontext():
                score_rows(held.engine, rows.rows, wanted, give_counted, SCORE_TOKENS)

        with_adapter(held.policy, adapter_off, run)

    def tokens_of(self, row_set: str, indices: Sequence[int]) -> int:
        """Tokens of rows: both responses, and the prompt that they share once."""
        rows = self.registry.row_set(row_set).rows
        return sum(len(row.prefix) + len(row.chosen) + len(row.rejected) for row in map(rows.__getitem__, indices))

    def encode_prompts(self, handle: str, prompts: list[Prompt], check: Callable[[], None]) -> list[EncodedPrompt]:
        """Token ids of prompts, in their order. `check` is called between prompts and may raise to stop."""
        held = self.registry.model(handle)
        return encode_prompts(held.encoder, prompts, context_length(held.loaded.base.config), check)

    def generate(
        self,
        handle: str,
        prompts: list[EncodedPrompt],
        sampling: Sampling,
        adapter_off: bool,
        give: Callable[[Generation], None],
        check: Callable[[], None],
    ) -> None:
        """One answer per prompt, in any order; `give` gets each when it is finished. Raises UNSUPPORTED for more new
        tokens than the
        model's context has."""
        held = self.registry.model(handle)
        context = context_length(held.loaded.base.config)
        if 0 < context < sampling.max_new_tokens:
            raise Fault(
                "UNSUPPORTED",
                f"max_new_tokens: got {sampling.max_new_tokens}, the model's context has {context} tokens",
            )
        run = lambda: generate(held.loaded, held.encoder, prompts, sampling, give, check)  # noqa: E731
        with_adapter(held.policy, adapter_off, run)

    def read_tasks(self, handle: str, spec: EvaluationSpec, check: Callable[[], None]) -> list[BuiltTask]:
        """Task objects with their data. Needs no device. Raises UNSUPPORTED, DATASET_NOT_FOUND."""
        self.registry.model(handle)
        return build_tasks(spec, self.roots, check)

    def evaluate(
        self,
        handle: str,
        spec: EvaluationSpec,
        tasks: list[BuiltTask],
        adapter_off: bool,
        report: Report,
        give: Callable[[TaskDocuments], None],
        check: Callable[[], None],
    ) -> Evaluated:
        """Scores of tasks under the model as it stands or its start. Raises ROW_INVALID for an over-long prompt."""
        held = self.registry.model(handle)
        result: list[Evaluated] = []
        run = lambda: result.append(evaluate(held.loaded, spec, tasks, report, give, check))  # noqa: E731
        with_adapter(held.policy, adapter_off, run)
        return result[0]

    def create_trainer(self, handle: str, spec: TrainerSpec) -> CreatedTrainer:
        """One trainer per model; a policy that an earlier, closed trainer left on the model is taken off."""
        held = self.registry.model(handle)
        if held.trainer is not None:
            raise Fault("UNSUPPORTED", f"model {handle!r} has a trainer already", "Close it, or load the model again.")
        check_policy(held.loaded, spec.lora)
        if held.policy is not None:
            remove_policy(held.loaded, held.policy)
            held.policy = None
        policy = create_policy(held.loaded, spec.lora, spec.seed)
        held.loaded.model = policy.model
        held.policy = policy
        try:
            gradients, state = bytes_to_come(spec.optimizer, policy.parameters())
            held.engine = build_engine(
                policy.model,
                checkpointing=spec.checkpointing,
                reserve_bytes=gradients + state,
                longest=self.registry.longest_of(handle),
            )
            trainer = Trainer(handle, policy, held.engine, spec.seed, spec.optimizer, spec.deterministic)
            held.engine.reserve_bytes = gradients  # the state is there by now
            micro_batch_tokens = held.engine.micro_batch_tokens()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise Fault("OUT_OF_MEMORY", f"trainer of {handle!r}: {error}") from None
        return CreatedTrainer(
            handle=self.registry.add_trainer(held, trainer),
            trainable_parameters=sum(parameter.numel() for parameter in policy.parameters()),
            checkpointing=held.engine.checkpointing,
            micro_batch_tokens=micro_batch_tokens,
            saturating_tokens=held.engine.saturating_tokens(),
            trained_modules=policy.trained_modules(),
            deterministic=spec.deterministic,
        )

    def close_trainer(self, handle: str) -> None:
        """Frees optimizer and graphs; the model stays, with its adapter. An unknown handle is no error."""
        self.registry.drop_trainer(handle)
        release_memory()

    def open_trainer(self, trainer_handle: str, row_set: str) -> OpenedTrainer:
        """A client takes over: what another one left open is dropped, and it may speak no more."""
        trainer = self.registry.trainer(trainer_handle)
        if self.registry.row_set(row_set).model_handle != trainer.model_handle:
            raise Fault("UNKNOWN_HANDLE", f"row set {row_set!r} belongs to another model than the trainer")
        client = TrainerClient(trainer_handle, row_set, trainer.open())
        return OpenedTrainer(client, trainer.committed_step, trainer.last_commit)

    def forward(self, client: TrainerClient, step: int, micro_batch: int, rows: list[int], seed: int) -> Forwarded:
        """Runs the policy on pairs and keeps the graph. seed: of the dropout masks."""
        trainer = self._trainer_of(client)
        pairs = self.registry.row_set(client.row_set).pairs(rows)
        logps, seconds = trainer.forward(step, micro_batch, pairs, seed, rows)
        return Forwarded(logps[0::2], logps[1::2], seconds)

    def backward(
        self, client: TrainerClient, step: int, micro_batch: int, chosen: Sequence[float], rejected: Sequence[float]
    ) -> float:
        """chosen, rejected: +dL/dlogp in the order of the rows; nothing is divided. Returns the seconds it took."""
        trainer = self._trainer_of(client)
        if len(chosen) != len(rejected):
            raise conflict(
                f"backward of micro-batch {micro_batch}: got {len(chosen)} chosen and {len(rejected)} rejected "
                "gradients, expected one of each per row"
            )
        interleaved = [gradient for pair in zip(chosen, rejected, strict=True) for gradient in pair]
        return trainer.backward(step, micro_batch, interleaved)

    def commit(
        self,
        client: TrainerClient,
        step: int,
        micro_batches: list[int],
        learning_rate: float,
        weight_decay: float,
        max_grad_norm: float,
    ) -> StepDone:
        """One optimizer step of exactly these micro-batches. max_grad_norm: 0 = no clipping."""
        return self._trainer_of(client).commit(step, micro_batches, learning_rate, weight_decay, max_grad_norm)

    def abort(self, client: TrainerClient, step: int) -> None:
        """Drops the open step: graphs and gradients."""
        self._trainer_of(client).abort(step)

    def leave_trainer(self, client: TrainerClient) -> None:
        """The client is gone: what it left open is dropped, unless the trainer is, or another client has taken over."""
        with suppress(Fault):
            self._trainer_of(client).drop_step()

    def free_abandoned(self, client: TrainerClient) -> bool:
        """Frees the trainer with its model if the client that left it is still the last one. Whether it did."""
        try:
            trainer = self._trainer_of(client)
        except Fault:
            return False
        self.unload(trainer.model_handle)
        return True

    def _trainer_of(self, client: TrainerClient) -> Trainer:
        trainer = self.registry.trainer(client.trainer)
        if trainer.client != client.number:
            raise conflict("another client has opened this trainer")
        return trainer

    def snapshot(self, trainer_handle: str, step: int) -> Snapshot:
        """A copy of the trainer's state after the committed `step`; the trainer may go on meanwhile."""
        return self.registry.trainer(trainer_handle).snapshot(step)

    def restore(self, trainer_handle: str, folder: Path) -> int:
        """Reads a checkpoint's files and puts them on the trainer. Gives the step they were made after."""
        trainer = self.registry.trainer(trainer_handle)
        snapshot = read_snapshot(folder)
        trainer.restore(snapshot)
        return snapshot.step

    def export(self, handle: str, spec: ExportSpec, raw_folder: str, report: Report) -> Exported:
        """raw_folder: where an earlier export left trained weights, which become this model's policy."""
        held = self.registry.model(handle)
        if raw_folder:
            if held.policy is not None:
                raise Fault("UNSUPPORTED", f"model {handle!r} has a policy already", "Load the model again.")
            held.policy = read_raw(held.loaded, self.roots.check(Path(raw_folder), "kept weights"))
        pairs = self.registry.pairs_of(handle)
        return export(held.loaded, held.policy, replace(spec, pairs=pairs), self.roots, report)

    @property
    def process_id(self) -> int:
        """What a client on this machine looks up to see whether this process still lives."""
        return os.getpid()


def with_adapter(policy: Policy | None, off: bool, run: Callable[[], None]) -> None:
    """Runs with the trained adapter on, or off; a model without one is its own start."""
    if policy is None or not off:
        run()
        return
    with policy.off():
        run()
