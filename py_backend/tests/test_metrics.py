"""What Prometheus is told, against calls whose numbers are known; and who is told nothing."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from ssl import create_default_context
from threading import Event

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb
from py_backend.metrics import endpoint
from py_backend.rpc.device_thread import DeviceThread
from py_backend.rpc.security import AddressRefused, TlsFiles
from py_backend.rpc.server import RunningServer
from py_backend.tests.client import SERVICE, Client, Training, pair

Start = Callable[..., RunningServer]
PAIRS = [pair("Hello", "A good answer.", "No."), pair("The sea is", "wide and deep.", "a cat.")]
RIGHT = {"Authorization": "Bearer s3cret"}


def get(
    address: str, path: str = "/metrics", headers: dict[str, str] = RIGHT, tls: Path | None = None
) -> tuple[int, str]:
    host, _, port = address.rpartition(":")
    secure = tls and HTTPSConnection(host, int(port), timeout=20, context=create_default_context(cafile=str(tls)))
    connection = secure or HTTPConnection(host, int(port), timeout=20)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def scrape(address: str) -> dict[str, float]:
    """By name and labels, as the library's own parser reads them: "mrpo_backend_calls_total method=Score code=OK"."""
    status, text = get(address)
    assert status == 200
    return {
        " ".join([sample.name, *(f"{key}={value}" for key, value in sorted(sample.labels.items()))]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_scrape_tells_what_was_done(start: Start, socket_folder: Path, model_folder: Callable[[str], Path]) -> None:
    server = start(f"unix:{socket_folder}/metrics", token="s3cret", metrics=("127.0.0.1", 0))
    channel = grpc.insecure_channel(server.address)
    client = Client(channel, (("authorization", "Bearer s3cret"),))
    at = str(server.metrics)
    before = scrape(at)
    assert before["mrpo_backend_models"] == 0 and before["mrpo_backend_train_seconds_count part=backward"] == 0

    model = client.load(model_folder("llama")).model_handle
    row_set, facts = client.register(model, PAIRS)
    client.score(row_set)
    tokens = sum(row.prompt_tokens + row.chosen_tokens + row.rejected_tokens for row in facts)
    read = scrape(at)["mrpo_backend_tokens_total work=score"]
    assert tokens - 2 * len(PAIRS) <= read <= tokens + 2 * len(PAIRS)  # where answers part is not where they begin

    training = Training(client, client.trainer(model).trainer_handle, row_set)
    for step in (1, 2):
        training.forward(step, 0, [0, 1])
        training.backward(step, 0, [0.1, -0.1, 0.1, -0.1])
        training.commit(step, [0])
    assert training.commit(7, [3]).error.reason == pb.ERROR_REASON_STEP_CONFLICT
    held = scrape(at)
    training.close()

    with pytest.raises(grpc.RpcError):
        client.trainer("model-99")
    with pytest.raises(grpc.RpcError):
        Client(channel).GetServerInfo(pb.GetServerInfoRequest())
    bytes_only = channel.unary_unary(f"/{SERVICE.full_name}/UnloadModel")
    with pytest.raises(grpc.RpcError):
        bytes_only(b"\xff", metadata=tuple((key.lower(), value) for key, value in RIGHT.items()))
    with pytest.raises(grpc.RpcError):
        channel.unary_unary(f"/{SERVICE.full_name}/NoSuchMethod")(b"")
    after = scrape(at)

    assert (held["mrpo_backend_models"], held["mrpo_backend_trainers"]) == (1, 1)
    for part in ("forward", "backward", "optimizer"):
        assert held[f"mrpo_backend_train_seconds_count part={part}"] == 2
        assert 0 < held[f"mrpo_backend_train_seconds_sum part={part}"] < 60
    assert held["mrpo_backend_train_steps_total outcome=applied"] == 2
    assert held["mrpo_backend_tokens_total work=train"] == 2 * held["mrpo_backend_tokens_total work=score"]
    calls = {key: value for key, value in after.items() if key.startswith("mrpo_backend_calls_total")}
    assert calls == {
        f"mrpo_backend_calls_total code={code} method={method}": 1
        for code, method in [
            *(("OK", name) for name in ("LoadModel", "RegisterRows", "Score", "CreateTrainer", "Train")),
            ("NOT_FOUND", "CreateTrainer"),
            ("UNAUTHENTICATED", "GetServerInfo"),
            ("INVALID_ARGUMENT", "UnloadModel"),
        ]
    }
    errors = {key.partition("reason=")[2]: value for key, value in after.items() if "_errors_total" in key}
    assert errors == {"STEP_CONFLICT": 1, "UNKNOWN_HANDLE": 1, "MALFORMED": 1}
    assert after["mrpo_backend_jobs_waiting"] == after["mrpo_backend_device_busy"] == 0
    total, free = (after[f"mrpo_backend_device_memory_bytes kind={kind}"] for kind in ("total", "free"))
    assert 0 < free < total
    assert 1e8 < after["process_resident_memory_bytes"] <= after["mrpo_backend_resident_memory_peak_bytes"] < total


def test_jobs_that_wait_are_counted() -> None:
    device, at_work, go_on, done = DeviceThread(), Event(), Event(), Event()

    def first() -> None:
        at_work.set()
        go_on.wait(20)

    device.submit(first)
    device.submit(done.set)
    assert at_work.wait(20) and device.busy and device.waiting() == 1
    go_on.set()
    assert done.wait(20) and device.waiting() == 0


def test_who_may_not_call_may_not_ask_either(
    start: Start, socket_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "DEADLINE_S", 0.5)
    certificate, key = socket_folder / "metrics.pem", socket_folder / "metrics.key"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost"
    options = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*make.split(), *options], check=True, capture_output=True)
    with pytest.raises(AddressRefused, match="--insecure"):
        start("localhost:0", metrics=("0.0.0.0", 0))
    server = start("localhost:0", token="s3cret", tls=TlsFiles(str(certificate), str(key)), metrics=("localhost", 0))
    at = str(server.metrics)
    assert get(at, tls=certificate)[0] == 200
    assert get(at, "/", tls=certificate) == (404, "")
    for headers in ({}, {"Authorization": "Bearer s3cre"}, {"Authorization": "s3cret"}):
        assert get(at, headers=headers, tls=certificate) == (401, "")
    with pytest.raises(OSError):
        get(at)  # plain text
    host, _, port = at.rpartition(":")
    silent = [socket.create_connection((host, int(port))) for _ in range(endpoint.AT_ONCE + 2)]
    for connection in silent:
        connection.settimeout(20)
        assert connection.recv(1) == b""  # let go, in time or for want of room
        connection.close()
    assert get(at, tls=certificate)[0] == 200
    with pytest.raises(AddressRefused, match="in use"):
        start(f"unix:{socket_folder}/second", token="s3cret", metrics=("localhost", int(port)))
