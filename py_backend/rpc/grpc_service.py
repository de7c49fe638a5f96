"""Binds the servicer's methods to the service descriptor, so that no generated gRPC plugin code is needed, and turns
what they raise into statuses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb

from ..faults import Fault
from .status import DETAILS_KEY, code_of, status_bytes

SERVICE = pb.DESCRIPTOR.services_by_name["BackendService"]
log = logging.getLogger("mrpo")


def service_handler(servicer: object) -> grpc.GenericRpcHandler:
    handlers = {method.name: _handler(method, getattr(servicer, method.name)) for method in SERVICE.methods}
    return grpc.method_handlers_generic_handler(SERVICE.full_name, handlers)


def _handler(method: MethodDescriptor, function: Callable[..., Any]) -> grpc.RpcMethodHandler:
    kinds = {
        (False, False): (grpc.unary_unary_rpc_method_handler, _guarded),
        (False, True): (grpc.unary_stream_rpc_method_handler, _guarded_stream),
        (True, True): (grpc.stream_stream_rpc_method_handler, _guarded_stream),
    }
    make, guard = kinds[(method.client_streaming, method.server_streaming)]
    return make(
        guard(method.name, function),
        request_deserializer=GetMessageClass(method.input_type).FromString,
        response_serializer=GetMessageClass(method.output_type).SerializeToString,
    )


def _guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(request: Any, context: grpc.aio.ServicerContext) -> Any:
        try:
            return await function(request)
        except Exception as error:  # noqa: BLE001 - every error becomes a status
            await _abort(name, error, context)

    return call


def _guarded_stream(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(request: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
        try:
            async for response in function(request):
                yield response
        except Exception as error:  # noqa: BLE001 - every error becomes a status
            await _abort(name, error, context)

    return call


async def _abort(name: str, error: Exception, context: grpc.aio.ServicerContext) -> None:
    if isinstance(error, asyncio.CancelledError):
        raise error
    if isinstance(error, Fault):
        log.info("%s refused: %s: %s", name, error.reason, error.message)
        await context.abort(code_of(error), error.message, ((DETAILS_KEY, status_bytes(error)),))
    log.error("%s failed", name, exc_info=error)
    text = (str(error).strip() or "no message").splitlines()[0][:500]
    await context.abort(grpc.StatusCode.INTERNAL, f"{name}: {type(error).__name__}: {text}")
