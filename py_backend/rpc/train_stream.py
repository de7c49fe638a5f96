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
from ..training.ledger import conflict
from ..values import TrainerClient
from . import wire
from .device_thread import DeviceThread
from .observer import Observer
from .status import reason_number

FRAMES_AHEAD = 8  # unanswered ones; what more a client sends waits in its own buffers

Answer = pb.TrainResponse
log = logging.getLogger("mrpo")


class TrainStream:
    """return_s: how long a trainer whose stream has gone waits for its client to come back before it is freed; None =
    that is not for the stream to say. observer: hears of frames; None = nobody does."""

    def __init__(
        self, backend: Backend, device: DeviceThread, return_s: float | None, observer: Observer | None = None
    ) -> None:
        self._backend = backend
        self._device = device
        self._return_s = return_s
        self._observer = observer or Observer()
        self._opened: TrainerClient | None = None
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
            if self._return_s is not None:
                asyncio.get_running_loop().call_later(self._return_s, self._device.submit, self._free_abandoned)

    def _answer(self, request: pb.TrainRequest) -> Answer:
        try:
            if self._gone:
                raise conflict("the client has gone")
            answer = self._handle(request)
        except Fault as fault:
            self._observer.refused(fault.reason)
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
        value = self._backend.open_trainer(request.open.trainer_handle, request.open.row_set)
        self._opened = value.client
        return Answer(opened=wire.opened(value))

    def _forward(self, request: pb.TrainRequest) -> Answer:
        frame = request.forward
        client, rows = self._client(), list(frame.rows)
        value = self._backend.forward(client, frame.step, frame.micro_batch, rows, frame.seed)
        self._observer.trained("forward", value.seconds)
        self._observer.worked("train", self._backend.tokens_of(client.row_set, rows))
        return Answer(forward=wire.forward_result(frame, value))

    def _backward(self, request: pb.TrainRequest) -> Answer:
        frame = request.backward
        seconds = self._backend.backward(
            self._client(), frame.step, frame.micro_batch, frame.chosen_gradients, frame.rejected_gradients
        )
        self._observer.trained("backward", seconds)
        return Answer(backward=Answer.BackwardDone(step=frame.step, micro_batch=frame.micro_batch, seconds=seconds))

    def _commit(self, request: pb.TrainRequest) -> Answer:
        frame = request.commit
        done = self._backend.commit(
            self._client(),
            frame.step,
            list(frame.micro_batches),
            frame.learning_rate,
            frame.weight_decay,
            frame.max_grad_norm,
        )
        self._observer.trained("optimizer", done.seconds)
        self._observer.stepped(not done.skipped)
        return Answer(commit=wire.step_done(frame.step, done))

    def _abort(self, request: pb.TrainRequest) -> Answer:
        self._backend.abort(self._client(), request.abort.step)
        return Answer(abort=Answer.Aborted(step=request.abort.step))

    def _client(self) -> TrainerClient:
        if self._opened is None:
            raise conflict("a frame before open")
        return self._opened

    def _leave(self) -> None:
        if self._opened is not None:
            self._backend.leave_trainer(self._opened)

    def _free_abandoned(self) -> None:
        """A client that was killed frees nothing itself, and a shared device must not fill up with what it left."""
        if self._opened is not None and self._backend.free_abandoned(self._opened):
            log.warning("the client of %s has not come back: it was freed, with its model", self._opened.trainer)
