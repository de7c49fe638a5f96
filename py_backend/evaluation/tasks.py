"""From names and files to the harness's task objects, with their data read."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ..faults import Fault
from ..roots import Roots
from .harness import require_harness, task_index
from .spec import EvaluationSpec, TaskChoice
from .task_files import is_task_file, read_task, task_files

BuiltTask = tuple[TaskChoice, Any]
"""A choice, and the Task or Group that it names."""

_reading = threading.Lock()


def build_tasks(spec: EvaluationSpec, roots: Roots, check: Callable[[], None]) -> list[BuiltTask]:
    """`check` is called between tasks and may raise to stop. Raises UNSUPPORTED for a name that the harness lacks, a
    file that is no task, data that cannot be read."""
    require_harness()
    if not spec.tasks:
        raise Fault("UNSUPPORTED", "tasks: expected at least one, got none")
    folder = roots.check(spec.data_folder, "data folder") if spec.data_folder else None
    built: list[BuiltTask] = []
    for choice in spec.tasks:
        check()
        if is_task_file(choice.name):
            built += [(choice, read_task(path, roots)) for path in task_files(choice.name, roots)]
        else:
            with _datasets_from(folder, roots):
                built.append((choice, _registered(choice.name)))
    return built


def _registered(name: str) -> Any:
    index = task_index()
    if name not in index.all_tasks:
        near = difflib.get_close_matches(name, index.all_tasks, 3)
        hint = f"Did you mean {' or '.join(near)}?" if near else "A task file needs its path: ./my-task.yaml"
        raise Fault("UNSUPPORTED", f"task {name!r}: lm-evaluation-harness has none of that name", hint)
    try:
        loaded = index.load([name])
    except Fault:
        raise
    except Exception as error:
        raise Fault(
            "DATASET_NOT_FOUND",
            f"task {name}: its data cannot be read: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}",
            "Without a network, name a folder that holds its dataset: --task-data FOLDER, with FOLDER/ORG/NAME in it.",
        ) from error
    if name in loaded["groups"]:
        return loaded["groups"][name]
    if name in loaded["tasks"]:
        return loaded["tasks"][name]
    raise Fault("UNSUPPORTED", f"task {name!r} is a tag of several tasks; name one of {', '.join(loaded['tasks'])}")


@contextmanager
def _datasets_from(folder: Path | None, roots: Roots) -> Iterator[None]:
    """While tasks are read, their datasets come from a folder where it has them."""
    if folder is None:
        yield
        return
    import datasets
    from lm_eval.api import task as tasks

    def load_dataset(path: str, *args: Any, **kwargs: Any) -> Any:
        own = roots.check(folder / path, "dataset")
        return datasets.load_dataset(str(own) if own.is_dir() else path, *args, **kwargs)

    with _reading:
        original = tasks.datasets
        tasks.datasets = SimpleNamespace(**{**vars(datasets), "load_dataset": load_dataset})
        try:
            yield
        finally:
            tasks.datasets = original
