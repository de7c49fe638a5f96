"""What the service refuses or fails at."""

from __future__ import annotations

from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

from .gen.mrpo.runs.v1 import runs_pb2 as pb

PREFIX = "ERROR_REASON_"
REASONS = frozenset(pb.ErrorReason.keys())
DETAILS = "grpc-status-details-bin"
BY_STATUS = {
    grpc.StatusCode.UNAVAILABLE: "unreachable",
    grpc.StatusCode.DEADLINE_EXCEEDED: "unreachable",
    grpc.StatusCode.UNAUTHENTICATED: "unauthenticated",
    grpc.StatusCode.PERMISSION_DENIED: "unauthenticated",
    grpc.StatusCode.UNIMPLEMENTED: "protocol",
    grpc.StatusCode.INVALID_ARGUMENT: "protocol",
    grpc.StatusCode.CANCELLED: "aborted",
}
"""Where the service itself did not answer."""


class RunsError(Exception):
    """A call that was refused or failed.

    `reason`: a name of ErrorReason in small letters (`run_not_found`); where the service itself did not answer
    `unreachable`, `unauthenticated`, `protocol`, `aborted` (the client was closed), or `failed`.
    """

    def __init__(
        self,
        reason: str,
        message: str,
        hint: str = "",
        fields: dict[str, str] | None = None,
        code: grpc.StatusCode | None = None,
        details: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.hint = hint
        self.fields = fields or {}
        """Refused fields by path (`spec.training.epochs`), with what was expected."""
        self.code = code
        """Of gRPC; None where an answer made no sense."""
        self.details = details or {}
        """What else the service says of it, by name."""


def runs_error(error: Any) -> RunsError:
    """The error of a call, sync or asyncio, with the details that the service sent."""
    code = error.code()
    reason, hint, fields, details = BY_STATUS.get(code, "failed"), "", {}, {}
    for name, value in error.trailing_metadata() or ():
        if name != DETAILS:
            continue
        for detail in status_pb2.Status.FromString(value).details:
            info, refused = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
            if detail.Unpack(info):
                reason = info.reason.removeprefix(PREFIX).lower() if info.reason in REASONS else "failed"
                details = dict(info.metadata)
                hint = details.pop("hint", "")
            elif detail.Unpack(refused):
                fields = {violation.field: violation.description for violation in refused.field_violations}
    return RunsError(reason, error.details() or "", hint, fields, code, details)
