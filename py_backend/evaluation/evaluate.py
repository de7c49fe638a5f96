"""Runs tasks on a loaded model, and turns what the harness gives into plain values."""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from ..models.load import Loaded
from ..progress import Report
from .harness import harness_version
from .spec import Evaluated, EvaluationSpec, Metric, TaskDocuments, TaskScore
from .tasks import BuiltTask
from .watched import watched_model

SEED = 1234
"""Of the choice of examples, as on the harness's own command line."""


def evaluate(
    loaded: Loaded,
    spec: EvaluationSpec,
    tasks: list[BuiltTask],
    report: Report,
    give: Callable[[TaskDocuments], None],
    check: Callable[[], None],
) -> Evaluated:
    """One task after another, each as if it were alone. `give` gets the documents of each task; `check` is called
    between batches and may raise to stop. Raises ROW_INVALID for a prompt that is longer than the model reads."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    scores: list[TaskScore] = []
    # The tasks are made already; without a manager the harness would index all of its own for each of them.
    manager = TaskManager(include_defaults=False)
    with undisturbed(loaded.model), without_machine_report():
        model = watched_model(loaded, spec.batch_size, report, check)
        for choice, task in tasks:
            model.task = choice.name
            found = simple_evaluate(
                model=model,
                tasks=[task],
                task_manager=manager,
                num_fewshot=choice.num_fewshot,
                limit=spec.limit or None,
                random_seed=0,
                numpy_random_seed=SEED,
                torch_random_seed=SEED,
                fewshot_random_seed=SEED,
            )
            documents = [documents_of(name, samples) for name, samples in found["samples"].items()]
            for part in documents:
                give(part)
            scores += scores_of(found, {part.task: part for part in documents}, choice.name)
        settings = {
            "lm_eval": harness_version(),
            "batch_size": str(spec.batch_size),
            "limit": str(spec.limit),
            "max_length": str(model.max_length),
            "dtype": str(loaded.base.dtype).removeprefix("torch."),
            "bos": "added" if adds_bos(model.tokenizer) else "not added",
            "chat_template": "not applied",
        }
    return Evaluated(tuple(scores), settings)


@contextmanager
def without_machine_report() -> Iterator[None]:
    """The harness describes the machine in each result: seconds of `pip list` a task, for words that are not kept."""
    from lm_eval import evaluator

    kept = evaluator.add_env_info
    evaluator.add_env_info = lambda _results: None
    try:
        yield
    finally:
        evaluator.add_env_info = kept


def scores_of(found: dict[str, Any], documents: dict[str, TaskDocuments], source: str) -> list[TaskScore]:
    """Groups come before their parts, as the harness orders them."""
    parts = found.get("group_subtasks", {})
    return [
        TaskScore(
            task=name,
            version=str(found["versions"].get(name, "")),
            num_fewshot=int(found["n-shot"].get(name) or 0),
            documents=documents_in(name, found),
            content=content_of(documents[name]) if name in documents else "",
            metrics=metrics_of(values),
            parts=tuple(parts.get(name, ())),
            source=source,
        )
        for name, values in found["results"].items()
    ]


def documents_in(name: str, found: dict[str, Any]) -> int:
    """Documents that were asked of a task, or of all tasks of a group."""
    counts = found["n-samples"]
    if name in counts:
        return int(counts[name]["effective"])
    return sum(documents_in(part, found) for part in found.get("group_subtasks", {}).get(name, ()))


def metrics_of(values: dict[str, Any]) -> tuple[Metric, ...]:
    """From keys like "exact_match,strict-match" and "exact_match_stderr,strict-match"."""
    found = []
    for key, value in values.items():
        name, comma, kind = key.partition(",")
        if not comma or name.endswith("_stderr") or not is_number(value):
            continue
        error = values.get(f"{name}_stderr,{kind}")
        found.append(Metric(name, kind, float(value), float(error) if is_number(error) else math.nan))
    return tuple(found)


def documents_of(name: str, samples: list[dict[str, Any]]) -> TaskDocuments:
    """The harness's samples without texts: hashes, filter and metrics."""
    kept = ("doc_id", "filter", "doc_hash", "prompt_hash", "target_hash")
    return TaskDocuments(
        name,
        [
            {
                **{key: sample[key] for key in kept},
                "metrics": {key: plain(sample[key]) for key in sample["metrics"]},
            }
            for sample in samples
        ],
    )


def content_of(part: TaskDocuments) -> str:
    """SHA-256 of every prompt and target in the order of the documents."""
    lines = sorted({(each["doc_id"], each["prompt_hash"], each["target_hash"]) for each in part.documents})
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()


def plain(value: Any) -> Any:
    """A number of NumPy as Python's own; what is no number as text."""
    if isinstance(value, (bool, np.bool_)):
        return float(value)
    return (
        float(value)
        if is_number(value)
        else [plain(part) for part in value]
        if isinstance(value, (list, tuple))
        else str(value)
    )


def is_number(value: Any) -> bool:
    """Python's own numbers and NumPy's."""
    return isinstance(value, (int, float, np.integer, np.floating))


def adds_bos(tokenizer: Any) -> bool:
    """Whether a text gets a beginning-of-sequence token by itself."""
    ids = tokenizer.encode("a")
    return bool(ids) and tokenizer.bos_token_id is not None and ids[0] == tokenizer.bos_token_id


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """The harness seeds every global generator and puts the model in eval mode; training goes on as if it had not."""
    training = {name: module.training for name, module in model.named_modules()}
    # NumPy's global generator is the one that the harness seeds.
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.set_rng_state(states[2])
        if cuda:
            torch.cuda.set_rng_state_all(cuda)
        for name, module in model.named_modules():
            module.training = training.get(name, module.training)
