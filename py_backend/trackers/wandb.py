"""A Weights & Biases run of WANDB_PROJECT (default: mrpo). WANDB_MODE=offline keeps it here for `wandb sync`."""

from __future__ import annotations

import os
from collections.abc import Sequence

import wandb

from .names import Line, in_groups, step_of
from .tracker import Run, Status, Told


class Wandb:
    """One run of Weights & Biases; a `Tracker`."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.told = Told(run.file("wandb.json"))
        self.tracked: wandb.Run | None = None

    def begin(self, history: Sequence[Line]) -> str:
        """Makes the run or opens it again, and sends the lines that it lacks."""
        if self.tracked is None:
            self.tracked = self._init()
        for line in history:
            self.log(line)
        return self.tracked.url or f"run {self.tracked.id}, offline in {self.tracked.dir}"

    def _init(self) -> wandb.Run:
        again = self.told.run is not None
        self.told.run = self.told.run or self.run.id
        self.told.save()
        run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or "mrpo",
            id=self.told.run,
            name=self.run.name,
            dir=os.environ.get("WANDB_DIR") or str(self.run.folder),
            config=dict(self.run.config),
            resume="allow" if again else None,
            # Nobody sits in front of this process: it never asks for a login, and its own output is no part of the run.
            settings=wandb.Settings(console="off", silent=True, login_timeout=5),
        )
        run.define_metric("train/global_step")
        run.define_metric("*", step_metric="train/global_step")
        return run

    def log(self, line: Line) -> None:
        """Sends one line, unless the run has its step already."""
        if self.tracked is None or self.told.knows(line):
            return
        # W&B's own step counts calls; the optimizer step is the axis, as transformers has it.
        self.tracked.log({**in_groups(line), "train/global_step": step_of(line)})
        self.told.add(line)

    def end(self, status: Status) -> None:
        """Waits until everything is sent; the exit code is 0 after success, else 1."""
        if self.tracked is not None:
            self.tracked.finish(exit_code=0 if status == "succeeded" else 1)
