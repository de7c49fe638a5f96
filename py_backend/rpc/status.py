"""How a Fault travels over gRPC: a google.rpc.Status (code, message, ErrorInfo with reason and hint) in the trailer
`grpc-status-details-bin`."""

from __future__ import annotations

import grpc

from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb
from py_backend.gen.mrpo.rpc.v1 import status_pb2

from ..faults import Fault

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
    "CHECKPOINT_INVALID": grpc.StatusCode.FAILED_PRECONDITION,
    "TRAINER_LOST": grpc.StatusCode.ABORTED,
    "EXPORT_DIFFERS": grpc.StatusCode.DATA_LOSS,
}


LONGEST_MESSAGE = 1500
"""In characters: it travels twice, in headers that may have 8 KiB in all, and three bytes for each beyond ASCII."""


def short(text: str) -> str:
    """The text cut to what fits into a header of gRPC."""
    most = LONGEST_MESSAGE if text.isascii() else LONGEST_MESSAGE // 3
    return text if len(text) <= most else f"{text[: most - 3]}..."


def code_of(fault: Fault) -> grpc.StatusCode:
    """The gRPC status code of a fault's reason."""
    return CODES[fault.reason]


def reason_number(fault: Fault) -> int:
    """The reason as a number of ErrorReason."""
    return pb.ErrorReason.Value(f"ERROR_REASON_{fault.reason}")


def status_bytes(fault: Fault) -> bytes:
    """The google.rpc.Status of a fault, serialised."""
    info = status_pb2.ErrorInfo(reason=f"ERROR_REASON_{fault.reason}", domain=DOMAIN)
    if fault.hint:
        info.metadata["hint"] = short(fault.hint)
    status = status_pb2.Status(code=code_of(fault).value[0], message=short(fault.message))
    status.details.add(type_url=TYPE_URL, value=info.SerializeToString())
    return status.SerializeToString()
