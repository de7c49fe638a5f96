"""The rpc methods: decode, call, encode. What they call runs on the device thread or on a thread of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb

from ..backend import Backend
from ..evaluation.tasks import BuiltTask
from ..faults import Fault
from ..generation import Generation
from ..hub_datasets import read_dataset
from ..progress import Progress
from ..tokens.pair_text import PairText
from . import wire
from .checkpoint_files import add_piece, arriving_folder, send_pieces
from .device_thread import DeviceThread, Send, Stopped, own_thread, stream
from .holders import Holders, caller
from .observer import Observer
from .train_stream import TrainStream


class LastProgress:
    """What is repeated when there is nothing new to say."""

    def __init__(self, stage: str, unit: str) -> None:
        self.value = Progress(stage, 0, 0, unit)

    def reporter(self, send: Send) -> Any:
        """A function that sends progress and remembers it, to be said again when nothing new comes."""

        def report(value: Progress) -> None:
            self.value = value
            send(value)

        return report


class BackendServicer:
    """Method names and signatures are those of BackendService; `grpc_service` binds them by name."""

    def __init__(
        self, backend: Backend, device: DeviceThread, holders: Holders, observer: Observer | None = None
    ) -> None:
        """observer: hears of the work on models; None = nobody does."""
        self._backend = backend
        self._device = device
        self._holders = holders
        self._observer = observer or Observer()

    async def GetServerInfo(self, request: pb.GetServerInfoRequest) -> pb.GetServerInfoResponse:
        """Answered on the event loop, also while the device is busy."""
        return wire.server_info(self._backend, self._holders)

    async def IdentifyModel(self, request: pb.IdentifyModelRequest) -> AsyncIterator[pb.IdentifyModelResponse]:
        """Runs beside the device."""
        spec, last = wire.model_spec(request.model), LastProgress("hash", "bytes")
        work = lambda send: send(self._backend.identify(spec, last.reporter(send)))  # noqa: E731
        async for event in stream(own_thread, work, idle=lambda: last.value):
            if isinstance(event, Progress):
                yield pb.IdentifyModelResponse(progress=wire.progress(event))
            else:
                yield pb.IdentifyModelResponse(identity=wire.identity(event))

    async def LoadModel(self, request: pb.LoadModelRequest) -> AsyncIterator[pb.LoadModelResponse]:
        """A model whose caller has left meanwhile is unloaded again."""
        spec, last, client = wire.model_spec(request.model), LastProgress("load", "bytes"), caller()

        def work(send: Send) -> None:
            loaded = self._backend.load(spec, last.reporter(send))
            self._holders.hold(client, loaded.handle)
            try:
                send(loaded)
            except Stopped:  # the caller left while it was loading: nobody would ever free it
                self._backend.unload(loaded.handle)

        async for event in stream(self._device.submit, work, idle=lambda: last.value):
            if isinstance(event, Progress):
                yield pb.LoadModelResponse(progress=wire.progress(event))
            else:
                yield pb.LoadModelResponse(loaded=wire.loaded_model(event))

    async def UnloadModel(self, request: pb.UnloadModelRequest) -> pb.UnloadModelResponse:
        """Waits for the jobs before it."""
        await self._device.run(lambda: self._backend.unload(request.model_handle))
        return pb.UnloadModelResponse()

    async def RegisterRows(
        self, requests: AsyncIterator[pb.RegisterRowsRequest]
    ) -> AsyncIterator[pb.RegisterRowsResponse]:
        """Tokenises each message's rows beside the device and answers with their facts."""
        row_set = ""
        async for request in requests:
            if request.HasField("open"):
                row_set = self._backend.open_rows(request.open.model_handle, wire.token_rule(request.open))
            if not row_set:
                raise Fault("ROW_INVALID", "RegisterRows: the first message must carry `open`")
            pairs = [wire.pair_text(row) for row in request.rows]

            def work(send: Send, handle: str = row_set, batch: list[PairText] = pairs) -> None:
                send(self._backend.tokenize(handle, batch, send.check))

            async for facts in stream(own_thread, work):
                yield pb.RegisterRowsResponse(row_set=row_set, rows=map(wire.row_facts, facts))

    async def Score(self, request: pb.ScoreRequest) -> AsyncIterator[pb.ScoreResponse]:
        """One message per batch; the last progress again where a batch takes long."""
        last = LastProgress("score", "rows")

        def work(send: Send) -> None:
            def give(rows: list[int], logps: list[float], progress: Progress) -> None:
                last.value = progress
                self._observer.worked("score", self._backend.tokens_of(request.row_set, rows))
                send(wire.scores(rows, logps, progress))

            self._backend.score(request.row_set, list(request.rows), request.adapter_off, give)

        idle = lambda: pb.ScoreResponse(progress=wire.progress(last.value))  # noqa: E731
        async for response in stream(self._device.submit, work, idle=idle):
            yield response

    async def Generate(self, request: pb.GenerateRequest) -> AsyncIterator[pb.GenerateResponse]:
        """Prompts are encoded beside the device, answers made on it."""
        handle, prompts, sampling = request.model_handle, wire.prompts(request), wire.sampling(request)

        def encode(send: Send) -> None:  # beside the device: a model's own template and tokenizer may be slow
            send(self._backend.encode_prompts(handle, prompts, send.check))

        def work(send: Send) -> None:
            def give(value: Generation) -> None:
                self._observer.worked("generate", value.tokens)
                send(wire.generation(value))

            self._backend.generate(handle, ids, sampling, request.adapter_off, give, send.check)

        [ids] = [found async for found in stream(own_thread, encode)]

        async for response in stream(self._device.submit, work):
            yield response

    async def Evaluate(self, request: pb.EvaluateRequest) -> AsyncIterator[pb.EvaluateResponse]:
        """Reads the tasks beside the device, then evaluates on it."""
        handle, spec, last = request.model_handle, wire.evaluation_spec(request), LastProgress("read tasks", "")

        def read(send: Send) -> None:  # beside the device: data may come from the hub
            send(self._backend.read_tasks(handle, spec, send.check))

        def work(send: Send) -> None:
            report = last.reporter(send)
            send(self._backend.evaluate(handle, spec, tasks, request.adapter_off, report, send, send.check))

        tasks: list[BuiltTask] = []
        async for found in stream(own_thread, read, idle=lambda: None):
            if found is None:
                yield pb.EvaluateResponse(progress=wire.progress(last.value))
            else:
                tasks = found
        async for event in stream(self._device.submit, work, idle=lambda: last.value):
            yield wire.evaluation_event(event)

    async def CreateTrainer(self, request: pb.CreateTrainerRequest) -> pb.CreateTrainerResponse:
        """A trainer whose caller has left meanwhile is closed again."""
        spec = wire.trainer_spec(request)
        create = lambda: self._backend.create_trainer(request.model_handle, spec)  # noqa: E731
        undo = lambda created: self._backend.close_trainer(created.handle)  # noqa: E731
        return wire.created(await self._device.run(create, undo))

    async def CloseTrainer(self, request: pb.CloseTrainerRequest) -> pb.CloseTrainerResponse:
        """Waits for the jobs before it."""
        await self._device.run(lambda: self._backend.close_trainer(request.trainer_handle))
        return pb.CloseTrainerResponse()

    async def Train(self, requests: AsyncIterator[pb.TrainRequest]) -> AsyncIterator[pb.TrainResponse]:
        """Frames are answered in the order in which they come, see `TrainStream`."""
        # What a client with a name holds is freed when the client is gone, and not with one of its streams.
        return_s = None if caller() else self._holders.grace_s
        frames = TrainStream(self._backend, self._device, return_s, self._observer)
        async for answer in frames.answers(requests):
            yield answer

    async def SaveCheckpoint(self, request: pb.SaveCheckpointRequest) -> AsyncIterator[pb.SaveCheckpointResponse]:
        """The copy is made on the device thread, the pieces beside it while training goes on."""
        copy = lambda: self._backend.snapshot(request.trainer_handle, request.step)  # noqa: E731
        snapshot = await self._device.run(copy)
        yield pb.SaveCheckpointResponse(copied=pb.SaveCheckpointResponse.Copied(bytes=snapshot.size))
        # Beside the device thread, which goes on with the next step meanwhile.
        async for piece in stream(own_thread, lambda send: send_pieces(snapshot, send)):
            yield pb.SaveCheckpointResponse(piece=wire.piece(piece))
        yield pb.SaveCheckpointResponse(saved=pb.SaveCheckpointResponse.Saved())

    async def LoadCheckpoint(
        self, requests: AsyncIterator[pb.LoadCheckpointRequest]
    ) -> AsyncIterator[pb.LoadCheckpointResponse]:
        """Pieces become files in a temporary folder, which the trainer then reads as a whole."""
        handle = ""
        with arriving_folder() as folder:
            async for request in requests:
                handle = request.open.trainer_handle or handle
                if request.file:
                    add_piece(folder, request.file, request.data)
            load = lambda: self._backend.restore(handle, folder)  # noqa: E731
            step = await self._device.run(load)
        yield pb.LoadCheckpointResponse(loaded=pb.LoadCheckpointResponse.Loaded(committed_step=step))

    async def Export(self, request: pb.ExportRequest) -> AsyncIterator[pb.ExportResponse]:
        """Progress in bytes, then the names of the files."""
        spec, last = wire.export_spec(request), LastProgress("write", "bytes")

        def work(send: Send) -> None:
            report = last.reporter(send)
            send(self._backend.export(request.model_handle, spec, request.raw_folder, report))

        async for event in stream(self._device.submit, work, idle=lambda: last.value):
            if isinstance(event, Progress):
                yield pb.ExportResponse(progress=wire.progress(event))
            else:
                yield pb.ExportResponse(exported=wire.exported(event))

    async def ReadDataset(self, request: pb.ReadDatasetRequest) -> AsyncIterator[pb.ReadDatasetResponse]:
        """Runs beside the device; several rows in a message."""
        ask = (request.dataset, request.split, request.revision, request.configuration, request.limit)
        async for rows in stream(own_thread, lambda send: read_dataset(*ask, give=send)):
            yield pb.ReadDatasetResponse(json_rows=rows)
