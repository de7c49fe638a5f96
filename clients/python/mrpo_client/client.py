"""The client for scripts: every call waits for its answer."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc

from . import calls
from .errors import runs_error
from .event import Event
from .gen.mrpo.runs.v1 import runs_pb2 as pb


class Client:
    """Runs of a service. Calls raise :class:`RunsError`.

    `address`: `host:port` or `unix:/path`. `ca`: PEM file of the authority that signed the service's certificate.
    """

    def __init__(self, address: str, token: str | None = None, ca: str | os.PathLike[str] | None = None) -> None:
        credentials = calls.credentials_of(address, token, ca)
        self._channel = (
            grpc.insecure_channel(address, calls.OPTIONS)
            if credentials is None
            else grpc.secure_channel(address, credentials, calls.OPTIONS)
        )
        self._methods = calls.methods(self._channel)
        self._metadata = calls.metadata_of(token)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends open calls."""
        self._channel.close()

    def info(self) -> pb.GetServiceInfoResponse:
        """Version, limits, backends, and the caller's own role."""
        return self._call("GetServiceInfo", pb.GetServiceInfoRequest())

    def create(
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
        return self._call("CreateRun", request).run

    def get(self, run_id: str) -> pb.Run:
        """A run with its spec, as ordered and resolved."""
        return self._call("GetRun", pb.GetRunRequest(run_id=run_id)).run

    def list(self, states: list[str] | None = None, labels: Mapping[str, str] | None = None) -> Iterator[pb.Run]:
        """Newest first; `states` by name: ["RUNNING", "PENDING"]."""
        token = ""
        while True:
            page = self._call("ListRuns", calls.list_request(states, labels, token))
            yield from page.runs
            token = page.next_page_token
            if not token:
                return

    def watch(self, run_id: str, after_seq: int = 0) -> Iterator[Event]:
        """Every event behind `after_seq`, then those that come, until the run has ended.

        When the service goes away, the watch waits for it and continues behind the last event that it gave.
        """
        pause, away = 0.2, None
        while True:
            request = pb.WatchRunRequest(run_id=run_id, after_seq=after_seq)
            try:
                for response in self._methods["WatchRun"](request, metadata=self._metadata):
                    pause, away = 0.2, None
                    for event in response.events:
                        after_seq = event.seq
                        yield Event(event)
                return
            except grpc.RpcError as error:
                away = away or time.monotonic()
                if error.code() is not grpc.StatusCode.UNAVAILABLE or time.monotonic() - away > calls.PATIENCE_SECONDS:
                    raise runs_error(error) from error
            time.sleep(pause)
            pause = min(2 * pause, 5.0)

    def pause(self, run_id: str) -> pb.Run:
        """Stops it at its next step, with a checkpoint."""
        return self._call("PauseRun", pb.PauseRunRequest(run_id=run_id)).run

    def resume(self, run_id: str) -> pb.Run:
        """Puts a paused, cancelled or failed run back into the queue."""
        return self._call("ResumeRun", pb.ResumeRunRequest(run_id=run_id)).run

    def cancel(self, run_id: str, reason: str = "") -> pb.Run:
        """Stops it at its next step and keeps the adapter of that step."""
        return self._call("CancelRun", pb.CancelRunRequest(run_id=run_id, reason=reason)).run

    def delete(self, run_id: str) -> None:
        """Removes a run that has ended, with its folder and events."""
        self._call("DeleteRun", pb.DeleteRunRequest(run_id=run_id))

    def checkpoints(self, run_id: str) -> list[pb.Checkpoint]:
        """Newest first."""
        return [*self._call("ListCheckpoints", pb.ListCheckpointsRequest(run_id=run_id)).checkpoints]

    def download(self, run_id: str, artifact: str, folder: str | os.PathLike[str], checkpoint: str = "") -> list[Path]:
        """Writes an artifact ("result", "report", "metrics", ...) into a folder; gives the paths of its files."""
        request = calls.download_request(run_id, artifact, checkpoint)
        receiver = calls.Receiver(folder)
        try:
            for piece in self._methods["DownloadArtifact"](request, metadata=self._metadata):
                receiver.take(piece)
        except grpc.RpcError as error:
            raise runs_error(error) from error
        return receiver.paths

    def upload(self, path: str | os.PathLike[str]) -> str:
        """Sends a preference file; gives what stands for it in `data.train`."""
        return self._call("UploadData", calls.upload_pieces(Path(path)), timeout=None).uri

    def _call(self, name: str, request: Any, timeout: float | None = calls.CALL_SECONDS) -> Any:
        try:
            return self._methods[name](request, metadata=self._metadata, timeout=timeout)
        except grpc.RpcError as error:
            raise runs_error(error) from error
