"""One policy in training, as step transactions: Forward holds a graph, Backward gives it +dL/dlogp, Commit applies
exactly the micro-batches it names. No loss is known here, and nothing is ever divided.

A frame that does not fit raises STEP_CONFLICT and changes nothing. An OUT_OF_MEMORY in a backward leaves half-summed
gradients, so it drops the open step as a whole: a later commit of it is a conflict and never a wrong update. A commit
out of memory has changed nothing either: what needs memory comes before the update.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch

from ..engine import Engine, OutOfMemory, TokenPair
from ..engine.errors import is_out_of_memory
from ..faults import Fault
from ..memory import peak_memory_bytes
from .checkpoint import Snapshot, check_fit, copies, invalid, numbers_of, put, tensors_of
from .determinism import deterministic_algorithms
from .gradients import StepGradients
from .ledger import StepLedger, conflict
from .optimizers import (
    OptimizerSpec,
    apply_update,
    check_update,
    clip_gradients,
    create_optimizer,
    gradient_norm,
    state_of,
)
from .policy import Policy
from .seeds import derived_seed, seeded


@dataclass(frozen=True, slots=True)
class StepDone:
    """The answer to a commit. `grad_norm` is the L2 norm before clipping; `skipped` = it was not finite, nothing was
    applied."""

    grad_norm: float
    seconds: float
    peak_memory_bytes: int
    skipped: bool


class Trainer:
    """Runs on the device thread only."""

    def __init__(
        self,
        model_handle: str,
        policy: Policy,
        engine: Engine,
        seed: int,
        optimizer: OptimizerSpec,
        deterministic: bool = False,
    ) -> None:
        self.model_handle = model_handle
        self.policy = policy
        self.engine = engine
        self.client = 0  # counts the streams that opened this trainer; only the latest may speak
        self.last_commit: StepDone | None = None  # of the committed step, for a client that lost the answer
        self._seed = seed
        self.algorithms = deterministic_algorithms if deterministic else nullcontext  # of every pass of the policy
        trained = policy.named_parameters()
        self._gradients = StepGradients(list(trained.values()), {weight.dtype for weight in policy.model.parameters()})
        self._parameters = self._gradients.masters
        self._by_name = dict(zip(trained, self._parameters, strict=True))
        self._optimizer_name = optimizer.name
        self._optimizer = create_optimizer(optimizer, self._parameters)
        self._device = self._parameters[0].device
        self._ledger = StepLedger()
        self._held: dict[int, torch.Tensor] = {}
        self._lost = ""  # why the weights are not to be trusted

    @property
    def committed_step(self) -> int:
        """The last applied step; 0 at the start."""
        return self._ledger.committed_step

    def open(self) -> int:
        """A client takes over: what another one left open is dropped. Returns its number."""
        self.drop_step()
        self.client += 1
        return self.client

    def forward(
        self, step: int, micro_batch: int, pairs: Sequence[TokenPair], seed: int, rows: Sequence[int] | None = None
    ) -> tuple[list[float], float]:
        """Log-probs, chosen and rejected interleaved, and the seconds it took. A pair's dropout masks follow from
        `seed` and its row (default: its place in `pairs`), whatever other pairs are beside it."""
        start = time.perf_counter()
        self._require_whole()
        self._ledger.check_hold(step, micro_batch)
        if not pairs:
            raise conflict(f"forward of micro-batch {micro_batch} of step {step} names no rows")
        self.policy.model.train()
        try:
            with seeded(self._device, self._seed, seed), self.algorithms():
                seeds = [derived_seed(self._seed, seed, row) for row in rows or range(len(pairs))]
                logps = self.engine.forward(pairs, grad=True, seeds=seeds)
        except OutOfMemory as error:
            raise Fault("OUT_OF_MEMORY", f"{error}; nothing was applied") from None
        values = logps.detach().tolist()
        self._ledger.hold(micro_batch)
        self._held[micro_batch] = logps
        return values, time.perf_counter() - start

    def backward(self, step: int, micro_batch: int, gradients: Sequence[float]) -> float:
        """Adds the micro-batch's gradients to the step's; returns the seconds it took. A GPU works on when it returns:
        what is left of its time is in that of the next forward or of the commit, which wait for it."""
        start = time.perf_counter()
        self._ledger.check_add(step, micro_batch)
        logps = self._held[micro_batch]
        if len(gradients) != len(logps):
            raise conflict(
                f"backward of micro-batch {micro_batch}: got {len(gradients)} gradients, expected {len(logps)}"
            )
        self.policy.model.train()
        failure = ""
        try:
            with self.algorithms():
                self._gradients.backward(logps, gradients)
        except Exception as error:
            if not is_out_of_memory(error):
                self.drop_step()
                raise
            failure = str(error)
        if failure:
            del logps
            self.drop_step()
            raise Fault("OUT_OF_MEMORY", f"backward of micro-batch {micro_batch}: {failure}; step {step} was dropped")
        del self._held[micro_batch], logps  # frees the graph, within the time that is reported
        self._ledger.add(micro_batch)
        return time.perf_counter() - start

    def commit(
        self, step: int, micro_batches: Sequence[int], learning_rate: float, weight_decay: float, max_norm: float
    ) -> StepDone:
        """One optimizer step, or none when the gradient is not finite; the step is over either way."""
        start = time.perf_counter()
        self._ledger.check_commit(step, micro_batches)
        check_update(learning_rate, weight_decay, max_norm)
        try:
            norm = gradient_norm(self._parameters)
            finite = math.isfinite(norm)
            if finite:
                clip_gradients(self._parameters, norm, max_norm)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            failure = str(error)
        else:
            failure = ""
        if failure:
            self.drop_step()
            raise Fault("OUT_OF_MEMORY", f"commit of step {step}: {failure}; step {step} was dropped")
        if finite:
            self._update(step, learning_rate, weight_decay)
        self._ledger.commit()
        self._gradients.clear()
        seconds = time.perf_counter() - start
        self.last_commit = StepDone(norm, seconds, peak_memory_bytes(self._device), skipped=not finite)
        return self.last_commit

    def _update(self, step: int, learning_rate: float, weight_decay: float) -> None:
        """Needs no memory. Should it fail all the same, its weights are not trusted until a checkpoint is loaded."""
        try:
            apply_update(self._optimizer, learning_rate, weight_decay)
            self._gradients.write_back()
        except Exception as error:
            self._lost = f"the update of step {step} failed half-way: {error}"
            self.drop_step()
            raise Fault("TRAINER_LOST", self._lost) from None
        self.policy.updates += 1

    def snapshot(self, step: int) -> Snapshot:
        """A copy of the state after the committed step `step`. Raises STEP_CONFLICT if that is another one."""
        self._require_whole()
        if step != self.committed_step:
            raise conflict(f"checkpoint of step {step}, but the trainer has committed step {self.committed_step}")
        states = self._states()
        return Snapshot(
            step, self._optimizer_name, copies(dict(self._by_name)), copies(tensors_of(states)), numbers_of(states)
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Goes on from a snapshot; what is open is dropped. Raises CHECKPOINT_INVALID and changes nothing."""
        if snapshot.optimizer != self._optimizer_name:
            raise invalid(f"got optimizer {snapshot.optimizer}, expected {self._optimizer_name}")
        states, parameters = self._states(), self._by_name
        if snapshot.numbers.keys() != numbers_of(states).keys():
            raise invalid("the optimizer's numbers belong to other parameters")
        check_fit("policy", snapshot.policy, dict(parameters))
        check_fit("optimizer", snapshot.state, tensors_of(states))
        put(snapshot.policy, dict(parameters))
        put(snapshot.state, tensors_of(states))
        for name, numbers in snapshot.numbers.items():
            self._optimizer.state[parameters[name]].update(numbers)
        self._gradients.write_back()
        self.drop_step()
        self._ledger.committed_step = snapshot.step
        self.last_commit = None
        self.policy.updates = snapshot.step
        self._lost = ""

    def _states(self) -> dict[str, dict[str, Any]]:
        return {name: state_of(self._optimizer, parameter) for name, parameter in self._by_name.items()}

    def _require_whole(self) -> None:
        if self._lost:
            raise Fault("TRAINER_LOST", self._lost, "Load a checkpoint into the trainer, or make a new one.")

    def abort(self, step: int) -> None:
        """Drops the open step; a step that is not open is nothing to drop."""
        if self._ledger.is_open(step):
            self.drop_step()

    def drop_step(self) -> None:
        """Graphs and gradients of the open step go, the trainer lives on."""
        self._held.clear()
        self._ledger.clear()
        self._gradients.clear()
