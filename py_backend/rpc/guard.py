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
from .handlers import kind_of
from .holders import Holders
from .observer import Observer
from .status import DETAILS_KEY, code_of, short, status_bytes

NOT_OURS = (asyncio.CancelledError, GeneratorExit, grpc.aio.AbortError)
"""The caller has left, or the status is set already."""

log = logging.getLogger("mrpo")


class Malformed(Exception):
    """Bytes that are no message of the method's kind."""


class Guard(grpc.aio.ServerInterceptor):
    """admitted: called with the peer of every call that has got this far, as gRPC names it. holders: hear of every
    call. observer: of every refusal."""

    def __init__(self, admitted: Callable[[str], None], holders: Holders, observer: Observer) -> None:
        self._admitted = admitted
        self._holders = holders
        self._observer = observer

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        """Wraps the handler of the called method; an unknown method stays unknown."""
        handler = await continuation(details)
        name = details.method.rpartition("/")[2]
        return handler and guarded(name, handler, self._admitted, self._holders, self._observer)


def guarded(
    name: str,
    handler: grpc.RpcMethodHandler,
    admitted: Callable[[str], None],
    holders: Holders,
    observer: Observer,
) -> grpc.RpcMethodHandler:
    """A handler of the same shape that gets bytes."""
    kind = kind_of(handler)
    function = getattr(handler, kind)

    def decode(raw: bytes) -> Any:
        try:
            return handler.request_deserializer(raw)
        except Exception as error:  # noqa: BLE001 - protobuf's own classes differ between its implementations
            raise Malformed(f"{name}: {len(raw)} bytes that are not the message this method takes") from error

    def seen(raw: bytes, see: Callable[[Any], None]) -> Any:
        request = decode(raw)
        see(request)
        return request

    async def all_seen(requests: AsyncIterator[bytes], see: Callable[[Any], None]) -> AsyncIterator[Any]:
        async for raw in requests:
            yield seen(raw, see)

    def arrive(request: Any, context: grpc.aio.ServicerContext, see: Callable[[Any], None]) -> Any:
        admitted(context.peer())
        return all_seen(request, see) if handler.request_streaming else seen(request, see)

    async def answer(request: Any, context: grpc.aio.ServicerContext) -> Any:
        try:
            with holders.call(context) as see:
                return await function(arrive(request, context, see), context)
        except NOT_OURS:
            raise
        except BaseException as error:  # noqa: BLE001 - every call is answered
            observer.refused(reason_of(error))
            await abort(name, error, context)

    async def answers(request: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
        try:
            with holders.call(context) as see:
                async for response in function(arrive(request, context, see), context):
                    yield response
        except NOT_OURS:
            raise
        except BaseException as error:  # noqa: BLE001 - every call is answered
            observer.refused(reason_of(error))
            await abort(name, error, context)

    make = getattr(grpc, f"{kind}_rpc_method_handler")
    call = answers if inspect.isasyncgenfunction(function) else answer
    return make(call, request_deserializer=None, response_serializer=handler.response_serializer)


def reason_of(error: BaseException) -> str:
    """What a refusal is counted under."""
    if isinstance(error, Fault):
        return error.reason
    return "MALFORMED" if isinstance(error, Malformed) else "DEFECT"


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
