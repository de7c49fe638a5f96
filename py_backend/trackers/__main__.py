"""One tracker of one run: lines of JSON come in, lines of JSON go out.

In, one object a line:
  {"type": "open", "tracker": "mlflow", "run": {"id", "name", "folder", "config"}}
  {"type": "begin", "metrics": PATH, "bytes": N}    its first N bytes count; what follows comes as lines
  {"type": "line", "line": {...}}                   a line of metrics.jsonl
  {"type": "end", "status": "succeeded"}            the run is over ("failed", "cancelled"); so is this process
Out:
  {"type": "ready", "where": TEXT}
  {"type": "failed", "message": TEXT}               and this process ends
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from .names import Line
from .tracker import Run, Tracker

CLASSES = {"tensorboard": "TensorBoard", "mlflow": "MLflow", "wandb": "Wandb", "trackio": "Trackio"}


def open_tracker(name: str, run: Run) -> Tracker:
    """Its library is loaded here and nowhere else: the backend never needs one."""
    try:
        module = importlib.import_module(f".{name}", __package__)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("py_backend"):
            raise
        raise RuntimeError(f"the package {error.name} is not installed (see requirements-trackers.txt)") from error
    return getattr(module, CLASSES[name])(run)


def read_history(path: Path, size: int) -> list[Line]:
    """The whole lines among the first `size` bytes of a metrics file."""
    with path.open("rb") as file:
        whole, _, _ = file.read(size).rpartition(b"\n")
    return [json.loads(line) for line in whole.splitlines()]


def messages(stream: IO[bytes]) -> Iterator[dict]:
    """What the control plane sends, one message a line, until it closes the stream."""
    for line in stream:
        yield json.loads(line)


def follow(stream: IO[bytes], answer: IO[str]) -> None:
    """Reads to the end of the run, or to that of the control plane."""

    def say(**message: object) -> None:
        print(json.dumps(message), file=answer, flush=True)

    tracker: Tracker | None = None
    status = "failed"  # unless the control plane lives to say otherwise
    for message in messages(stream):
        match message["type"]:
            case "open":
                run = message["run"]
                tracker = open_tracker(
                    message["tracker"], Run(run["id"], run["name"], Path(run["folder"]), run["config"])
                )
            case "begin" if tracker is not None:
                where = tracker.begin(read_history(Path(message["metrics"]), message["bytes"]))
                say(type="ready", where=where)
            case "line" if tracker is not None:
                tracker.log(message["line"])
            case "end":
                status = message["status"]
                break
    if tracker is not None:
        tracker.end(status)


def main() -> int:
    """Follows one run; gives the exit code, 1 where the tracker has failed."""
    # Libraries print as they like; the real standard output belongs to the answers.
    answer = os.fdopen(os.dup(1), "w", encoding="utf8")
    os.dup2(2, 1)
    try:
        follow(sys.stdin.buffer, answer)
    except Exception as error:  # noqa: BLE001 - whatever a tracker's library raises is told, and never more
        text = str(error).strip().splitlines() or [""]
        print(json.dumps({"type": "failed", "message": f"{type(error).__name__}: {text[0]}"}), file=answer, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
