"""Calls as OpenTelemetry spans, in a program that has `opentelemetry-api` and a tracer provider registered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

Metadata = list[tuple[str, str]]

try:
    from opentelemetry import propagate, trace
except ImportError:
    trace = None


@contextmanager
def traced(method: str, metadata: Metadata) -> Iterator[Metadata]:
    """A span around a call, below the program's current one; gives the metadata with its `traceparent`.

    The span is not the current one of what happens inside: a watch hands its events to the program meanwhile.
    """
    if trace is None:
        yield metadata
        return
    service, _, name = method.rpartition("/")
    attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}
    span = trace.get_tracer("mrpo_client").start_span(method, kind=trace.SpanKind.CLIENT, attributes=attributes)
    try:
        carrier: dict[str, str] = {}
        propagate.inject(carrier, trace.set_span_in_context(span))
        yield [*metadata, *carrier.items()]
    except (GeneratorExit, asyncio.CancelledError):
        raise  # nobody wants more of it
    except BaseException as error:
        span.set_status(trace.Status(trace.StatusCode.ERROR, type(error).__name__))
        raise
    finally:
        span.end()
