"""Binds the servicer's methods to the service descriptor, so that no generated gRPC plugin code is needed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb

SERVICE = pb.DESCRIPTOR.services_by_name["BackendService"]


def service_handler(servicer: object) -> grpc.GenericRpcHandler:
    """All methods of BackendService, for a server. Raises AttributeError if the servicer lacks one."""
    handlers = {method.name: _handler(method, getattr(servicer, method.name)) for method in SERVICE.methods}
    return grpc.method_handlers_generic_handler(SERVICE.full_name, handlers)


def _handler(method: MethodDescriptor, function: Callable[..., Any]) -> grpc.RpcMethodHandler:
    async def one(request: Any, _: grpc.aio.ServicerContext) -> Any:
        return await function(request)

    async def many(request: Any, _: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
        async for response in function(request):
            yield response

    make, bound = {
        (False, False): (grpc.unary_unary_rpc_method_handler, one),
        (False, True): (grpc.unary_stream_rpc_method_handler, many),
        (True, True): (grpc.stream_stream_rpc_method_handler, many),
    }[(method.client_streaming, method.server_streaming)]
    return make(
        bound,
        request_deserializer=GetMessageClass(method.input_type).FromString,
        response_serializer=GetMessageClass(method.output_type).SerializeToString,
    )
