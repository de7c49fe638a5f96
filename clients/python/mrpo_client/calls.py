"""What both clients share: the methods of the service, its requests, files in pieces."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc

from .gen.mrpo.runs.v1 import runs_pb2 as pb
from .spec import spec_of

MESSAGE_BYTES = 16 * 2**20
PIECE_BYTES = 1 << 20
CALL_SECONDS = 60.0
PATIENCE_SECONDS = 600.0
"""How long a watch waits for a service that has gone."""
OPTIONS = [("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.max_send_message_length", MESSAGE_BYTES)]
ARTIFACTS = {name.removeprefix("ARTIFACT_").lower(): number for name, number in pb.Artifact.items()}


def methods(channel: Any) -> dict[str, Any]:
    """A callable for each method of the service, on a channel of grpc or of grpc.aio."""
    service = pb.DESCRIPTOR.services_by_name["RunService"]
    kinds = {
        (False, False): channel.unary_unary,
        (False, True): channel.unary_stream,
        (True, False): channel.stream_unary,
    }
    messages = {message.name: getattr(pb, message.name) for message in pb.DESCRIPTOR.message_types_by_name.values()}
    return {
        method.name: kinds[method.client_streaming, method.server_streaming](
            f"/{service.full_name}/{method.name}",
            request_serializer=messages[method.input_type.name].SerializeToString,
            response_deserializer=messages[method.output_type.name].FromString,
        )
        for method in service.methods
    }


def state_name(state: int) -> str:
    """ "RUNNING" for RUN_STATE_RUNNING."""
    return pb.RunState.Name(state).removeprefix("RUN_STATE_")


def metadata_of(token: str | None) -> list[tuple[str, str]]:
    """Of every call."""
    return [] if token is None else [("authorization", f"Bearer {token}")]


def credentials_of(
    address: str, token: str | None, ca: str | os.PathLike[str] | None
) -> grpc.ChannelCredentials | None:
    """None: plain text, which carries a token only on this machine."""
    if ca is not None:
        return grpc.ssl_channel_credentials(Path(ca).read_bytes())
    host = address.rsplit(":", 1)[0]
    local = address.startswith("unix:") or host in ("127.0.0.1", "localhost", "[::1]")
    if token is not None and not local:
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


def list_request(states: list[str] | None, labels: Mapping[str, str] | None, page_token: str) -> pb.ListRunsRequest:
    """States by name, without their prefix."""
    numbers = [pb.RunState.Value(f"RUN_STATE_{state}") for state in states or []]
    return pb.ListRunsRequest(states=numbers, labels=labels, page_token=page_token)


def download_request(run_id: str, artifact: str, checkpoint: str) -> pb.DownloadArtifactRequest:
    """Raises ValueError for an artifact that there is none of."""
    if artifact not in ARTIFACTS:
        raise ValueError(f"artifact {artifact!r}: expected one of {', '.join(ARTIFACTS)}")
    return pb.DownloadArtifactRequest(run_id=run_id, artifact=ARTIFACTS[artifact], checkpoint=checkpoint)


def upload_pieces(path: Path) -> Iterator[pb.UploadDataRequest]:
    """A file, its name first."""
    yield pb.UploadDataRequest(header=pb.UploadHeader(name=path.name))
    with path.open("rb") as file:
        while data := file.read(PIECE_BYTES):
            yield pb.UploadDataRequest(data=data)


class Receiver:
    """Writes an artifact's pieces below a folder; a file has its name only when it is whole and its hash is right."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder).resolve()
        self.paths: list[Path] = []
        self._hash = hashlib.sha256()
        self._size = 0

    def take(self, piece: pb.DownloadArtifactResponse) -> None:
        """Raises ValueError for a piece that is out of order, or a file that is not what was sent."""
        path = (self.folder / piece.file).resolve()
        if not path.is_relative_to(self.folder):
            raise ValueError(f"the service sent a file outside {self.folder}: {piece.file!r}")
        part = path.with_name(f"{path.name}.part")
        if piece.offset == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(b"")
            self._hash, self._size = hashlib.sha256(), 0
        if piece.offset != self._size:
            raise ValueError(f"{piece.file}: a piece at {piece.offset} came behind {self._size} bytes")
        with part.open("ab") as file:
            file.write(piece.data)
        self._hash.update(piece.data)
        self._size += len(piece.data)
        if not piece.sha256:
            return
        if self._hash.hexdigest() != piece.sha256:
            raise ValueError(f"{piece.file}: what came is not what was sent")
        os.replace(part, path)
        self.paths.append(path)
