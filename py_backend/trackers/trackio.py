"""A trackio run in the local database (TRACKIO_DIR), project TRACKIO_PROJECT (default: mrpo)."""

from __future__ import annotations

import os
from collections.abc import Sequence

import trackio

from .names import Line, in_groups, step_of
from .tracker import Run, Status, Told


class Trackio:
    """One run of trackio; a `Tracker`."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.told = Told(run.file("trackio.json"))
        self.project = os.environ.get("TRACKIO_PROJECT") or "mrpo"
        self.begun = False

    def begin(self, history: Sequence[Line]) -> str:
        """Makes the run or opens it again, and sends the lines that it lacks."""
        if not self.begun:
            self.told.run = self.told.run or f"{self.run.name}-{self.run.id}"
            self.told.save()
            trackio.init(
                self.project,
                name=self.told.run,
                space_id=os.environ.get("TRACKIO_SPACE_ID"),
                config=dict(self.run.config),
                resume="allow",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )
            self.begun = True
        for line in history:
            self.log(line)
        return f"run {self.told.run} of project {self.project}"

    def log(self, line: Line) -> None:
        """Sends one line, unless the run has its step already."""
        if not self.begun or self.told.knows(line):
            return
        trackio.log(in_groups(line), step=step_of(line))
        self.told.add(line)

    def end(self, status: Status) -> None:
        """Waits until everything is stored; trackio has no status."""
        if self.begun:
            trackio.finish()
