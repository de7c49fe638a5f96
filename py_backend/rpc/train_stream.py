"""One client's training stream: frames in, each worked on the device thread in order, each answered under its number.

A Fault of one frame is an answer (OperationError) and neither ends the stream nor touches the trainer. When another
stream opens the same trainer, this one is over: two clients can never write into one step.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb

from ..backend import Backend
from ..faults import Fault
from ..registry import RowSet
from ..training.ledger import conflict
from ..training.trainer import Trainer
from . import wire
from .device_thread import DeviceThread
from .status import reason_number

RETURN_S = 600.0
FRAMES_AHEAD = 8  # unanswered ones; what more a client sends waits in its own buffers

Answer = pb.TrainResponse
log = logging.getLogger("mrpo")


class TrainStream:
    """return_s: how long a trainer whose stream has gone waits for its client to come back before it is freed."""

    def __init__(self, backend: Backend, device: DeviceThread, return_s: float = RETURN_S) -> None:
        self._backend = backend
        self._device = device
        self._return_s = return_s
        self._names: tuple[str, str] | None = None  # handles: what is freed meanwhile is not kept alive by a stream
        self._client = 0
        self._gone = False
        self._handlers: dict[str, Callable[[pb.TrainRequest], Answer]] = {
            "open": self._open,
            "forward": self._forward,
            "backward": self._backward,
            "commit": self._commit,
            "abort": self._abort,
        }

    async def answers(self, requests: AsyncIterator[pb.TrainRequest]) -> AsyncIterator[Answer]:
        """A frame goes to the device thread as it comes in, behind the ones before: between two frames of a client that
        sends ahead, the device never waits for the event loop."""
        at_work: asyncio.Queue[asyncio.Future[Answer] | None] = asyncio.Queue()
        room = asyncio.Semaphore(FRAMES_AHEAD)

        async def read() -> None:
            try:
                async for request in requests:
                    await room.acquire()
                    at_work.put_nowait(self._device.start(lambda frame=request: self._answer(frame)))
            finally:
                at_work.put_nowait(None)

        reader = asyncio.ensure_future(read())
        try:
            while (answer := await at_work.get()) is not None:
                yield await answer
                room.release()
            await reader
        finally:
            self._gone = True
            reader.cancel()
            while not at_work.empty():
                if (unread := at_work.get_nowait()) is not None:
                    unread.cancel()
            self._device.submit(self._leave)
            asyncio.get_running_loop().call_later(self._return_s, self._device.submit, self._free_abandoned)

    def _answer(self, request: pb.TrainRequest) -> Answer:
        try:
            if self._gone:
                raise conflict("the client has gone")
            answer = self._handle(request)
        except Fault as fault:
            error = Answer.OperationError(reason=reason_number(fault), message=fault.message)
            answer = Answer(error=error)
        answer.sequence = request.sequence
        return answer

    def _handle(self, request: pb.TrainRequest) -> Answer:
        kind = request.WhichOneof("frame")
        if kind is None:
            raise conflict("a frame without content")
        return self._handlers[kind](request)

    def _open(self, request: pb.TrainRequest) -> Answer:
        trainer = self._backend.registry.trainer(request.open.trainer_handle)
        rows = self._backend.registry.row_set(request.open.row_set)
        if rows.model_handle != trainer.model_handle:
            raise Fault("UNKNOWN_HANDLE", f"row set {request.open.row_set!r} belongs to another model than the trainer")
        self._names = (request.open.trainer_handle, request.open.row_set)
        self._client = trainer.open()
        opened = Answer.Opened(committed_step=trainer.committed_step)
        if trainer.last_commit is not None:
            opened.last_commit.CopyFrom(wire.step_done(trainer.committed_step, trainer.last_commit))
        return Answer(opened=opened)

    def _forward(self, request: pb.TrainRequest) -> Answer:
        trainer, rows = self._opened()
        frame = request.forward
        pairs = rows.pairs(list(frame.rows))
        logps, seconds = trainer.forward(frame.step, frame.micro_batch, pairs, frame.seed, list(frame.rows))
        return Answer(forward=wire.forward_result(frame, logps, seconds))

    def _backward(self, request: pb.TrainRequest) -> Answer:
        trainer, _ = self._opened()
        frame = request.backward
        seconds = trainer.backward(frame.step, frame.micro_batch, wire.gradients(frame))
        return Answer(backward=Answer.BackwardDone(step=frame.step, micro_batch=frame.micro_batch, seconds=seconds))

    def _commit(self, request: pb.TrainRequest) -> Answer:
        trainer, _ = self._opened()
        frame = request.commit
        done = trainer.commit(
            frame.step, list(frame.micro_batches), frame.learning_rate, frame.weight_decay, frame.max_grad_norm
        )
        return Answer(commit=wire.step_done(frame.step, done))

    def _abort(self, request: pb.TrainRequest) -> Answer:
        trainer, _ = self._opened()
        trainer.abort(request.abort.step)
        return Answer(abort=Answer.Aborted(step=request.abort.step))

    def _opened(self) -> tuple[Trainer, RowSet]:
        if self._names is None:
            raise conflict("a frame before open")
        trainer, rows = self._backend.registry.trainer(self._names[0]), self._backend.registry.row_set(self._names[1])
        if trainer.client != self._client:
            raise conflict("another client has opened this trainer")
        return trainer, rows

    def _leave(self) -> None:
        """The client is gone: what it left open is dropped, unless the trainer is, or another client has taken over."""
        try:
            trainer, _ = self._opened()
        except Fault:
            return
        trainer.drop_step()

    def _free_abandoned(self) -> None:
        """A client that was killed frees nothing itself, and a shared device must not fill up with what it left."""
        try:
            trainer, _ = self._opened()
        except Fault:
            return
        log.warning("the client of %s has not come back: it is freed, with its model", self._names)
        self._backend.unload(trainer.model_handle)
