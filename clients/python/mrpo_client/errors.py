"""What the service refuses or fails at."""

from __future__ import annotations

from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

PREFIX = "ERROR_REASON_"
DETAILS = "grpc-status-details-bin"


class RunsError(Exception):
    """`reason`: a name of ErrorReason without its prefix, or of the gRPC status where the service said none."""

    def __init__(self, reason: str, message: str, hint: str, fields: dict[str, str], code: grpc.StatusCode) -> None:
        super().__init__(message)
        self.reason = reason
        self.hint = hint
        self.fields = fields
        """Refused fields by path (`spec.training.epochs`), with what was expected."""
        self.code = code


def runs_error(error: Any) -> RunsError:
    """The error of a call, sync or asyncio, with the details that the service sent."""
    reason, hint, fields = error.code().name, "", {}
    for name, value in error.trailing_metadata() or ():
        if name != DETAILS:
            continue
        for detail in status_pb2.Status.FromString(value).details:
            info, refused = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
            if detail.Unpack(info):
                reason, hint = info.reason.removeprefix(PREFIX), info.metadata.get("hint", "")
            elif detail.Unpack(refused):
                fields = {violation.field: violation.description for violation in refused.field_violations}
    return RunsError(reason, error.details() or "", hint, fields, error.code())
