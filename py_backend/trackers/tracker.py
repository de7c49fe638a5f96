"""What every tracker does, and how one that can only append never gets a step twice."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from .names import Line, is_evaluation, step_of

Status = Literal["succeeded", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Run:
    """What a tracker knows of the run. `name` is for people, `folder` the run folder."""

    id: str
    name: str
    folder: Path
    config: Mapping[str, object]

    def file(self, name: str) -> Path:
        """A place of a tracker's own below the run's folder."""
        return self.folder / "trackers" / name


class Tracker(Protocol):
    """One experiment tracker for one run."""

    def begin(self, history: Sequence[Line]) -> str:
        """Starts, or goes on after the run went back to a checkpoint.

        `history`: the lines that count. Returns where a person finds the run.
        """

    def log(self, line: Line) -> None:
        """Takes one line of metrics.jsonl."""

    def end(self, status: Status) -> None:
        """Says how the run ended and waits until everything has been taken."""


class Told:
    """Which steps a tracker has got, for training and evaluation each; kept in a file beside the run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        kept = json.loads(path.read_text("utf8")) if path.exists() else {}
        self.run: str | None = kept.get("run")
        self.steps: dict[str, int] = kept.get("steps", {})

    def knows(self, line: Line) -> bool:
        """Whether the step of a line has been sent already."""
        return step_of(line) <= self.steps.get(_kind(line), -1)

    def add(self, line: Line) -> None:
        """Notes that a line has been sent, on the disk too."""
        self.steps[_kind(line)] = step_of(line)
        self.save()

    def save(self) -> None:
        """Writes the file whole or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps({"run": self.run, "steps": self.steps}), "utf8")
        os.replace(beside, self.path)


def _kind(line: Line) -> str:
    return "eval" if is_evaluation(line) else "train"
