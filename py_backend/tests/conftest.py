"""Fixtures: one real backend process for the whole run, tiny real models, one torch thread but where numbers are the
subject: tests marked `numeric` run with one and with two."""

from __future__ import annotations

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

import asyncio
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from py_backend.lasting import lasting

with lasting():
    import torch
    from transformers import AutoTokenizer

    from py_backend.rpc.server import RunningServer, ServerConfig, start_server
    from py_backend.tests.client import LIMITS, Client, spawn
    from py_backend.tokens.encode import TextEncoder
    from tiny_models import tiny_model

torch.set_num_threads(1)

FAKE_GPU = "tests/cuda"
collect_ignore = [] if any(FAKE_GPU in argument for argument in sys.argv) else ["cuda"]
"""Tests on a fake GPU change torch for their process, so they are run by their path alone (see scripts/test.mjs)."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[Any]:
    """The tests' own imports last too."""
    with lasting():
        return (yield)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("numeric") is not None:
        metafunc.fixturenames.append("threads")
        metafunc.parametrize("threads", [1, 2], indirect=True, ids=["1-thread", "2-threads"])


@pytest.fixture
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def socket_folder() -> Iterator[Path]:
    """Short, because a socket path has at most 103 bytes."""
    with tempfile.TemporaryDirectory(prefix="mrpo-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def client(socket_folder: Path) -> Iterator[Client]:
    process, ready = spawn("--address", f"unix:{socket_folder}/backend", MRPO_CACHE_DIR=str(socket_folder / "cache"))
    channel = grpc.insecure_channel(ready["address"], options=LIMITS)
    yield Client(channel, address=ready["address"])
    channel.close()
    process.terminate()
    process.communicate(timeout=20)


@pytest.fixture(scope="session")
def model_folder() -> Callable[[str], Path]:
    return tiny_model


@pytest.fixture(scope="session")
def encoder() -> Callable[[str], TextEncoder]:
    """A tiny model's tokenizer, ready to encode."""
    made: dict[str, TextEncoder] = {}

    def of(name: str) -> TextEncoder:
        if name not in made:
            made[name] = TextEncoder(AutoTokenizer.from_pretrained(tiny_model(name)))
        return made[name]

    return of


@pytest.fixture(scope="session")
def start() -> Iterator[Callable[..., RunningServer]]:
    """Starts servers in this process."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    servers = []

    def run(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(timeout=60)

    def started(address: str, **options: Any) -> RunningServer:
        servers.append(run(start_server(ServerConfig(address=address, **options))))
        return servers[-1]

    yield started
    for server in servers:
        run(server.stop(0))
    loop.call_soon_threadsafe(loop.stop)


@pytest.fixture(scope="session")
def serve(start: Callable[..., RunningServer]) -> Callable[..., str]:
    """Starts servers and gives their addresses."""
    return lambda address, **options: start(address, **options).address
