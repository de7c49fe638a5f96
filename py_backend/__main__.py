"""python -m py_backend --address unix:/path | host:port: serves until SIGTERM or Ctrl-C.

When ready, one JSON line with the bound address goes to stdout, and nothing else ever does; the log goes to stderr.
Exit codes: 0 ended on request, 1 failed, 2 bad usage or an address that cannot be used.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import logging
import os
import signal
import sys
from typing import Any

from .devices import DeviceRefused, pick_device
from .lasting import lasting
from .parent import die_with_parent
from .rpc.holders import GRACE_S as CLIENT_GRACE_S
from .rpc.security import AddressRefused, TlsFiles, check_access

GRACE_S = 5.0


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line, checked; ends the process with exit code 2 where it is wrong. `argv` defaults to `sys.argv`."""
    parser = argparse.ArgumentParser(
        prog="py_backend", description="Log-probs and gradients of language models over gRPC."
    )
    parser.add_argument("--address", required=True, help="unix:/path or host:port; port 0 = any free one")
    parser.add_argument(
        "--token-env", metavar="NAME", help="environment variable that holds the bearer token callers need"
    )
    parser.add_argument("--tls-cert", metavar="FILE", help="certificate chain (PEM); needs --tls-key")
    parser.add_argument("--tls-key", metavar="FILE", help="private key (PEM)")
    parser.add_argument(
        "--tls-client-ca", metavar="FILE", help="authority (PEM) that must have signed callers' certificates"
    )
    parser.add_argument(
        "--insecure", action="store_true", help="let other machines call without a token or a client certificate"
    )
    parser.add_argument("--roots", nargs="+", default=[], metavar="DIR", help="read and write models only below these")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="CPU threads of torch; 0 = its own choice")
    parser.add_argument("--device", default="", help="auto, cpu, cuda or cuda:1; default: MRPO_DEVICE, else auto")
    parser.add_argument(
        "--client-grace",
        type=float,
        default=CLIENT_GRACE_S,
        metavar="SECONDS",
        help="how long the models of a client that has gone are kept; default: %(default)g",
    )
    parser.add_argument(
        "--metrics-port", type=int, metavar="N", help="serve GET /metrics for Prometheus; 0 = any free port"
    )
    parser.add_argument(
        "--metrics-host", default="127.0.0.1", metavar="HOST", help="where --metrics-port listens; default: %(default)s"
    )
    parser.add_argument("--with-parent", action="store_true", help="end when the process that started this one ends")
    parsed = parser.parse_args(argv)
    if not parsed.client_grace > 0:
        parser.error(f"--client-grace: expected a number of seconds above 0, got {parsed.client_grace:g}")
    if (parsed.tls_cert is None) != (parsed.tls_key is None):
        parser.error("--tls-cert and --tls-key go together")
    if parsed.tls_client_ca is not None and parsed.tls_cert is None:
        parser.error("--tls-client-ca needs --tls-cert and --tls-key")
    if parsed.token_env is not None and not os.environ.get(parsed.token_env):
        parser.error(f"--token-env: the environment variable {parsed.token_env} is not set or empty")
    if parsed.metrics_port is not None and importlib.util.find_spec("prometheus_client") is None:
        parser.error("--metrics-port needs the package prometheus_client: pip install -r requirements.txt")
    return parsed


def access(options: argparse.Namespace) -> dict[str, Any]:
    """Who may call, as the server takes it."""
    tls = options.tls_cert and TlsFiles(options.tls_cert, options.tls_key, options.tls_client_ca)
    token = os.environ[options.token_env] if options.token_env else None
    return {"token": token, "tls": tls or None, "insecure": options.insecure}


def metrics(options: argparse.Namespace) -> tuple[str, int] | None:
    """Host and port for Prometheus, as the server takes it."""
    return None if options.metrics_port is None else (options.metrics_host, options.metrics_port)


async def serve(options: argparse.Namespace, ready: int) -> None:
    """`ready` is the file descriptor of the real stdout."""
    with lasting():
        from .info import set_threads
        from .roots import Roots
        from .rpc.no_memory import end_without_memory
        from .rpc.server import ServerConfig, start_server

    end_without_memory(asyncio.get_running_loop())
    threads = set_threads(options.threads)
    roots, device = Roots.of(options.roots), pick_device(options.device)
    config = ServerConfig(
        address=options.address,
        roots=roots,
        device=device,
        grace_s=options.client_grace,
        metrics=metrics(options),
        **access(options),
    )
    server = await start_server(config)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    line = {"address": server.address, "pid": os.getpid(), "threads": threads}
    if server.metrics is not None:
        line["metrics"] = server.metrics
    os.write(ready, f"{json.dumps(line)}\n".encode())
    await stop.wait()
    logging.getLogger("mrpo").info("stopping")
    await server.stop(GRACE_S)


def main() -> int:
    """Serves until it is stopped; gives the exit code."""
    options = arguments()
    if options.with_parent:
        die_with_parent()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    ready = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints goes to the log
    try:
        # Before torch is imported: a mistyped address is said at once.
        check_access(options.address, **access(options))
        if options.metrics_port is not None:
            check_access("{}:{}".format(*metrics(options)), **access(options))
        asyncio.run(serve(options, ready))
    except (AddressRefused, DeviceRefused) as error:
        print(f"py_backend: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # a job that still runs on the device thread must not keep the process
