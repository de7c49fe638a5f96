"""Calls as OpenTelemetry spans, below that of the caller who sends a `traceparent`; other calls (signs of life, health
checks) have none. On only where OTEL_EXPORTER_OTLP_ENDPOINT says where to and the packages of requirements-tracing.txt
are there; they are loaded then and not before."""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc

from .handlers import End, around

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
LAST_WORDS_S = 2.0
NO_ERRORS = ("OK", "CANCELLED")

log = logging.getLogger("mrpo")


def start_tracing(environment: Mapping[str, str]) -> Tracing | None:
    """None where no traces are wanted, or none can be sent: that costs no run."""
    if environment.get("OTEL_SDK_DISABLED") == "true" or not any(environment.get(name) for name in ENDPOINTS):
        return None
    try:
        return Tracing(environment.get("OTEL_SERVICE_NAME") or "mrpo-backend")
    except ImportError as error:
        log.warning("no traces are sent: %s; pip install -r requirements-tracing.txt", error)
        return None


class Tracing(grpc.aio.ServerInterceptor):
    """name: what this process calls itself. The exporter reads the rest of the OTEL_* variables itself."""

    def __init__(self, name: str) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace import SpanKind, Status, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = TracerProvider(resource=Resource.create({"service.name": name}), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("mrpo")
        self._parent_of = TraceContextTextMapPropagator().extract
        self._kind = SpanKind.SERVER
        self._failed = lambda code: Status(StatusCode.ERROR, code)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        """Wraps the handler of a call that is traced."""
        handler = await continuation(details)
        carrier = {key: value for key, value in details.invocation_metadata or () if isinstance(value, str)}
        if handler is None or "traceparent" not in carrier:
            return handler
        parent, name = self._parent_of(carrier), details.method.lstrip("/")
        service, _, method = name.rpartition("/")
        about = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method}

        def begin(_: grpc.aio.ServicerContext) -> End:
            span: Any = self._tracer.start_span(name, parent, self._kind, about)

            def end(code: str) -> None:
                span.set_attribute("rpc.grpc.status_code", getattr(grpc.StatusCode, code).value[0])
                if code not in NO_ERRORS:
                    span.set_status(self._failed(code))
                span.end()

            return end

        return around(handler, begin)

    def close(self) -> None:
        """Sends what is left, for two seconds at most."""
        sending = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        sending.start()
        sending.join(LAST_WORDS_S)
