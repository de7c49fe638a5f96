"""The backend inside a Python that another program started and talks to by strings (pythonia): start, stop, probe.

`call_json(name, payload)` takes and gives JSON text; nothing else crosses that bridge. The gRPC server runs on an event
loop in a daemon thread, so this thread stays free to answer. A process hosts one server.

    start {"address": "unix:/path", "token", "threads", "device", or null each}     ->  {"address": ..., "pid": ...}
    stop  {"grace": seconds, default 2}                                             ->  {}
    probe {}                                                                        ->  {"versions": ..., "device": ...}
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from .devices import pick_device
from .lasting import lasting
from .parent import die_with_parent

if TYPE_CHECKING:
    from .rpc.server import RunningServer

DEFAULT_GRACE_S = 2.0


class Host:
    """An event loop in a daemon thread, and the server on it while one runs."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._server: RunningServer | None = None
        threading.Thread(target=self._loop.run_forever, name="grpc", daemon=True).start()

    def start(
        self, address: str, token: str | None = None, threads: int | None = None, device: str | None = None
    ) -> dict[str, Any]:
        """Serves on an address; gives where it really listens. Raises RuntimeError if a server runs already."""
        with lasting():
            from .info import set_threads
            from .rpc.no_memory import end_without_memory
            from .rpc.server import ServerConfig, start_server

        if self._server is not None:
            raise RuntimeError(f"a server runs already, at {self._server.address}")
        end_without_memory(self._loop)
        set_threads(threads or 0)
        self._server = self._run(
            start_server(ServerConfig(address=address, token=token, device=pick_device(device or "")))
        )
        return {"address": self._server.address, "pid": os.getpid()}

    def stop(self, grace: float = DEFAULT_GRACE_S) -> dict[str, Any]:
        """Ends the server, calls in progress after `grace` seconds; does nothing if there is none."""
        server, self._server = self._server, None
        if server is not None:
            self._run(server.stop(grace))
        return {}

    def _run(self, coroutine: Any) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result()


def probe() -> dict[str, Any]:
    """What is installed and which device would be used."""
    from . import info

    device = pick_device()
    return {"versions": info.versions(), "device": str(device), "device_name": info.device_name(device)}


def harden() -> None:
    """This process lives for its parent only: it says nothing on stdout, signals to the process group (Ctrl-C, a batch
    system's SIGTERM, a closed terminal) are the parent's to handle, and it dies with the parent, busy or not."""
    os.dup2(2, 1)
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_IGN)
    die_with_parent()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


_host: Host | None = None


def host() -> Host:
    """The one of this process, made at the first call: importing this module changes nothing."""
    global _host
    if _host is None:
        harden()
        _host = Host()
    return _host


def call_json(name: str, payload: str) -> str:
    """Raises ValueError for a name it does not know, AddressRefused for an address it cannot use, DeviceRefused for
    a device."""
    verbs: dict[str, Callable[..., dict[str, Any]]] = {
        "start": lambda **options: host().start(**options),
        "stop": lambda **options: host().stop(**options),
        "probe": probe,
    }
    if name not in verbs:
        raise ValueError(f"call_json: expected one of {', '.join(verbs)}, got {name!r}")
    return json.dumps(verbs[name](**json.loads(payload)))
