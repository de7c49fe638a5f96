"""Handlers of methods, whatever their shape, and what is put around them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc

End = Callable[[str], None]
"""Called when a call is over, with a name of gRPC's status codes: CANCELLED where the caller has gone."""


def kind_of(handler: grpc.RpcMethodHandler) -> str:
    """unary_unary, unary_stream, stream_unary or stream_stream: the attribute that holds its function, and the first
    part of the name of grpc's maker of such handlers."""
    return f"{'stream' if handler.request_streaming else 'unary'}_{'stream' if handler.response_streaming else 'unary'}"


def around(handler: grpc.RpcMethodHandler, begin: Callable[[grpc.aio.ServicerContext], End]) -> grpc.RpcMethodHandler:
    """A handler of the same shape. `begin` is called with each call as it begins, what it gives when the call is
    over."""
    kind = kind_of(handler)
    function = getattr(handler, kind)

    async def answer(request: Any, context: grpc.aio.ServicerContext) -> Any:
        with _followed(begin(context), context):
            return await function(request, context)

    async def answers(request: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
        with _followed(begin(context), context):
            async for response in function(request, context):
                yield response

    make = getattr(grpc, f"{kind}_rpc_method_handler")
    call = answers if inspect.isasyncgenfunction(function) else answer
    return make(
        call, request_deserializer=handler.request_deserializer, response_serializer=handler.response_serializer
    )


@contextmanager
def _followed(end: End, context: grpc.aio.ServicerContext) -> Iterator[None]:
    code = "UNKNOWN"
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
        end(code)
