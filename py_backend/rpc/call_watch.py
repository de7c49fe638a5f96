"""Around every method, outside of all that may refuse a call: how it ended, and how long it took."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import grpc

from .handlers import End, around
from .observer import Observer


class CallWatch(grpc.aio.ServerInterceptor):
    """Tells the observer of every call that comes past it."""

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
        name = details.method.rpartition("/")[2]

        def begin(_: grpc.aio.ServicerContext) -> End:
            start = time.perf_counter()
            return lambda code: self._observer.call_ended(name, code, time.perf_counter() - start)

        return handler and around(handler, begin)
