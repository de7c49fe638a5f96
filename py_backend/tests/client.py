"""A small client for tests: generic stubs made from the descriptor, no generated gRPC code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message_factory import GetMessageClass

from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb
from py_backend.gen.mrpo.rpc.v1 import status_pb2

ROOT = Path(__file__).resolve().parents[2]
SERVICE = pb.DESCRIPTOR.services_by_name["BackendService"]
LIMITS = [("grpc.max_receive_message_length", 16 << 20), ("grpc.max_send_message_length", 16 << 20)]


class Client:
    """client.Score(request) and so on; `metadata` goes with every call."""

    def __init__(self, channel: grpc.Channel, metadata: tuple[tuple[str, str], ...] = (), address: str = "") -> None:
        self.channel = channel
        self.address = address
        for method in SERVICE.methods:
            make = {
                (False, False): channel.unary_unary,
                (False, True): channel.unary_stream,
                (True, True): channel.stream_stream,
            }[(method.client_streaming, method.server_streaming)]
            call = make(
                f"/{SERVICE.full_name}/{method.name}",
                request_serializer=GetMessageClass(method.input_type).SerializeToString,
                response_deserializer=GetMessageClass(method.output_type).FromString,
            )
            setattr(self, method.name, lambda request, call=call: call(request, metadata=metadata, timeout=120))

    def load(self, source: str | Path, **options: Any) -> pb.LoadedModel:
        request = pb.LoadModelRequest(model=pb.ModelSpec(source=str(source), **options))
        return last(self.LoadModel(request)).loaded

    def identify(self, source: str | Path, **options: Any) -> pb.ModelIdentity:
        request = pb.IdentifyModelRequest(model=pb.ModelSpec(source=str(source), **options))
        return last(self.IdentifyModel(request)).identity

    def register(self, model: str, rows: list[pb.PairText], **options: Any) -> tuple[str, list[pb.RowFacts]]:
        start = pb.RegisterRowsRequest.Open(model_handle=model, **{"max_length": 256, **options})
        answer = last(self.RegisterRows(iter([pb.RegisterRowsRequest(open=start, rows=rows)])))
        return answer.row_set, list(answer.rows)

    def score(
        self, row_set: str, rows: list[int] | None = None, adapter_off: bool = False
    ) -> dict[int, tuple[float, float]]:
        found = {}
        for part in self.Score(pb.ScoreRequest(row_set=row_set, rows=rows or [], adapter_off=adapter_off)):
            for row, chosen, rejected in zip(part.rows, part.chosen_logps, part.rejected_logps, strict=True):
                found[row] = (chosen, rejected)
        return found

    def trainer(self, model: str, **options: Any) -> pb.CreateTrainerResponse:
        settings = {"optimizer": "adamw", "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-8, **options}
        return self.CreateTrainer(pb.CreateTrainerRequest(model_handle=model, checkpointing="off", **settings))

    def export(self, model: str, path: Path, **options: Any) -> pb.ExportResponse.Exported:
        return last(self.Export(pb.ExportRequest(model_handle=model, path=str(path), **options))).exported


class Training:
    """One training stream, driven frame by frame."""

    def __init__(self, client: Client, trainer: str, row_set: str) -> None:
        import queue

        self._requests: queue.Queue[pb.TrainRequest | None] = queue.Queue()
        self._sequence = 0
        self._answers = client.Train(iter(self._requests.get, None))
        self.opened = self.send(open=pb.TrainRequest.Open(trainer_handle=trainer, row_set=row_set))

    def send(self, **frame: Any) -> pb.TrainResponse:
        return self.send_all(frame)[0]

    def send_all(self, *frames: dict[str, Any]) -> list[pb.TrainResponse]:
        """Sends every frame before it reads the first answer."""
        for number, frame in enumerate(frames, self._sequence + 1):
            self._requests.put(pb.TrainRequest(sequence=number, **frame))
        answers = [next(self._answers) for _ in frames]
        assert [answer.sequence for answer in answers] == list(range(self._sequence + 1, number + 1))
        self._sequence = number
        return answers

    def forward(self, step: int, micro_batch: int, rows: list[int], seed: int = 0) -> pb.TrainResponse:
        return self.send(forward=pb.TrainRequest.Forward(step=step, micro_batch=micro_batch, rows=rows, seed=seed))

    def backward(self, step: int, micro_batch: int, gradients: list[float]) -> pb.TrainResponse:
        """gradients: chosen and rejected of the first row, then of the next."""
        frame = pb.TrainRequest.Backward(
            step=step, micro_batch=micro_batch, chosen_gradients=gradients[0::2], rejected_gradients=gradients[1::2]
        )
        return self.send(backward=frame)

    def commit(self, step: int, micro_batches: list[int], rate: float = 0.01, clip: float = 1.0) -> pb.TrainResponse:
        frame = pb.TrainRequest.Commit(
            step=step, micro_batches=micro_batches, learning_rate=rate, weight_decay=0.0, max_grad_norm=clip
        )
        return self.send(commit=frame)

    def abort(self, step: int) -> pb.TrainResponse:
        return self.send(abort=pb.TrainRequest.Abort(step=step))

    def close(self) -> None:
        self._requests.put(None)
        assert list(self._answers) == []


def logps_of(answer: pb.TrainResponse) -> list[tuple[float, float]]:
    """(chosen, rejected) of each row of a forward, as `Client.scores` gives them."""
    return list(zip(answer.forward.chosen_logps, answer.forward.rejected_logps, strict=True))


def last(responses: Iterator[Any]) -> Any:
    *_, final = responses
    return final


def reason(error: grpc.RpcError) -> str:
    """Reason of the ErrorInfo in a failed call, without its prefix."""
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    status = status_pb2.Status.FromString(details)
    info = status_pb2.ErrorInfo.FromString(status.details[0].value)
    assert info.domain == "mrpo.backend" and status.message == error.details()
    return info.reason.removeprefix("ERROR_REASON_")


def spawn(*arguments: str, **environment: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """A backend process and its ready line. Its log goes where this process's does: a pipe that nobody reads would be
    full one day, and stop it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "py_backend", "--threads", "1", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    return process, json.loads(line) if line else {}


def pair(prompt: str, chosen: str, rejected: str, plain: bool = False) -> pb.PairText:
    user, assistant = "user", "assistant"
    return pb.PairText(
        prompt=[pb.Message(role=user, content=prompt)],
        chosen=[pb.Message(role=assistant, content=chosen)],
        rejected=[pb.Message(role=assistant, content=rejected)],
        plain=plain,
    )
