"""One policy in training, as step transactions: Forward holds a graph, Backward gives it +dL/dlogp, Commit applies
exactly the micro-batches it names. No loss is known here, and nothing is ever divided.

A frame that does not fit raises STEP_CONFLICT and changes nothing. An OUT_OF_MEMORY in a backward leaves half-summed
gradients, so it drops the open step as a whole: a later commit of it is a conflict and never a wrong update.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..engine import Engine, OutOfMemory, TokenPair
from ..faults import Fault
from ..memory import peak_memory_bytes
from .ledger import StepLedger, conflict
from .optimizers import OptimizerSpec, apply_update, check_update, create_optimizer, gradient_norm
from .policy import Policy
from .seeds import seeded


@dataclass(frozen=True, slots=True)
class StepDone:
    grad_norm: float
    seconds: float
    peak_memory_bytes: int
    skipped: bool


class Trainer:
    """Runs on the device thread only."""

    def __init__(self, model_handle: str, policy: Policy, engine: Engine, seed: int, optimizer: OptimizerSpec) -> None:
        self.model_handle = model_handle
        self.policy = policy
        self.engine = engine
        self.client = 0  # counts the streams that opened this trainer; only the latest may speak
        self._seed = seed
        self._parameters = policy.parameters()
        self._optimizer = create_optimizer(optimizer, self._parameters)
        self._device = self._parameters[0].device
        self._ledger = StepLedger()
        self._held: dict[int, torch.Tensor] = {}

    @property
    def committed_step(self) -> int:
        return self._ledger.committed_step

    def open(self) -> int:
        """A client takes over: what another one left open is dropped. Returns its number."""
        self.drop_step()
        self.client += 1
        return self.client

    def forward(self, step: int, micro_batch: int, pairs: Sequence[TokenPair], seed: int) -> tuple[list[float], float]:
        """Log-probs, chosen and rejected interleaved, and the seconds it took."""
        start = time.perf_counter()
        self._ledger.check_hold(step, micro_batch)
        if not pairs:
            raise conflict(f"forward of micro-batch {micro_batch} of step {step} names no rows")
        self.policy.model.train()
        try:
            with seeded(self._device, self._seed, seed):
                logps = self.engine.forward(pairs, grad=True)
        except OutOfMemory as error:
            raise Fault("OUT_OF_MEMORY", f"{error}; nothing was applied") from None
        values = logps.detach().tolist()
        self._ledger.hold(micro_batch)
        self._held[micro_batch] = logps
        return values, time.perf_counter() - start

    def backward(self, step: int, micro_batch: int, gradients: Sequence[float]) -> float:
        """Adds the micro-batch's gradients to the step's; returns the seconds it took."""
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
            torch.autograd.backward([logps], [torch.tensor(gradients, dtype=logps.dtype, device=logps.device)])
        except (torch.OutOfMemoryError, MemoryError, OutOfMemory) as error:
            failure = str(error)
        except RuntimeError as error:
            if "can't allocate memory" not in str(error):
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
                apply_update(self._optimizer, self._parameters, norm, learning_rate, weight_decay, max_norm)
                self.policy.updates += 1
        except (torch.OutOfMemoryError, MemoryError) as error:
            failure = str(error)
        else:
            failure = ""
        if failure:
            # Not OUT_OF_MEMORY, which promises that nothing was applied: some weights may have got their update.
            self.drop_step()
            raise Fault(
                "UNSUPPORTED",
                f"commit of step {step}: no memory for the optimizer: {failure}; the policy may be half updated. "
                "The optimizer paged_adamw_8bit needs a quarter of AdamW's memory; an adapter of lower rank needs less",
            )
        self._ledger.commit()
        self._clear_gradients()
        return StepDone(norm, time.perf_counter() - start, peak_memory_bytes(self._device), skipped=not finite)

    def abort(self, step: int) -> None:
        """Drops the open step; a step that is not open is nothing to drop."""
        if self._ledger.is_open(step):
            self.drop_step()

    def drop_step(self) -> None:
        """Graphs and gradients of the open step go, the trainer lives on."""
        self._held.clear()
        self._ledger.clear()
        self._clear_gradients()

    def _clear_gradients(self) -> None:
        for parameter in self._parameters:
            parameter.grad = None
