"""Who may call: a bearer token on every method, client certificates, and no open door to a network by accident."""

from __future__ import annotations

import hmac
import ipaddress
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import grpc


class AddressRefused(Exception):
    """An address, token or TLS file that cannot or must not be used; the message says why and what to do, and never
    what a token or key is."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files. client_ca: callers must show a certificate that one of these authorities signed; None = nobody is
    asked for one."""

    cert: str
    key: str
    client_ca: str | None = None


class TokenInterceptor(grpc.aio.ServerInterceptor):
    """Denies every call whose `authorization` metadata is not "Bearer <token>", whatever its method."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        """The method's handler if exactly one token came and it is the right one; else one that refuses."""
        # One, and the right one: of several, whoever reads the other one of them would be deceived.
        given = [value for key, value in details.invocation_metadata or () if key == "authorization"]
        raw = [value if isinstance(value, bytes) else value.encode() for value in given]
        handler = await continuation(details)
        if handler is None or (len(raw) == 1 and hmac.compare_digest(raw[0], self._expected)):
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


def check_access(
    address: str, *, token: str | None, tls: TlsFiles | None, insecure: bool
) -> grpc.ServerCredentials | None:
    """The credentials to listen with, None for plain text. Raises AddressRefused for what must not be used."""
    if token is not None:
        check_token(token)
    certificates = tls is not None and tls.client_ca is not None
    check_address(address, token=token is not None, client_certificates=certificates, insecure=insecure)
    return None if tls is None else server_credentials(tls)


def check_token(token: str) -> None:
    """Raises AddressRefused for a token that no caller could send."""
    if re.fullmatch(r"[!-~]([ -~]*[!-~])?", token):
        return
    if not token.isascii():
        what = "it has a character beyond ASCII"
    elif token != token.strip():
        what = "it begins or ends with a space or a line end"
    else:
        what = "it is empty" if not token else "it has a control character"
    raise AddressRefused(f"token: {what}; expected letters, digits and signs of ASCII")


def check_address(address: str, *, token: bool, client_certificates: bool, insecure: bool) -> None:
    """Raises AddressRefused for something that is no address, and for one that others can reach and where nobody is
    asked who he is."""
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
    if is_loopback(match[1].strip("[]")) or token or client_certificates or insecure:
        return
    raise AddressRefused(
        f"address {address}: other machines can reach it, and everyone would be let in (TLS alone only encrypts). "
        "Use a token (MRPO_TOKEN or --token-env), or client certificates (--tls-client-ca), or a loopback address; "
        "or say --insecure."
    )


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Raises AddressRefused for files that are no certificate, key or authority, or that do not belong together: gRPC
    would only say that the address cannot be listened on."""
    cert, key = read_pem(files.cert, "certificate"), read_pem(files.key, "key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(files.cert, files.key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        if reason == "KEY_VALUES_MISMATCH":
            raise AddressRefused(f"TLS: the key {files.key} does not belong to the certificate {files.cert}") from error
        raise AddressRefused(f"TLS: {files.cert} and {files.key} are no certificate and key (PEM): {reason}") from error
    if files.client_ca is None:
        return grpc.ssl_server_credentials([(key, cert)])
    authorities = read_pem(files.client_ca, "client authority")
    try:
        context.load_verify_locations(files.client_ca)
    except ssl.SSLError as error:
        raise AddressRefused(f"TLS: {files.client_ca} holds no certificate (PEM): {error.reason or error}") from error
    return grpc.ssl_server_credentials([(key, cert)], authorities, require_client_auth=True)


def read_pem(path: str, what: str) -> bytes:
    """Bytes of a file. Raises AddressRefused if it cannot be read; `what` names it in the message."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise AddressRefused(f"TLS {what}: cannot read {path}: {error.strerror}") from error


def _no_password() -> str:
    raise ValueError("the key is encrypted; give one without a password")


def is_loopback(host: str) -> bool:
    """Whether a host name or IP address means this machine; other names than localhost are not looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
