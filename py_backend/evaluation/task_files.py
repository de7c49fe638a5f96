"""A task in a file of the user's own: the harness's YAML without code, its data beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..faults import Fault
from ..roots import Roots

if TYPE_CHECKING:
    from lm_eval.api.task import Task

FORMATS = ("json", "csv", "parquet", "arrow", "text")
"""Builders of `datasets` that only read."""


def is_task_file(name: str) -> bool:
    """A path, and no name of the harness's own."""
    return name.endswith((".yaml", ".yml")) or "/" in name or name.startswith((".", "~"))


def task_files(name: str, roots: Roots) -> list[Path]:
    """The file, or those of a folder in order of their names. Raises UNSUPPORTED for a folder without."""
    path = roots.check(name, "task file")
    if not path.is_dir():
        return [path]
    found = sorted(
        file for file in path.iterdir() if file.suffix in (".yaml", ".yml") and not file.name.startswith("_")
    )
    if not found:
        raise Fault("UNSUPPORTED", f"tasks {path}: expected task files (.yaml) in it, found none")
    return found


def read_task(path: Path, roots: Roots) -> Task:
    """Raises UNSUPPORTED for a file that is not there, not a task, or holds code."""
    from lm_eval.api.task import ConfigurableTask

    config = _read_yaml(path)
    _check_config(path, config)
    config["dataset_kwargs"] = {"data_files": _data_files(path, config, roots)}
    try:
        return ConfigurableTask(config=config)
    except Fault:
        raise
    except Exception as error:
        raise _refused(path, f"{type(error).__name__}: {error}") from error


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml

    class Plain(yaml.SafeLoader):
        """Plain values only."""

    def refuse(loader: yaml.SafeLoader, node: yaml.Node) -> None:
        raise _refused(
            path,
            f"it asks for {node.tag}, which would run code",
            "Write the questions out in the data file, and refer to its fields with {{name}}.",
        )

    Plain.add_constructor(None, refuse)  # type: ignore[type-var]
    try:
        found = yaml.load(path.read_text(encoding="utf-8"), Plain)  # noqa: S506 - a SafeLoader
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _refused(path, str(error)) from error
    if not isinstance(found, dict):
        raise _refused(path, f"expected a mapping, got {type(found).__name__}")
    return found


def _check_config(path: Path, config: dict[str, Any]) -> None:
    from lm_eval.api.registry import METRIC_REGISTRY

    if not isinstance(config.get("task"), str):
        raise _refused(path, 'expected "task", the name of the task')
    for key in ("include", "class", "custom_dataset", "process_docs", "group", "unsafe_code"):
        if key in config:
            raise _refused(path, f'"{key}" is not possible in a task file of one\'s own')
    if config.get("dataset_path") not in FORMATS:
        raise _refused(
            path,
            f"dataset_path: got {config.get('dataset_path')!r}, expected one of {', '.join(FORMATS)}",
            "Put the questions into a file beside it: dataset_path: json, dataset_kwargs: {data_files: {test: FILE}}.",
        )
    for entry in config.get("metric_list") or []:
        name = entry.get("metric") if isinstance(entry, dict) else entry
        # Any other name would be fetched from the hub, and run.
        if name not in METRIC_REGISTRY:
            raise _refused(path, f"metric {name!r} is not one of the harness's own")


def _data_files(path: Path, config: dict[str, Any], roots: Roots) -> dict[str, list[str]]:
    kwargs = config.get("dataset_kwargs") or {}
    extra = sorted(set(kwargs) - {"data_files"})
    if extra or not isinstance(kwargs.get("data_files"), dict):
        got = f"got {', '.join(extra)}" if extra else "got no mapping"
        raise _refused(path, f"dataset_kwargs: expected data_files, a mapping from split to file, {got}")
    return {
        str(split): [_beside(path, name, roots) for name in (names if isinstance(names, list) else [names])]
        for split, names in kwargs["data_files"].items()
    }


def _beside(path: Path, name: object, roots: Roots) -> str:
    file = roots.check(path.parent / str(name), "data file")
    if not file.is_relative_to(path.parent.resolve()):
        raise _refused(path, f"data file {name}: expected one in the folder of the task file")
    if not file.is_file():
        raise _refused(path, f"data file {name}: there is none")
    return str(file)


def _refused(path: Path, why: str, hint: str = "") -> Fault:
    return Fault("UNSUPPORTED", f"task file {path}: {why}", hint)
