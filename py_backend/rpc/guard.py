"""Around every method of every service: the request is decoded here, and whatever is raised becomes a status.

A Fault keeps its reason, a request that is no message is INVALID_ARGUMENT, anything else is a defect: INTERNAL, with
its stack in the log.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from ..faults import Fault
from .device_thread import JobFailed, described
from .status import DETAILS_KEY, code_of, short, status_bytes

NOT_OURS = (asyncio.CancelledError, GeneratorExit, grpc.aio.AbortError)
"""The caller has left, or the status is set already."""

log = logging.getLogger("mrpo")


class Malformed(Exception):
    """Bytes that are no message of the method's kind."""


class Guard(grpc.aio.ServerInterceptor):
    """admitted: called with the peer of every call that has got this far, as gRPC names it."""

    def __init__(self, admitted: Callable[[str], None]) -> None:
        self._admitted = admitted

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        """Wraps the handler of the called method; an unknown method stays unknown."""
        handler = await continuation(details)
        return handler and guarded(details.method.rpartition("/")[2], handler, self._admitted)


def guarded(name: str, handler: grpc.RpcMethodHandler, admitted: Callable[[str], None]) -> grpc.RpcMethodHandler:
    """A handler of the same shape that gets bytes."""
    kind = f"{'stream' if handler.request_streaming else 'unary'}_{'stream' if handler.response_streaming else 'unary'}"
    function = getattr(handler, kind)

    def decode(raw: bytes) -> Any:
        try:
            return handler.request_deserializer(raw)
        except Exception as error:  # noqa: BLE001 - protobuf's own classes differ between its implementations
            raise Malformed(f"{name}: {len(raw)} bytes that are not the message this method takes") from error

    async def decoded(requests: AsyncIterator[bytes]) -> AsyncIterator[Any]:
        async for raw in requests:
            yield decode(raw)

    def arrive(request: Any, context: grpc.aio.ServicerContext) -> Any:
        admitted(context.peer())
        return decoded(request) if handler.request_streaming else decode(request)

    async def answer(request: Any, context: grpc.aio.ServicerContext) -> Any:
        try:
            return await function(arrive(request, context), context)
        except NOT_OURS:
            raise
        except BaseException as error:  # noqa: BLE001 - every call is answered
            await abort(name, error, context)

    async def answers(request: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
        try:
            async for response in function(arrive(request, context), context):
                yield response
        except NOT_OURS:
            raise
        except BaseException as error:  # noqa: BLE001 - every call is answered
            await abort(name, error, context)

    make = getattr(grpc, f"{kind}_rpc_method_handler")
    call = answers if inspect.isasyncgenfunction(function) else answer
    return make(call, request_deserializer=None, response_serializer=handler.response_serializer)


async def abort(name: str, error: BaseException, context: grpc.aio.ServicerContext) -> None:
    """Ends a call with the status that `error` stands for; never returns."""
    if isinstance(error, Fault):
        log.info("%s refused: %s: %s", name, error.reason, error.message)
        await context.abort(code_of(error), short(error.message), ((DETAILS_KEY, status_bytes(error)),))
    if isinstance(error, Malformed):
        log.info("refused: %s", error)
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
    if not isinstance(error, JobFailed):
        log.error("%s failed", name, exc_info=error)
    text = str(error) if isinstance(error, JobFailed) else described(error)
    await context.abort(grpc.StatusCode.INTERNAL, short(f"{name}: {text}"))
