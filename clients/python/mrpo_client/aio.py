"""The client for asyncio, with the methods of the one for scripts."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from . import calls
from .errors import runs_error
from .event import Event
from .gen.mrpo.runs.v1 import runs_pb2 as pb


class AsyncClient:
    """Runs of a service, for asyncio. Calls raise :class:`RunsError`.

    `address`: `host:port` or `unix:/path`. `ca`: PEM file of the authority that signed the service's certificate.
    """

    def __init__(self, address: str, token: str | None = None, ca: str | os.PathLike[str] | None = None) -> None:
        credentials = calls.credentials_of(address, token, ca)
        self._channel = (
            grpc.aio.insecure_channel(address, calls.OPTIONS)
            if credentials is None
            else grpc.aio.secure_channel(address, credentials, calls.OPTIONS)
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
        """Orders a run of a configuration, as of `mrpo train`. The same id and configuration twice are one run."""
        request = calls.create_request(config, run_id, labels, priority, validate_only)
        return (await self._call("CreateRun", request)).run

    async def get(self, run_id: str) -> pb.Run:
        """A run with its spec, as ordered and resolved."""
        return (await self._call("GetRun", pb.GetRunRequest(run_id=run_id))).run

    async def list(
        self, states: list[str] | None = None, labels: Mapping[str, str] | None = None
    ) -> AsyncIterator[pb.Run]:
        """Newest first; `states` by name: ["RUNNING", "PENDING"]."""
        token = ""
        while True:
            page = await self._call("ListRuns", calls.list_request(states, labels, token))
            for run in page.runs:
                yield run
            token = page.next_page_token
            if not token:
                return

    async def watch(self, run_id: str, after_seq: int = 0) -> AsyncIterator[Event]:
        """Every event behind `after_seq`, then those that come, until the run has ended.

        When the service goes away, the watch waits for it and continues behind the last event that it gave.
        """
        pause, away = 0.2, None
        while True:
            request = pb.WatchRunRequest(run_id=run_id, after_seq=after_seq)
            try:
                async for response in self._methods["WatchRun"](request, metadata=self._metadata):
                    pause, away = 0.2, None
                    for event in response.events:
                        after_seq = event.seq
                        yield Event(event)
                return
            except grpc.RpcError as error:
                away = away or time.monotonic()
                if error.code() is not grpc.StatusCode.UNAVAILABLE or time.monotonic() - away > calls.PATIENCE_SECONDS:
                    raise runs_error(error) from error
            await asyncio.sleep(pause)
            pause = min(2 * pause, 5.0)

    async def pause(self, run_id: str) -> pb.Run:
        """Stops it at its next step, with a checkpoint."""
        return (await self._call("PauseRun", pb.PauseRunRequest(run_id=run_id))).run

    async def resume(self, run_id: str) -> pb.Run:
        """Puts a paused, cancelled or failed run back into the queue."""
        return (await self._call("ResumeRun", pb.ResumeRunRequest(run_id=run_id))).run

    async def cancel(self, run_id: str, reason: str = "") -> pb.Run:
        """Stops it at its next step and keeps the adapter of that step."""
        return (await self._call("CancelRun", pb.CancelRunRequest(run_id=run_id, reason=reason))).run

    async def delete(self, run_id: str) -> None:
        """Removes a run that has ended, with its folder and events."""
        await self._call("DeleteRun", pb.DeleteRunRequest(run_id=run_id))

    async def checkpoints(self, run_id: str) -> list[pb.Checkpoint]:
        """Newest first."""
        return [*(await self._call("ListCheckpoints", pb.ListCheckpointsRequest(run_id=run_id))).checkpoints]

    async def download(
        self, run_id: str, artifact: str, folder: str | os.PathLike[str], checkpoint: str = ""
    ) -> list[Path]:
        """Writes an artifact ("result", "report", "metrics", ...) into a folder; gives the paths of its files."""
        request = calls.download_request(run_id, artifact, checkpoint)
        receiver = calls.Receiver(folder)
        try:
            async for piece in self._methods["DownloadArtifact"](request, metadata=self._metadata):
                receiver.take(piece)
        except grpc.RpcError as error:
            raise runs_error(error) from error
        return receiver.paths

    async def upload(self, path: str | os.PathLike[str]) -> str:
        """Sends a preference file; gives what stands for it in `data.train`."""
        return (await self._call("UploadData", calls.upload_pieces(Path(path)), timeout=None)).uri

    async def _call(self, name: str, request: Any, timeout: float | None = calls.CALL_SECONDS) -> Any:
        try:
            return await self._methods[name](request, metadata=self._metadata, timeout=timeout)
        except grpc.RpcError as error:
            raise runs_error(error) from error
