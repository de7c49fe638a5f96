"""The client for asyncio, with the methods of the one for scripts."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from . import calls
from .errors import RunsError, runs_error
from .event import Event
from .gen.mrpo.runs.v1 import runs_pb2 as pb
from .spec import spec_of
from .tracing import traced
from .transfer import Receiver, upload_pieces


class AsyncClient:
    """Runs of a service, for asyncio. Calls raise :class:`RunsError`.

    `address`: `host:port` or `unix:/path`. `ca`: PEM file of the authority that signed the service's certificate;
    `cert` and `key`: of this program, for services that ask for one.
    """

    def __init__(
        self,
        address: str,
        token: str | None = None,
        ca: str | os.PathLike[str] | None = None,
        *,
        cert: str | os.PathLike[str] | None = None,
        key: str | os.PathLike[str] | None = None,
    ) -> None:
        credentials = calls.credentials_of(address, token, ca, cert, key)
        options = calls.options_of(address)
        self._channel = (
            grpc.aio.insecure_channel(address, options)
            if credentials is None
            else grpc.aio.secure_channel(address, credentials, options)
        )
        self._methods = calls.methods(self._channel)
        self._metadata = calls.metadata_of(token)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends open calls."""
        await self._channel.close()

    async def info(self) -> pb.GetServiceInfoResponse:
        """Version, limits, backends, and the caller's own role."""
        return await self._call("GetServiceInfo", pb.GetServiceInfoRequest())

    async def create(
        self,
        config: Mapping[str, Any],
        *,
        run_id: str | None = None,
        labels: Mapping[str, str] | None = None,
        priority: int = 0,
        validate_only: bool = False,
    ) -> pb.Run:
        """Orders a run of a configuration, as of `mrpo train`. The same id and configuration twice are one run.

        What the service has to say of the configuration is a `UserWarning`. `validate_only`: nothing is ordered.
        """
        request = calls.create_request(config, run_id, labels, priority, validate_only)
        return calls.created(await self._call("CreateRun", request))

    async def get(self, run_id: str) -> pb.Run:
        """A run with its spec, as ordered and resolved."""
        return (await self._call("GetRun", pb.GetRunRequest(run_id=run_id))).run

    async def list(
        self, states: list[str] | None = None, labels: Mapping[str, str] | None = None, tenant: str = ""
    ) -> AsyncIterator[pb.Run]:
        """Newest first; `states` by name: ["RUNNING", "PENDING"]. Nothing is asked before the first is taken."""
        token = ""
        while True:
            page = await self._call("ListRuns", calls.list_request(states, labels, tenant, token))
            for run in page.runs:
                yield run
            token = page.next_page_token
            if not token:
                return

    async def watch(
        self,
        run_id: str,
        after_seq: int = 0,
        *,
        only_kept: bool = False,
        patience: float = calls.PATIENCE_SECONDS,
    ) -> AsyncIterator[Event]:
        """Every event behind `after_seq`, then those that come, until the run has ended.

        When the service goes away, the watch waits for it, `patience` seconds at most, and continues behind the last
        event that it gave. `only_kept`: it ends behind the newest event instead of waiting for more.
        """
        watch = calls.Watch(run_id, after_seq, only_kept, patience)
        while True:
            try:
                async with aclosing(self._stream("WatchRun", watch.request())) as responses:
                    async for response in responses:
                        for event in watch.take(response):
                            yield Event(event)
                return
            except grpc.RpcError as error:
                pause = watch.pause_after(error.code())
                if pause is None:
                    raise runs_error(error) from error
            await asyncio.sleep(pause)

    async def pause(self, run_id: str) -> pb.Run:
        """Stops it at its next step, with a checkpoint."""
        return (await self._call("PauseRun", pb.PauseRunRequest(run_id=run_id))).run

    async def resume(self, run_id: str) -> pb.Run:
        """Puts a paused, cancelled or failed run back into the queue."""
        return (await self._call("ResumeRun", pb.ResumeRunRequest(run_id=run_id))).run

    async def cancel(self, run_id: str, reason: str = "", *, at_once: bool = False) -> pb.Run:
        """Stops it at its next step and keeps the adapter of that step.

        `at_once`: ends its processes where they stand; what no checkpoint holds is lost.
        """
        return (await self._call("CancelRun", pb.CancelRunRequest(run_id=run_id, reason=reason, at_once=at_once))).run

    async def delete(self, run_id: str) -> None:
        """Removes a run that has ended, with its folder and events."""
        await self._call("DeleteRun", pb.DeleteRunRequest(run_id=run_id))

    async def checkpoints(self, run_id: str) -> list[pb.Checkpoint]:
        """Newest first."""
        return [*(await self._call("ListCheckpoints", pb.ListCheckpointsRequest(run_id=run_id))).checkpoints]

    async def download(
        self, run_id: str, artifact: str, folder: str | os.PathLike[str], checkpoint: str = ""
    ) -> list[Path]:
        """Writes an artifact ("result", "report", "metrics", ...) into a folder; gives the paths of its files.

        `checkpoint`: the name of one, for the artifact "checkpoint".
        """
        request = calls.download_request(run_id, artifact, checkpoint)
        with Receiver(folder) as receiver:
            try:
                async with aclosing(self._stream("DownloadArtifact", request)) as pieces:
                    async for piece in pieces:
                        receiver.take(piece)
            except grpc.RpcError as error:
                raise runs_error(error) from error
            return receiver.whole()

    async def plan(self, config: Mapping[str, Any], device: str = "") -> pb.PlanRunResponse:
        """Memory and time of a configuration on the service's machine, or on a device that `mrpo plan` knows."""
        request = pb.PlanRunRequest(spec=spec_of(config), device=device)
        return await self._call("PlanRun", request, calls.WORK_SECONDS)

    async def score(
        self, config: Mapping[str, Any], on_progress: Callable[[pb.WorkProgress], object] | None = None
    ) -> pb.Scored:
        """Scores the references of a configuration into the service's cache."""
        request = pb.ScoreReferencesRequest(spec=spec_of(config))
        try:
            async with aclosing(self._stream("ScoreReferences", request)) as responses:
                async for response in responses:
                    if response.HasField("scored"):
                        return response.scored
                    if on_progress is not None and response.HasField("progress"):
                        on_progress(response.progress)
        except grpc.RpcError as error:
            raise runs_error(error) from error
        raise RunsError("protocol", "ScoreReferences: the service ended without a result")

    async def reference_report(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """As of `mrpo references --json`."""
        request = pb.ReferenceReportRequest(spec=spec_of(config))
        return calls.object_of((await self._call("ReferenceReport", request, calls.WORK_SECONDS)).report)

    async def what_if(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """As of `mrpo whatif --json`."""
        request = pb.WhatIfRequest(spec=spec_of(config))
        return calls.object_of((await self._call("WhatIf", request, calls.WORK_SECONDS)).result)

    async def models(self) -> list[pb.Model]:
        """Models below the roots of the service."""
        return [*(await self._call("ListModels", pb.ListModelsRequest())).models]

    async def upload(self, path: str | os.PathLike[str]) -> str:
        """Sends a preference file; gives what stands for it in `data.train`."""
        with open(path, "rb") as file:
            return (await self._call("UploadData", upload_pieces(Path(path).name, file), timeout=None)).uri

    async def _call(self, name: str, request: Any, timeout: float | None = calls.CALL_SECONDS) -> Any:
        attempt = 0
        while True:
            try:
                with traced(calls.full_name(name), self._metadata) as metadata:
                    return await self._methods[name](request, metadata=metadata, timeout=timeout)
            except grpc.RpcError as error:
                pause = calls.pause_before_retry(name, attempt, error.code())
                if pause is None:
                    raise runs_error(error) from error
            await asyncio.sleep(pause)
            attempt += 1

    async def _stream(self, name: str, request: Any) -> AsyncGenerator[Any, None]:
        """Ends its call when nobody wants more of it. Raises what gRPC does."""
        with traced(calls.full_name(name), self._metadata) as metadata:
            call = self._methods[name](request, metadata=metadata)
            try:
                async for message in call:
                    yield message
            finally:
                call.cancel()
