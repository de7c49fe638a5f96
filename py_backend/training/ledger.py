"""The bookkeeping of a step transaction: which micro-batches wait for gradients (forward done) and which are added up
(backward done). Every method either fits the open step and records it, or raises STEP_CONFLICT and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..faults import Fault


class StepLedger:
    """The open step is always the one after the last committed step."""

    def __init__(self) -> None:
        self.committed_step = 0
        self._held: set[int] = set()
        self._added: set[int] = set()

    def check_hold(self, step: int, micro_batch: int) -> None:
        """Raises STEP_CONFLICT for a forward that does not fit the open step."""
        self._require_step(step, "forward")
        if micro_batch in self._held or micro_batch in self._added:
            raise conflict(f"forward repeats micro-batch {micro_batch} of step {step}")

    def hold(self, micro_batch: int) -> None:
        """Records a forward that `check_hold` accepted."""
        self._held.add(micro_batch)

    def check_add(self, step: int, micro_batch: int) -> None:
        """Raises STEP_CONFLICT for a backward without its forward, or a second one."""
        self._require_step(step, "backward")
        if micro_batch in self._added:
            raise conflict(f"backward repeats micro-batch {micro_batch} of step {step}")
        if micro_batch not in self._held:
            raise conflict(f"backward of micro-batch {micro_batch} of step {step}, which has no forward")

    def add(self, micro_batch: int) -> None:
        """Records a backward that `check_add` accepted."""
        self._held.remove(micro_batch)
        self._added.add(micro_batch)

    def check_commit(self, step: int, micro_batches: Sequence[int]) -> None:
        """Raises STEP_CONFLICT unless exactly these micro-batches have been added up."""
        self._require_step(step, "commit")
        if self._held:
            raise conflict(f"commit of step {step} while micro-batches {_list(self._held)} wait for gradients")
        if len(set(micro_batches)) != len(micro_batches) or set(micro_batches) != self._added:
            raise conflict(
                f"commit of step {step} names micro-batches {_list(micro_batches)}, but it holds {_list(self._added)}"
            )
        if not self._added:
            raise conflict(f"commit of step {step}, which has no micro-batches")

    def commit(self) -> None:
        """Closes the step that `check_commit` accepted."""
        self.committed_step += 1
        self.clear()

    def is_open(self, step: int) -> bool:
        """Whether a step is the one after the committed one."""
        return step == self.committed_step + 1

    def clear(self) -> None:
        """Forgets the micro-batches of the open step."""
        self._held.clear()
        self._added.clear()

    def _require_step(self, step: int, frame: str) -> None:
        if not self.is_open(step):
            raise conflict(f"{frame} names step {step}, expected step {self.committed_step + 1}")


def conflict(message: str) -> Fault:
    """The STEP_CONFLICT fault."""
    return Fault("STEP_CONFLICT", f"{message}; nothing was applied")


def _list(numbers: Iterable[int]) -> str:
    return f"[{', '.join(map(str, sorted(numbers)))}]"
