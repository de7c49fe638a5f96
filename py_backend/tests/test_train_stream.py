"""What becomes of a trainer whose client has gone. In this process, without a server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from py_backend.backend import Backend
from py_backend.faults import Fault
from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb
from py_backend.models.spec import ModelSpec
from py_backend.roots import Roots
from py_backend.rpc.device_thread import DeviceThread
from py_backend.rpc.train_stream import TrainStream
from py_backend.tokens.pair_text import Message, PairText, TokenRule
from py_backend.training.optimizers import OptimizerSpec
from py_backend.training.policy import LoraSpec
from py_backend.values import TrainerSpec

RETURN_S = 0.3


class Held:
    """A backend with a trainer on a tiny model."""

    def __init__(self, folder: Path) -> None:
        self.backend = Backend(Roots())
        self.device = DeviceThread()
        self.model = self.backend.load(ModelSpec(str(folder)), lambda _progress: None).handle
        self.rows = self.backend.open_rows(self.model, TokenRule(256, "keep_start", "chat", False))
        sides = [Message("assistant", "yes")], [Message("assistant", "no, never")]
        self.backend.tokenize(self.rows, [PairText([Message("user", "well?")], *sides, plain=False)], lambda: None)
        adapter = LoraSpec(r=2, alpha=4, dropout=0.0, target_modules=())
        spec = TrainerSpec(adapter, 0, OptimizerSpec("adamw", 0.9, 0.999, 1e-8), "off")
        self.trainer = self.backend.create_trainer(self.model, spec).handle

    @property
    def is_there(self) -> bool:
        try:
            self.backend.registry.model(self.model)
        except Fault:
            return False
        return True

    async def stream(self, frames: int) -> None:
        """Opens the trainer, sends so many forwards, reads the answer to the first frame and is gone."""
        opening = pb.TrainRequest.Open(trainer_handle=self.trainer, row_set=self.rows)

        async def requests() -> AsyncIterator[pb.TrainRequest]:
            yield pb.TrainRequest(sequence=1, open=opening)
            for index in range(frames):
                forward = pb.TrainRequest.Forward(step=1, micro_batch=index, rows=[0])
                yield pb.TrainRequest(sequence=2 + index, forward=forward)

        answers = TrainStream(self.backend, self.device, RETURN_S).answers(requests())
        first = await anext(answers)
        assert first.WhichOneof("frame") == "opened"
        await answers.aclose()

    async def idle(self) -> None:
        """Until the device has done what it was given."""
        await self.device.run(lambda: None)


@pytest.fixture
def held(model_folder: Callable[[str], Path]) -> Held:
    return Held(model_folder("llama"))


def test_is_freed_with_its_model_when_nobody_comes_back(held: Held) -> None:
    async def scene() -> None:
        await held.stream(frames=1)
        await held.idle()
        assert held.is_there
        await asyncio.sleep(2 * RETURN_S)
        await held.idle()

    asyncio.run(scene())
    assert not held.is_there


def test_waits_for_a_client_that_comes_back(held: Held) -> None:
    async def scene() -> None:
        await held.stream(frames=0)
        again = asyncio.ensure_future(held.stream(frames=0))
        await again
        await asyncio.sleep(RETURN_S / 2)
        await held.idle()
        assert held.is_there

    asyncio.run(scene())


def test_is_worked_for_no_more(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    left = threading.Event()
    trainer = held.backend.registry.trainer(held.trainer)
    forward = trainer.forward

    def noted(step: int, micro_batch: int, *rest: object) -> object:
        done.append(micro_batch)
        left.wait(10)  # the one at work when the client goes
        return forward(step, micro_batch, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(trainer, "forward", noted)

    async def scene() -> None:
        await held.stream(frames=6)
        left.set()
        await held.idle()

    asyncio.run(scene())
    assert len(done) <= 1
    assert trainer.committed_step == 0 and not trainer._held
