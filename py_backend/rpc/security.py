"""Who may call: a bearer token on every method, and no open door to a network by accident."""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Awaitable, Callable

import grpc


class AddressRefused(Exception):
    """An address that cannot or must not be listened on; the message says why and what to do."""


class TokenInterceptor(grpc.aio.ServerInterceptor):
    """Denies every call whose `authorization` metadata is not "Bearer <token>", whatever its method."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        given = dict(details.invocation_metadata or ()).get("authorization", "")
        raw = given if isinstance(given, bytes) else given.encode()
        handler = await continuation(details)
        if handler is None or hmac.compare_digest(raw, self._expected):
            return handler
        return _denied(handler)


def _denied(handler: grpc.RpcMethodHandler) -> grpc.RpcMethodHandler:
    """A handler of the same shape that answers UNAUTHENTICATED."""
    text = "the bearer token is missing or wrong"

    async def unary(request: object, context: grpc.aio.ServicerContext) -> None:
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, text)

    async def streaming(request: object, context: grpc.aio.ServicerContext):  # type: ignore[no-untyped-def]
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, text)
        yield None

    makers = {
        (False, False): (grpc.unary_unary_rpc_method_handler, unary),
        (False, True): (grpc.unary_stream_rpc_method_handler, streaming),
        (True, False): (grpc.stream_unary_rpc_method_handler, unary),
        (True, True): (grpc.stream_stream_rpc_method_handler, streaming),
    }
    make, function = makers[(bool(handler.request_streaming), bool(handler.response_streaming))]
    return make(function, handler.request_deserializer, handler.response_serializer)


def check_address(address: str, *, tls: bool, token: bool, insecure: bool) -> None:
    """Raises AddressRefused for something that is no address, and for an unprotected one that others can reach."""
    if address.startswith("unix:"):
        path = re.sub(r"^unix:(//(?=/))?", "", address)
        if not path or len(path.encode()) > 103:
            raise AddressRefused(
                f"address {address}: expected a socket path of 1 to 103 bytes, got {len(path.encode())}"
            )
        return
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\s/]+):(\d{1,5})", address)
    if match is None or int(match[2]) > 65535:
        raise AddressRefused(f"address {address}: expected unix:/path or host:port")
    if is_loopback(match[1].strip("[]")) or tls or token or insecure:
        return
    raise AddressRefused(
        f"address {address}: other machines can reach it, and there is neither TLS nor a token. "
        "Use a loopback address, or --tls-cert and --tls-key, or --token-env; or say --insecure."
    )


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
