"""What both clients share: the methods of the service, its requests, and when a call is sent again."""

from __future__ import annotations

import os
import secrets
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import MethodOptions

from .errors import RunsError
from .gen.mrpo.runs.v1 import runs_pb2 as pb
from .spec import spec_of

MESSAGE_BYTES = 16 * 2**20
CALL_SECONDS = 60.0
WORK_SECONDS = 1800.0
"""Reading the data of a configuration may take a while."""
PATIENCE_SECONDS = 600.0
"""How long a watch waits for a service that has gone."""
ATTEMPTS = 3
"""Of a call that may be sent twice, while the service cannot be reached."""
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
OPTIONS = [
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
]
KEEPALIVE = [
    ("grpc.keepalive_time_ms", 25_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
]
"""Finds a service on another machine that vanished silently. On this machine the system tells of every end."""
ARTIFACTS = {name.removeprefix("ARTIFACT_").lower(): number for name, number in pb.Artifact.items() if number != 0}
STATES = {name.removeprefix("RUN_STATE_"): number for name, number in pb.RunState.items() if number != 0}
SERVICE = pb.DESCRIPTOR.services_by_name["RunService"]


def is_local(address: str) -> bool:
    """Whether an address is one of this machine."""
    return address.startswith("unix:") or address.rsplit(":", 1)[0] in ("127.0.0.1", "localhost", "[::1]")


def options_of(address: str) -> list[tuple[str, int]]:
    """Of a channel."""
    return OPTIONS if is_local(address) else [*OPTIONS, *KEEPALIVE]


def methods(channel: Any) -> dict[str, Any]:
    """A callable for each method of the service, on a channel of grpc or of grpc.aio."""
    kinds = {
        (False, False): channel.unary_unary,
        (False, True): channel.unary_stream,
        (True, False): channel.stream_unary,
    }
    messages = {message.name: getattr(pb, message.name) for message in pb.DESCRIPTOR.message_types_by_name.values()}
    return {
        method.name: kinds[method.client_streaming, method.server_streaming](
            "/" + full_name(method.name),
            request_serializer=messages[method.input_type.name].SerializeToString,
            response_deserializer=messages[method.output_type.name].FromString,
        )
        for method in SERVICE.methods
    }


def full_name(method: str) -> str:
    """ "mrpo.runs.v1.RunService/GetRun"."""
    return f"{SERVICE.full_name}/{method}"


def pause_before_retry(method: str, attempt: int, code: grpc.StatusCode) -> float | None:
    """Seconds until a failed call is sent again; None: it is not. `attempt` 0 is the first."""
    options = SERVICE.methods_by_name[method].GetOptions()
    once = options.idempotency_level == MethodOptions.IDEMPOTENCY_UNKNOWN
    if once or attempt + 1 >= ATTEMPTS or code is not grpc.StatusCode.UNAVAILABLE:
        return None
    return FIRST_PAUSE_SECONDS * 2**attempt


class Watch:
    """Where a watch has come to, and how long it waits for a service that has gone."""

    def __init__(self, run_id: str, after_seq: int, only_kept: bool, patience: float) -> None:
        self._run_id, self._after_seq, self._only_kept, self._patience = run_id, after_seq, only_kept, patience
        self._pause = FIRST_PAUSE_SECONDS
        self._away: float | None = None

    def request(self) -> pb.WatchRunRequest:
        """For the events behind the last one."""
        return pb.WatchRunRequest(run_id=self._run_id, after_seq=self._after_seq, only_kept=self._only_kept)

    def take(self, response: pb.WatchRunResponse) -> Iterator[pb.Event]:
        """The events of an answer, in order and without a gap."""
        self._pause, self._away = FIRST_PAUSE_SECONDS, None
        for event in response.events:
            if event.seq != self._after_seq + 1:
                raise RunsError("protocol", f"event {event.seq} came behind event {self._after_seq}")
            self._after_seq = event.seq
            yield event

    def pause_after(self, code: grpc.StatusCode) -> float | None:
        """Seconds until it is asked again, after a failure; None: it is not."""
        now = time.monotonic()
        self._away = now if self._away is None else self._away
        if code is not grpc.StatusCode.UNAVAILABLE or now - self._away > self._patience:
            return None
        pause, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE_SECONDS)
        return pause


def state_name(state: int) -> str:
    """ "RUNNING" for RUN_STATE_RUNNING."""
    return pb.RunState.Name(state).removeprefix("RUN_STATE_")


def metadata_of(token: str | None) -> list[tuple[str, str]]:
    """Of every call."""
    return [] if token is None else [("authorization", f"Bearer {token}")]


def credentials_of(
    address: str,
    token: str | None,
    ca: str | os.PathLike[str] | None,
    cert: str | os.PathLike[str] | None,
    key: str | os.PathLike[str] | None,
) -> grpc.ChannelCredentials | None:
    """None: plain text, which carries a token only on this machine."""
    if (cert is None) != (key is None):
        raise ValueError("a client certificate needs its key, and a key its certificate: give both cert and key")
    if ca is not None or cert is not None:
        files = [None if path is None else Path(path).read_bytes() for path in (ca, key, cert)]
        return grpc.ssl_channel_credentials(*files)
    if token is not None and not is_local(address):
        raise ValueError(f"{address}: a token would travel in plain text; give ca, the authority of its certificate")
    return None


def create_request(
    config: Mapping[str, Any],
    run_id: str | None,
    labels: Mapping[str, str] | None,
    priority: int,
    validate_only: bool,
) -> pb.CreateRunRequest:
    """With an id of this side's own, a call whose answer was lost can be sent again."""
    given = run_id or f"run-{int(time.time()):x}-{secrets.token_hex(5)}"
    return pb.CreateRunRequest(
        run_id=given, spec=spec_of(config), labels=labels, priority=priority, validate_only=validate_only
    )


def created(response: pb.CreateRunResponse) -> pb.Run:
    """The run; what the service says of its configuration becomes Python warnings."""
    for text in response.warnings:
        warnings.warn(text, stacklevel=3)
    return response.run


def list_request(
    states: list[str] | None, labels: Mapping[str, str] | None, tenant: str, page_token: str
) -> pb.ListRunsRequest:
    """States by name, without their prefix. Raises ValueError for a state that there is none of."""
    if isinstance(states, str):
        raise ValueError(f"states: got {states!r}, expected a list of names: [{states!r}]")
    for state in states or []:
        if state not in STATES:
            raise ValueError(f"state {state!r}: expected one of {', '.join(STATES)}")
    numbers = [STATES[state] for state in states or []]
    return pb.ListRunsRequest(states=numbers, labels=labels, tenant=tenant, page_token=page_token)


def download_request(run_id: str, artifact: str, checkpoint: str) -> pb.DownloadArtifactRequest:
    """Raises ValueError for an artifact that there is none of."""
    if artifact not in ARTIFACTS:
        raise ValueError(f"artifact {artifact!r}: expected one of {', '.join(ARTIFACTS)}")
    return pb.DownloadArtifactRequest(run_id=run_id, artifact=ARTIFACTS[artifact], checkpoint=checkpoint)


def object_of(message: Any) -> dict[str, Any]:
    """A report as a dict."""
    return json_format.MessageToDict(message)
