"""The gRPC server: service, health, reflection, limits, credentials, and the address it is bound to."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from ..backend import Backend
from ..info import quiet_libraries
from ..roots import Roots
from .call_watch import CallWatch
from .checkpoint_files import sweep_arrivals
from .device_thread import DeviceThread
from .doorkeeper import Doorkeeper, room_for_connections
from .grpc_service import SERVICE, service_handler
from .guard import Guard
from .holders import GRACE_S, Holders
from .observer import Observer
from .security import AddressRefused, TlsFiles, TokenInterceptor, check_access, is_loopback
from .servicer import BackendServicer
from .tracing import Tracing, start_tracing
from .wire import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    import torch

    from ..metrics.endpoint import MetricsEndpoint
    from ..metrics.measures import Measures

OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # Clients ping through long silent work; grpc's default would end their connection for it.
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.so_reuseport", 0),  # a second server on the same port is an error and not a surprise
    ("grpc.server_handshake_timeout_ms", 20_000),
    ("grpc.max_connection_idle_ms", 600_000),  # without a call; a client that comes back reconnects automatically
]


# Find a client on another machine that vanished silently. Of this machine's own the system tells every end, and
# one that only sleeps (a laptop's lid, a paused container) must find its calls open when it wakes.
KEEPALIVE = [
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
]


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """address: unix:/path or host:port (port 0 = any free one). token: None = everyone who can connect may call. tls:
    None = plain text. insecure: other machines may call without token and certificate. device: None = `pick_device`'s
    own choice. grace_s: how long what a client holds is kept when the client has gone. metrics: host and port that
    Prometheus may ask, port 0 = any free one; None = nothing is counted."""

    address: str
    token: str | None = None
    tls: TlsFiles | None = None
    insecure: bool = False
    roots: Roots = field(default_factory=Roots)
    device: torch.device | None = None
    grace_s: float = GRACE_S
    metrics: tuple[str, int] | None = None


class RunningServer:
    """address, metrics: where it listens, with the ports that were given."""

    def __init__(
        self,
        server: grpc.aio.Server,
        address: str,
        servicer: health.aio.HealthServicer,
        doorkeeper: Doorkeeper,
        holders: Holders,
        metrics: MetricsEndpoint | None,
        tracing: Tracing | None,
    ) -> None:
        self.address = address
        self.metrics = metrics and metrics.address
        self._beside = [beside for beside in (metrics, tracing) if beside is not None]
        self._server = server
        self._health = servicer
        self._watches = [asyncio.ensure_future(holders.watch())]
        if not address.startswith("unix:"):
            self._watches.append(asyncio.ensure_future(doorkeeper.watch(int(address.rpartition(":")[2]))))

    async def stop(self, grace_s: float) -> None:
        """Says it is not serving, lets calls in progress end for `grace_s`, then ends them."""
        for watch in self._watches:
            watch.cancel()
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_s)
        for beside in self._beside:
            await asyncio.to_thread(beside.close)

    async def wait(self) -> None:
        """Returns when the server has ended."""
        await self._server.wait_for_termination()


async def start_server(config: ServerConfig) -> RunningServer:
    """Raises AddressRefused."""
    who = {"token": config.token, "tls": config.tls, "insecure": config.insecure}
    credentials = check_access(config.address, **who)
    if config.metrics is not None:
        check_access("{}:{}".format(*config.metrics), **who)
    doorkeeper = Doorkeeper()
    backend, device = Backend(config.roots, config.device), DeviceThread()

    def free(model: str, is_held: Callable[[], bool]) -> None:
        device.submit(lambda: None if is_held() else backend.unload(model))

    holders = Holders(backend.registry.model_of, free, config.grace_s)
    measures = None if config.metrics is None else new_measures(backend, device)
    observer = measures or Observer()
    interceptors: list[grpc.aio.ServerInterceptor] = [Guard(doorkeeper.admit, holders, observer)]
    if config.token is not None:
        interceptors.insert(0, TokenInterceptor(config.token))
    if measures is not None:
        interceptors.insert(0, CallWatch(measures))
    tracing = start_tracing(os.environ)
    if tracing is not None:
        interceptors.insert(0, tracing)
    quiet_libraries()
    sweep_arrivals()
    room = ("grpc.max_allowed_incoming_connections", room_for_connections())
    options = [*OPTIONS, *([] if is_local(config.address) else KEEPALIVE), room]
    server = grpc.aio.server(interceptors=interceptors, options=options)
    server.add_generic_rpc_handlers((service_handler(BackendServicer(backend, device, holders, observer)),))
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    names = (SERVICE.full_name, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    address = bind(server, config, credentials)
    endpoint = measures and start_metrics(config, measures)
    await server.start()
    for name in ("", SERVICE.full_name):
        await checks.set(name, health_pb2.HealthCheckResponse.SERVING)
    return RunningServer(server, address, checks, doorkeeper, holders, endpoint, tracing)


def new_measures(backend: Backend, device: DeviceThread) -> Measures:
    """What is told to Prometheus; its library is loaded here and not before."""
    from ..metrics.measures import Measures

    return Measures(backend, device)


def start_metrics(config: ServerConfig, measures: Measures) -> MetricsEndpoint:
    """Where Prometheus asks. Raises AddressRefused."""
    from ..metrics.endpoint import MetricsEndpoint

    return MetricsEndpoint(config.metrics, measures.registry, config.token, config.tls)


def is_local(address: str) -> bool:
    """Whether only processes of this machine can reach an address."""
    return address.startswith("unix:") or is_loopback(address.rpartition(":")[0].strip("[]"))


def bind(server: grpc.aio.Server, config: ServerConfig, credentials: grpc.ServerCredentials | None) -> str:
    """The address with its real port. A socket that a dead server left behind is removed, a live one is refused."""
    if config.address.startswith("unix:"):
        clear_stale_socket(config.address)
    try:
        if credentials is not None:
            port = server.add_secure_port(config.address, credentials)
        else:
            port = server.add_insecure_port(config.address)
    except RuntimeError as error:
        raise AddressRefused(f"address {config.address}: {why_not(config.address)}") from error
    if config.address.startswith("unix:"):
        os.chmod(socket_path(config.address), 0o600)
        return config.address
    return f"{config.address.rpartition(':')[0]}:{port}"


def socket_path(address: str) -> str:
    """The path in a `unix:` address."""
    return address.removeprefix("unix:").replace("///", "/", 1)


def clear_stale_socket(address: str) -> None:
    """Removes a socket file that nobody listens on. Raises AddressRefused if somebody does."""
    path = socket_path(address)
    if not os.path.exists(path):
        return
    probe = socket.socket(socket.AF_UNIX)
    try:
        probe.settimeout(1)
        probe.connect(path)
    except ConnectionRefusedError:
        os.unlink(path)
        return
    except OSError as error:
        raise AddressRefused(f"address {address}: {error.strerror or error}") from error
    finally:
        probe.close()
    raise AddressRefused(
        f"address {address}: it is in use by another process. Stop that one, or choose another address."
    )


def why_not(address: str) -> str:
    """What binding the address by hand says: gRPC's own error does not."""
    if address.startswith("unix:"):
        folder = os.path.dirname(socket_path(address))
        return f"no socket can be made there; does {folder} exist, and may you write into it?"
    host, _, port = address.rpartition(":")
    try:
        for family, kind, proto, _, target in socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM):
            with socket.socket(family, kind, proto) as probe:
                probe.bind(target)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return "it is in use by another process. Stop that one, or choose another port (0 = any free one)."
        return f"{error.strerror or error}"
    return "it cannot be listened on"
