"""The client for scripts: every call waits for its answer."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc

from . import calls
from .errors import RunsError, runs_error
from .event import Event
from .gen.mrpo.runs.v1 import runs_pb2 as pb
from .spec import spec_of
from .tracing import traced
from .transfer import Receiver, upload_pieces


class Client:
    """Runs of a service. Calls raise :class:`RunsError`.

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
            grpc.insecure_channel(address, options)
            if credentials is None
            else grpc.secure_channel(address, credentials, options)
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
        """Orders a run of a configuration, as of `mrpo train`. The same id and configuration twice are one run.

        What the service has to say of the configuration is a `UserWarning`. `validate_only`: nothing is ordered.
        """
        request = calls.create_request(config, run_id, labels, priority, validate_only)
        return calls.created(self._call("CreateRun", request))

    def get(self, run_id: str) -> pb.Run:
        """A run with its spec, as ordered and resolved."""
        return self._call("GetRun", pb.GetRunRequest(run_id=run_id)).run

    def list(
        self, states: list[str] | None = None, labels: Mapping[str, str] | None = None, tenant: str = ""
    ) -> Iterator[pb.Run]:
        """Newest first; `states` by name: ["RUNNING", "PENDING"]. Nothing is asked before the first is taken."""
        token = ""
        while True:
            page = self._call("ListRuns", calls.list_request(states, labels, tenant, token))
            yield from page.runs
            token = page.next_page_token
            if not token:
                return

    def watch(
        self,
        run_id: str,
        after_seq: int = 0,
        *,
        only_kept: bool = False,
        patience: float = calls.PATIENCE_SECONDS,
    ) -> Iterator[Event]:
        """Every event behind `after_seq`, then those that come, until the run has ended.

        When the service goes away, the watch waits for it, `patience` seconds at most, and continues behind the last
        event that it gave. `only_kept`: it ends behind the newest event instead of waiting for more.
        """
        watch = calls.Watch(run_id, after_seq, only_kept, patience)
        while True:
            try:
                for response in self._stream("WatchRun", watch.request()):
                    yield from map(Event, watch.take(response))
                return
            except grpc.RpcError as error:
                pause = watch.pause_after(error.code())
                if pause is None:
                    raise runs_error(error) from error
            time.sleep(pause)

    def pause(self, run_id: str) -> pb.Run:
        """Stops it at its next step, with a checkpoint."""
        return self._call("PauseRun", pb.PauseRunRequest(run_id=run_id)).run

    def resume(self, run_id: str) -> pb.Run:
        """Puts a paused, cancelled or failed run back into the queue."""
        return self._call("ResumeRun", pb.ResumeRunRequest(run_id=run_id)).run

    def cancel(self, run_id: str, reason: str = "", *, at_once: bool = False) -> pb.Run:
        """Stops it at its next step and keeps the adapter of that step.

        `at_once`: ends its processes where they stand; what no checkpoint holds is lost.
        """
        return self._call("CancelRun", pb.CancelRunRequest(run_id=run_id, reason=reason, at_once=at_once)).run

    def delete(self, run_id: str) -> None:
        """Removes a run that has ended, with its folder and events."""
        self._call("DeleteRun", pb.DeleteRunRequest(run_id=run_id))

    def checkpoints(self, run_id: str) -> list[pb.Checkpoint]:
        """Newest first."""
        return [*self._call("ListCheckpoints", pb.ListCheckpointsRequest(run_id=run_id)).checkpoints]

    def download(self, run_id: str, artifact: str, folder: str | os.PathLike[str], checkpoint: str = "") -> list[Path]:
        """Writes an artifact ("result", "report", "metrics", ...) into a folder; gives the paths of its files.

        `checkpoint`: the name of one, for the artifact "checkpoint".
        """
        request = calls.download_request(run_id, artifact, checkpoint)
        with Receiver(folder) as receiver:
            try:
                for piece in self._stream("DownloadArtifact", request):
                    receiver.take(piece)
            except grpc.RpcError as error:
                raise runs_error(error) from error
            return receiver.whole()

    def plan(self, config: Mapping[str, Any], device: str = "") -> pb.PlanRunResponse:
        """Memory and time of a configuration on the service's machine, or on a device that `mrpo plan` knows."""
        request = pb.PlanRunRequest(spec=spec_of(config), device=device)
        return self._call("PlanRun", request, calls.WORK_SECONDS)

    def score(
        self, config: Mapping[str, Any], on_progress: Callable[[pb.WorkProgress], object] | None = None
    ) -> pb.Scored:
        """Scores the references of a configuration into the service's cache."""
        try:
            for response in self._stream("ScoreReferences", pb.ScoreReferencesRequest(spec=spec_of(config))):
                if response.HasField("scored"):
                    return response.scored
                if on_progress is not None and response.HasField("progress"):
                    on_progress(response.progress)
        except grpc.RpcError as error:
            raise runs_error(error) from error
        raise RunsError("protocol", "ScoreReferences: the service ended without a result")

    def reference_report(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """As of `mrpo references --json`."""
        request = pb.ReferenceReportRequest(spec=spec_of(config))
        return calls.object_of(self._call("ReferenceReport", request, calls.WORK_SECONDS).report)

    def what_if(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """As of `mrpo whatif --json`."""
        request = pb.WhatIfRequest(spec=spec_of(config))
        return calls.object_of(self._call("WhatIf", request, calls.WORK_SECONDS).result)

    def models(self) -> list[pb.Model]:
        """Models below the roots of the service."""
        return [*self._call("ListModels", pb.ListModelsRequest()).models]

    def upload(self, path: str | os.PathLike[str]) -> str:
        """Sends a preference file; gives what stands for it in `data.train`."""
        with open(path, "rb") as file:
            return self._call("UploadData", upload_pieces(Path(path).name, file), timeout=None).uri

    def _call(self, name: str, request: Any, timeout: float | None = calls.CALL_SECONDS) -> Any:
        attempt = 0
        while True:
            try:
                with traced(calls.full_name(name), self._metadata) as metadata:
                    return self._methods[name](request, metadata=metadata, timeout=timeout)
            except grpc.RpcError as error:
                pause = calls.pause_before_retry(name, attempt, error.code())
                if pause is None:
                    raise runs_error(error) from error
            time.sleep(pause)
            attempt += 1

    def _stream(self, name: str, request: Any) -> Iterator[Any]:
        """Ends its call when nobody wants more of it. Raises what gRPC does."""
        with traced(calls.full_name(name), self._metadata) as metadata:
            call = self._methods[name](request, metadata=metadata)
            try:
                for message in call:  # noqa: UP028 - a call is no generator
                    yield message
            finally:
                call.cancel()
