"""Around every method, outside of all that may refuse a call: how it ended, and how long it took."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from .handler_kind import kind_of
from .observer import Observer


class CallWatch(grpc.aio.ServerInterceptor):
    """The first interceptor of a server: what comes behind it is watched."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        """Wraps the handler of the called method; an unknown method stays unknown, and is not counted: anybody can make
        up names."""
        handler = await continuation(details)
        return handler and watched(details.method.rpartition("/")[2], handler, self._observer)


def watched(name: str, handler: grpc.RpcMethodHandler, observer: Observer) -> grpc.RpcMethodHandler:
    """A handler of the same shape."""
    kind = kind_of(handler)
    function = getattr(handler, kind)

    @contextmanager
    def watch(context: grpc.aio.ServicerContext) -> Iterator[None]:
        start, code = time.perf_counter(), "UNKNOWN"
        try:
            yield
            code = "OK"
        except (asyncio.CancelledError, GeneratorExit):
            code = "CANCELLED"
            raise
        except grpc.aio.AbortError:
            code = context.code().name
            raise
        finally:
            observer.call_ended(name, code, time.perf_counter() - start)

    async def answer(request: Any, context: grpc.aio.ServicerContext) -> Any:
        with watch(context):
            return await function(request, context)

    async def answers(request: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
        with watch(context):
            async for response in function(request, context):
                yield response

    make = getattr(grpc, f"{kind}_rpc_method_handler")
    call = answers if inspect.isasyncgenfunction(function) else answer
    return make(
        call, request_deserializer=handler.request_deserializer, response_serializer=handler.response_serializer
    )
