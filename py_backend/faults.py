"""What the backend refuses, with a reason that a program can branch on, and how that travels over gRPC.

A Fault crosses the wire as a google.rpc.Status (code, message, ErrorInfo with reason and hint) in the trailer
`grpc-status-details-bin`. Anything else that is raised is a defect: it becomes INTERNAL, with its stack in the log.
"""

from __future__ import annotations

import grpc

from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb
from py_backend.gen.mrpo.rpc.v1 import status_pb2

DETAILS_KEY = "grpc-status-details-bin"
DOMAIN = "mrpo.backend"
TYPE_URL = "type.googleapis.com/google.rpc.ErrorInfo"

CODES: dict[str, grpc.StatusCode] = {
    "MODEL_NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "MODEL_INVALID": grpc.StatusCode.FAILED_PRECONDITION,
    "CHAT_TEMPLATE_MISSING": grpc.StatusCode.FAILED_PRECONDITION,
    "UNKNOWN_HANDLE": grpc.StatusCode.NOT_FOUND,
    "ROW_INVALID": grpc.StatusCode.INVALID_ARGUMENT,
    "TARGET_MODULES_UNMATCHED": grpc.StatusCode.INVALID_ARGUMENT,
    "OUT_OF_MEMORY": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "STEP_CONFLICT": grpc.StatusCode.FAILED_PRECONDITION,
    "UNSUPPORTED": grpc.StatusCode.FAILED_PRECONDITION,
    "PATH_REFUSED": grpc.StatusCode.PERMISSION_DENIED,
    "DATASET_NOT_FOUND": grpc.StatusCode.NOT_FOUND,
}


class Fault(Exception):
    """reason: a name of ErrorReason without its prefix. hint: what the user can do about it."""

    def __init__(self, reason: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.hint = hint

    @property
    def code(self) -> grpc.StatusCode:
        return CODES[self.reason]

    @property
    def reason_number(self) -> int:
        return pb.ErrorReason.Value(f"ERROR_REASON_{self.reason}")


def status_bytes(fault: Fault) -> bytes:
    """The google.rpc.Status of a fault, serialised."""
    info = status_pb2.ErrorInfo(reason=f"ERROR_REASON_{fault.reason}", domain=DOMAIN)
    if fault.hint:
        info.metadata["hint"] = fault.hint
    status = status_pb2.Status(code=fault.code.value[0], message=fault.message)
    status.details.add(type_url=TYPE_URL, value=info.SerializeToString())
    return status.SerializeToString()
