"""An MLflow run, where MLFLOW_TRACKING_URI says (default: MLflow's own), in MLFLOW_EXPERIMENT_NAME (default: mrpo).

MLflow can only append, so it is asked how far it has come, and steps that are done again are not sent again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from mlflow import MlflowClient, get_tracking_uri
from mlflow.entities import Metric, Param

from .names import Line, flat, plain, step_of
from .tracker import Run, Status, Told

PARAM_LIMIT = 6000
"""Characters of one parameter that every MLflow store takes."""
STATUS = {"succeeded": "FINISHED", "failed": "FAILED", "cancelled": "KILLED"}
BATCH = 100
"""Parameters in one call, at most."""


class MLflow:
    """One run of MLflow; a `Tracker`."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.client = MlflowClient()
        self.told = Told(run.file("mlflow.json"))

    def begin(self, history: Sequence[Line]) -> str:
        """Makes the run or opens it again, and sends the lines that it lacks."""
        if self.told.run is None:
            self.told.run = self._create()
            self.told.save()
        else:
            self.client.update_run(self.told.run, status="RUNNING")
            self._ask()
        for line in history:
            if not self.told.knows(line):
                self.log(line)
        return f"run {self.told.run} at {get_tracking_uri()}"

    def _create(self) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "mrpo"
        experiment = self.client.get_experiment_by_name(name)
        experiment_id = experiment.experiment_id if experiment else self.client.create_experiment(name)
        tags = {"mrpo.run": self.run.id, "mrpo.folder": str(self.run.folder)}
        run_id = self.client.create_run(experiment_id, tags=tags, run_name=self.run.name).info.run_id
        params = [Param(key, str(value)[:PARAM_LIMIT]) for key, value in flat(self.run.config).items()]
        for start in range(0, len(params), BATCH):
            self.client.log_batch(run_id, params=params[start : start + BATCH])
        return run_id

    def _ask(self) -> None:
        """The store knows best what it got last: a process may die between a line and its mark."""
        for kind, name in {"train": "loss", "eval": "eval_loss"}.items():
            steps = [metric.step for metric in self.client.get_metric_history(self.told.run, name)]
            if steps:
                self.told.steps[kind] = max(steps)

    def log(self, line: Line) -> None:
        """Sends one line, unless the run has its step already."""
        if self.told.knows(line):
            return
        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, step_of(line)) for name, value in plain(line).items()]
        self.client.log_batch(self.told.run, metrics=metrics)
        self.told.add(line)

    def end(self, status: Status) -> None:
        """Ends the run with MLflow's word for the status."""
        if self.told.run is None:
            return
        self.client.set_terminated(self.told.run, status=STATUS[status])
