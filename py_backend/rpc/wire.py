"""Protocol messages to plain values and back: the only place that knows both."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb

from ..backend import Backend
from ..evaluation.spec import BATCH_SIZE, Evaluated, EvaluationSpec, TaskChoice, TaskDocuments
from ..export import Exported, ExportSpec
from ..faults import Fault
from ..generation import Generation, Prompt, Sampling
from ..models.identity import ModelIdentity
from ..models.spec import DTYPES, ModelSpec
from ..progress import Progress
from ..tokens.pair_text import Message, PairText, TokenRule
from ..tokens.rows import RowFacts
from ..training.optimizers import OPTIMIZERS, OptimizerSpec
from ..training.policy import LoraSpec
from ..training.trainer import StepDone
from ..values import CreatedTrainer, Forwarded, LoadedModel, OpenedTrainer, TrainerSpec
from .checkpoint_files import FilePiece
from .holders import Holders

PROTOCOL_VERSION = 2
MAX_MESSAGE_BYTES = 16 << 20
QUANTIZATIONS = {
    pb.QUANTIZATION_UNSPECIFIED: "none",
    pb.QUANTIZATION_NF4: "nf4",
    pb.QUANTIZATION_INT8: "int8",
}
TRUNCATIONS = {
    pb.TRUNCATION_UNSPECIFIED: "keep_start",
    pb.TRUNCATION_KEEP_START: "keep_start",
    pb.TRUNCATION_DROP: "drop",
    pb.TRUNCATION_PAPER: "paper",
    pb.TRUNCATION_KEEP_END_OF_PROMPT: "keep_end_of_prompt",
}
NAMES = {dict: "a JSON object", list: "a JSON list"}
MOST_RANK = 8192
CHECKPOINTING = ("off", "selective", "full", "auto")


def one_of(what: str, value: object, known: Iterable[object]) -> None:
    """Raises UNSUPPORTED for a value this build does not know: an option is never dropped silently."""
    if value not in known:
        raise Fault("UNSUPPORTED", f"{what}: got {value!r}, expected one of {', '.join(map(str, known))}")


def server_info(backend: Backend, holders: Holders) -> pb.GetServerInfoResponse:
    """Facts of device and build, and this process's own: protocol version, incarnation, limits, models in memory."""
    value = backend.info()
    return pb.GetServerInfoResponse(
        protocol_version=PROTOCOL_VERSION,
        incarnation=backend.incarnation,
        process_id=backend.process_id,
        max_message_bytes=MAX_MESSAGE_BYTES,
        client_grace_seconds=holders.grace_s,
        models=[
            pb.HeldModel(
                model_handle=held.handle,
                source=held.loaded.spec.source,
                memory_bytes=held.memory_bytes,
                away_seconds=holders.away_s(held.handle),
            )
            for held in backend.registry.models()
        ],
        **{field.name: getattr(value, field.name) for field in fields(value)},
    )


def model_spec(message: pb.ModelSpec) -> ModelSpec:
    """Raises Fault for a quantisation or number format that is not known, and for an empty source."""
    one_of("quantization", message.quantization, QUANTIZATIONS)
    one_of("dtype", message.dtype, ("", *DTYPES))
    if not message.source:
        raise Fault("MODEL_NOT_FOUND", "model: expected a folder, a hub id or a .gguf file, got nothing")
    return ModelSpec(
        source=message.source,
        revision=message.revision,
        adapter=message.adapter,
        quantization=QUANTIZATIONS[message.quantization],
        dtype=message.dtype,
        chat_template=message.chat_template,
        attention=message.attention,
        tokenizer=message.tokenizer,
        tokenizer_revision=message.tokenizer_revision,
    )


def progress(value: Progress) -> pb.Progress:
    """`done` of `total` in `unit`s; 0 of `total` means not known."""
    return pb.Progress(stage=value.stage, done=value.done, total=value.total, unit=value.unit)


def identity(value: ModelIdentity) -> pb.ModelIdentity:
    """Digests as hex digits."""
    return pb.ModelIdentity(
        weights=value.weights,
        tokenizer=value.tokenizer,
        chat_template=value.chat_template,
        numeric_path=value.numeric_path,
        revision=value.revision,
    )


def loaded_model(value: LoadedModel) -> pb.LoadedModel:
    """Every fact of the value; its handle is called `model_handle`."""
    facts = {field.name: getattr(value, field.name) for field in fields(value)}
    return pb.LoadedModel(model_handle=facts.pop("handle"), identity=identity(facts.pop("identity")), **facts)


def token_rule(message: pb.RegisterRowsRequest.Open) -> TokenRule:
    """Empty fields become their defaults: chat template, assistant turns. Raises Fault for values that are not
    known."""
    one_of("truncation", message.truncation, TRUNCATIONS)
    one_of("template", message.template, ("", "chat", "paper"))
    one_of("score_turns", message.score_turns, ("", "assistant", "all"))
    return TokenRule(
        max_length=message.max_length,
        truncation=TRUNCATIONS[message.truncation],
        template=message.template or "chat",
        return_tokens=message.return_tokens,
        score_turns=message.score_turns or "assistant",
    )


def messages(listed: Iterable[pb.Message]) -> list[Message]:
    """Role, text and whatever else a chat template may read. Raises Fault for `extra_json` that is no JSON object."""
    return [Message(message.role, message.content, extra(message.extra_json)) for message in listed]


def extra(text: str) -> dict[str, Any] | None:
    """What a message holds beyond role and text. Raises ROW_INVALID."""
    value = from_json(text, "extra_json", dict)
    if value is not None and "role" in value:
        raise Fault("ROW_INVALID", "extra_json: the role of a message stands in its own field")
    return value or None


def from_json(text: str, name: str, kind: type) -> Any:
    """None for empty text. Raises ROW_INVALID."""
    if not text:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Fault("ROW_INVALID", f"{name}: not JSON: {error}") from None
    if not isinstance(value, kind):
        raise Fault("ROW_INVALID", f"{name}: expected {NAMES[kind]}, got {text[:60]!r}")
    return value


def pair_text(message: pb.PairText) -> PairText:
    """Tools are a list or None. Raises Fault for `tools_json` that is no JSON list."""
    sides = (messages(side) for side in (message.prompt, message.chosen, message.rejected))
    return PairText(*sides, message.plain, from_json(message.tools_json, "tools_json", list) or None)


def row_facts(facts: RowFacts) -> pb.RowFacts:
    """Stretches of context become one flat list: start, end, start..."""
    return pb.RowFacts(
        prompt_tokens=facts.prompt_tokens,
        chosen_tokens=facts.chosen_tokens,
        rejected_tokens=facts.rejected_tokens,
        context_tokens=facts.context_tokens,
        truncated_prompt=facts.truncated_prompt,
        truncated_chosen=facts.truncated_chosen,
        truncated_rejected=facts.truncated_rejected,
        boundary_split=facts.boundary_split,
        unusable=facts.unusable,
        rendered_prompt=facts.rendered[0],
        rendered_chosen=facts.rendered[1],
        rendered_rejected=facts.rendered[2],
        prompt_pieces=facts.pieces[0],
        chosen_pieces=facts.pieces[1],
        rejected_pieces=facts.pieces[2],
        left_out=facts.left_out,
        chosen_context=[border for stretch in facts.context[0] for border in stretch],
        rejected_context=[border for stretch in facts.context[1] for border in stretch],
    )


def scores(rows: list[int], logps: list[float], value: Progress) -> pb.ScoreResponse:
    """`logps` holds chosen and rejected of each row in turn, in nats."""
    return pb.ScoreResponse(rows=rows, chosen_logps=logps[0::2], rejected_logps=logps[1::2], progress=progress(value))


def prompts(message: pb.GenerateRequest) -> list[Prompt]:
    """In their order. Raises Fault for `tools_json` that is no JSON list."""
    return [
        Prompt(messages(prompt.messages), prompt.plain, from_json(prompt.tools_json, "tools_json", list) or None)
        for prompt in message.prompts
    ]


def sampling(message: pb.GenerateRequest) -> Sampling:
    """A `top_p` of 0 means 1. Raises UNSUPPORTED for values outside their range."""
    if message.max_new_tokens < 1:
        raise Fault("UNSUPPORTED", f"max_new_tokens: expected at least 1, got {message.max_new_tokens}")
    if not 0 <= message.temperature < math.inf or not 0 <= message.top_p <= 1:
        raise Fault("UNSUPPORTED", f"sampling: got temperature {message.temperature} and top_p {message.top_p}")
    return Sampling(message.max_new_tokens, message.temperature, message.top_p or 1.0, message.seed)


def generation(value: Generation) -> pb.GenerateResponse:
    """Field by field."""
    return pb.GenerateResponse(index=value.index, text=value.text, tokens=value.tokens, finished=value.finished)


def trainer_spec(message: pb.CreateTrainerRequest) -> TrainerSpec:
    """Empty fields become their defaults: adamw, auto. Raises Fault for values outside their range."""
    checkpointing = message.checkpointing or "auto"
    one_of("checkpointing", checkpointing, CHECKPOINTING)
    one_of("optimizer", message.optimizer, ("", *OPTIMIZERS))
    betas = (message.adam_beta1, message.adam_beta2)
    if not all(0 <= beta < 1 for beta in betas) or not 0 <= message.adam_epsilon < math.inf:
        raise Fault(
            "UNSUPPORTED",
            f"optimizer: expected 0 <= adam_beta1, adam_beta2 < 1 and a finite adam_epsilon >= 0, "
            f"got {betas[0]}, {betas[1]} and {message.adam_epsilon}",
        )
    return TrainerSpec(
        lora=_lora(message.lora) if message.HasField("lora") else None,
        seed=message.seed,
        optimizer=OptimizerSpec(
            name=message.optimizer or "adamw",
            beta1=message.adam_beta1,
            beta2=message.adam_beta2,
            epsilon=message.adam_epsilon,
        ),
        checkpointing=checkpointing,
        deterministic=message.deterministic,
    )


def _lora(message: pb.LoraSpec) -> LoraSpec:
    """A scale of 0 would train nothing and say nothing, so it is refused."""
    if not 1 <= message.r <= MOST_RANK or not 0 < message.alpha < math.inf or not 0 <= message.dropout < 1:
        raise Fault(
            "UNSUPPORTED",
            f"lora: expected 1 <= r <= {MOST_RANK}, alpha > 0 and 0 <= dropout < 1, "
            f"got r {message.r}, alpha {message.alpha}, dropout {message.dropout}",
        )
    return LoraSpec(message.r, message.alpha, message.dropout, tuple(message.target_modules))


def created(value: CreatedTrainer) -> pb.CreateTrainerResponse:
    """Field by field; the handle is called `trainer_handle`."""
    return pb.CreateTrainerResponse(
        trainer_handle=value.handle,
        trainable_parameters=value.trainable_parameters,
        checkpointing=value.checkpointing,
        micro_batch_tokens=value.micro_batch_tokens,
        saturating_tokens=value.saturating_tokens,
        trained_modules=value.trained_modules,
        deterministic=value.deterministic,
    )


def opened(value: OpenedTrainer) -> pb.TrainResponse.Opened:
    """With the answer to the last commit, if there was one."""
    message = pb.TrainResponse.Opened(committed_step=value.committed_step)
    if value.last_commit is not None:
        message.last_commit.CopyFrom(step_done(value.committed_step, value.last_commit))
    return message


def forward_result(frame: pb.TrainRequest.Forward, value: Forwarded) -> pb.TrainResponse.ForwardResult:
    """Log-probs in nats, with step and micro-batch of the frame they answer."""
    return pb.TrainResponse.ForwardResult(
        step=frame.step,
        micro_batch=frame.micro_batch,
        chosen_logps=value.chosen_logps,
        rejected_logps=value.rejected_logps,
        seconds=value.seconds,
    )


def export_spec(message: pb.ExportRequest) -> ExportSpec:
    """Field by field."""
    return ExportSpec(
        path=message.path,
        merge=message.merge,
        model_card=message.model_card,
        replace=message.replace,
        raw=message.raw,
        rehearse=message.rehearse,
    )


def exported(value: Exported) -> pb.ExportResponse.Exported:
    """Path as text, names of the files, and the largest difference found by the proof, in nats; absent if nothing was
    compared."""
    return pb.ExportResponse.Exported(path=str(value.path), files=value.files, difference=value.difference)


def step_done(step: int, done: StepDone) -> pb.TrainResponse.StepDone:
    """The answer to a commit of `step`."""
    return pb.TrainResponse.StepDone(
        step=step,
        grad_norm=done.grad_norm,
        seconds=done.seconds,
        peak_memory_bytes=done.peak_memory_bytes,
        skipped=done.skipped,
    )


def piece(value: FilePiece) -> pb.SaveCheckpointResponse.Piece:
    """Field by field."""
    return pb.SaveCheckpointResponse.Piece(file=value.file, data=value.data, sha256=value.sha256)


def evaluation_spec(message: pb.EvaluateRequest) -> EvaluationSpec:
    """Raises UNSUPPORTED for a negative number."""
    for task in message.tasks:
        if task.num_fewshot < 0:
            raise Fault("UNSUPPORTED", f"task {task.name}: num_fewshot: got {task.num_fewshot}, expected 0 or more")
    if message.batch_size < 0 or message.limit < 0:
        raise Fault("UNSUPPORTED", "batch_size, limit: expected 0 or more")
    return EvaluationSpec(
        tasks=tuple(
            TaskChoice(task.name, task.num_fewshot if task.HasField("num_fewshot") else None) for task in message.tasks
        ),
        batch_size=message.batch_size or BATCH_SIZE,
        limit=message.limit,
        data_folder=message.data_folder,
    )


def evaluation_event(event: Progress | TaskDocuments | Evaluated) -> pb.EvaluateResponse:
    """Progress, the documents of a task, or the result."""
    if isinstance(event, Progress):
        return pb.EvaluateResponse(progress=progress(event))
    if isinstance(event, TaskDocuments):
        lines = [json.dumps(document) for document in event.documents]
        return pb.EvaluateResponse(documents=pb.EvaluateResponse.Documents(task=event.task, json=lines))
    scores = [
        pb.EvaluateResponse.Score(
            task=score.task,
            version=score.version,
            num_fewshot=score.num_fewshot,
            documents=score.documents,
            content=score.content,
            metrics=[
                pb.EvaluateResponse.Metric(
                    name=metric.name,
                    filter=metric.filter,
                    value=metric.value,
                    standard_error=metric.standard_error,
                )
                for metric in score.metrics
            ],
            parts=score.parts,
            source=score.source,
        )
        for score in event.scores
    ]
    return pb.EvaluateResponse(evaluated=pb.EvaluateResponse.Evaluated(scores=scores, settings=event.settings))
