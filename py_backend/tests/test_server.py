"""The server: its ready line, who may call, where it listens, how it ends; health, reflection, pings, big messages.

Where a process of its own is not the point, servers run on an event loop of this process: real ones, on real sockets.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb
from py_backend.roots import Roots
from py_backend.rpc.security import AddressRefused, TlsFiles, check_address
from py_backend.rpc.wire import PROTOCOL_VERSION
from py_backend.tests.client import ROOT, SERVICE, Client, pair, reason, spawn

Folder = Callable[[str], Path]
Serve = Callable[..., str]


# ------------------------------------------------------------------------------------------------- the process


def test_one_ready_line_on_stdout_and_a_graceful_end() -> None:
    process, ready = spawn("--address", "127.0.0.1:0", "--metrics-port", "0")
    try:
        host, _, port = ready["address"].partition(":")
        assert host == "127.0.0.1" and int(port) > 0 and ready["pid"] == process.pid and ready["threads"] == 1
        info = Client(grpc.insecure_channel(ready["address"])).GetServerInfo(pb.GetServerInfoRequest())
        assert (info.protocol_version, info.process_id, info.threads) == (PROTOCOL_VERSION, process.pid, 1)
        assert {"python", "torch", "transformers", "peft", "bitsandbytes"} <= set(info.versions)
        assert ready["metrics"].startswith("127.0.0.1:")
        with urlopen(f"http://{ready['metrics']}/metrics", timeout=20) as answer:
            assert b'mrpo_backend_calls_total{code="OK",method="GetServerInfo"} 1.0' in answer.read()
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=20)
        assert (process.returncode, rest) == (0, "")
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--address", "0.0.0.0:0"], "--insecure"),
        (["--address", "127.0.0.1:0", "--metrics-port", "0", "--metrics-host", "0.0.0.0"], "--insecure"),
        (["--address", "nonsense"], "host:port"),
        (["--address", "127.0.0.1:0", "--token-env", "NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE"),
        (["--address", "127.0.0.1:0", "--tls-key", "key.pem"], "--tls-cert"),
    ],
)
def test_bad_usage_ends_the_process_with_code_2_and_says_why(arguments: list[str], word: str) -> None:
    command = [sys.executable, "-m", "py_backend", *arguments]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout) == (2, "")
    assert word in result.stderr


EMBEDDING_PROGRAM = """
import json, os, sys, tempfile
real = os.dup(1)
import py_backend.embedded as embedded

def call(name, **payload):
    try:
        return json.loads(embedded.call_json(name, json.dumps(payload)))
    except Exception as error:
        return str(error)

probe = call("probe")
ready = call("start", address=f"unix:{tempfile.mkdtemp(prefix='mrpo-')}/s", token="t", threads=1)
print("noise")
import grpc
from py_backend.tests.client import Client
from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb
caller = Client(grpc.insecure_channel(ready["address"]), (("authorization", "Bearer t"),))
info = caller.GetServerInfo(pb.GetServerInfoRequest())
errors = [call("start", address="x"), call("nothing")]
errors += [call("stop", grace=0), call("stop")]
os.write(real, json.dumps([probe, ready["pid"], info.process_id, *errors]).encode())
"""


def test_the_embedded_backend_speaks_json_only() -> None:
    """As another program drives it: start, one call over gRPC, stop, and errors it can read."""
    command = [sys.executable, "-c", EMBEDDING_PROGRAM]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    probe, pid, served_by, twice, unknown, stopped, again = json.loads(result.stdout)  # no noise in it
    assert probe["versions"]["torch"] and probe["device"] and pid == served_by
    assert "runs already" in twice and "probe" in unknown
    assert (stopped, again) == ({}, {})
    assert "noise" in result.stderr


# ------------------------------------------------------------------------------------------------- where it listens


def test_an_address_in_use_is_said_so(client: Client, serve: Serve, socket_folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for address in (f"127.0.0.1:{taken.getsockname()[1]}", f"unix:{socket_folder}/backend"):
            with pytest.raises(AddressRefused, match="in use") as caught:
                serve(address)
            assert address in str(caught.value)
    assert (
        client.GetServerInfo(pb.GetServerInfoRequest()).protocol_version == PROTOCOL_VERSION
    )  # the first one still answers


def test_a_socket_that_cannot_be_made_is_said_so(serve: Serve) -> None:
    with pytest.raises(AddressRefused, match="/no/such/folder"):
        serve("unix:/no/such/folder/socket")


def test_a_socket_left_by_a_killed_backend_is_taken_over(serve: Serve, socket_folder: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(f"{socket_folder}/left")
    left.close()  # the file stays, as after SIGKILL
    address = serve(f"unix:{socket_folder}/left")
    assert (
        Client(grpc.insecure_channel(address)).GetServerInfo(pb.GetServerInfoRequest()).protocol_version
        == PROTOCOL_VERSION
    )
    assert os.stat(f"{socket_folder}/left").st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("address", "protection", "refused"),
    [
        ("0.0.0.0:1", {}, True),
        ("0.0.0.0:1", {"token": True}, False),
        ("0.0.0.0:1", {"client_certificates": True}, False),
        ("0.0.0.0:1", {"insecure": True}, False),
        ("example.org:1", {}, True),
        ("[::]:1", {}, True),
        ("[::1]:1", {}, False),
        ("127.8.9.1:1", {}, False),
        ("localhost:1", {}, False),
        ("unix:/tmp/x", {}, False),
        ("unix:/" + "x" * 103, {}, True),
        ("localhost", {}, True),
        ("localhost:99999", {}, True),
        ("", {}, True),
    ],
)
def test_an_open_door_to_the_network_is_refused(address: str, protection: dict[str, bool], refused: bool) -> None:
    settings = {"token": False, "client_certificates": False, "insecure": False, **protection}
    if refused:
        with pytest.raises(AddressRefused):
            check_address(address, **settings)
    else:
        check_address(address, **settings)


# ------------------------------------------------------------------------------------------------- who may call


def test_a_token_guards_every_method_and_only_the_right_one_opens(
    serve: Serve, socket_folder: Path, model_folder: Folder
) -> None:
    channel = grpc.insecure_channel(serve(f"unix:{socket_folder}/token", token="s3cret"))
    right = Client(channel, (("authorization", "Bearer s3cret"),))
    assert right.load(model_folder("llama")).layers == 2
    for metadata in ((), (("authorization", "Bearer s3cre"),), (("authorization", "s3cret"),)):
        for method in SERVICE.methods:
            request = iter([]) if method.client_streaming else GetMessageClass(method.input_type)()
            with pytest.raises(grpc.RpcError) as caught:
                answer = getattr(Client(channel, metadata), method.name)(request)
                if method.server_streaming:
                    list(answer)
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED, method.name
    with pytest.raises(grpc.RpcError) as caught:
        health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_tls_with_a_token(serve: Serve, socket_folder: Path) -> None:
    certificate, key = socket_folder / "cert.pem", socket_folder / "key.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost"
    options = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*make.split(), *options], check=True, capture_output=True)
    address = serve("localhost:0", token="s3cret", tls=TlsFiles(str(certificate), str(key)))
    metadata = (("authorization", "Bearer s3cret"),)
    trusted = grpc.ssl_channel_credentials(certificate.read_bytes())
    caller = Client(grpc.secure_channel(address, trusted), metadata)
    assert caller.GetServerInfo(pb.GetServerInfoRequest()).protocol_version == PROTOCOL_VERSION
    with pytest.raises(grpc.RpcError):
        Client(grpc.insecure_channel(address), metadata).GetServerInfo(pb.GetServerInfoRequest())
    with pytest.raises(AddressRefused, match="no-such-file"):
        serve("localhost:0", tls=TlsFiles("/no-such-file", str(key)))


def test_models_outside_the_roots_are_refused(
    serve: Serve, socket_folder: Path, model_folder: Folder, tmp_path: Path
) -> None:
    root = model_folder("llama")
    link = socket_folder / "link"
    link.symlink_to(model_folder("qwen2"))
    address = serve(f"unix:{socket_folder}/roots", roots=Roots.of([str(root), str(socket_folder)]))
    caller = Client(grpc.insecure_channel(address))
    loaded = caller.load(root)
    calls: list[Callable[[], object]] = [
        lambda: caller.load(model_folder("qwen2")),
        lambda: caller.load(f"{root}/../qwen2"),
        lambda: caller.load(link),
        lambda: caller.load(root, adapter=str(model_folder("qwen2"))),
        lambda: caller.identify(model_folder("qwen2")),
        lambda: caller.export(loaded.model_handle, tmp_path / "out", merge=True),
    ]
    for call in calls:
        with pytest.raises(grpc.RpcError) as caught:
            call()
        assert reason(caught.value) == "PATH_REFUSED"
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------------------------------------- what it answers


def test_health_and_reflection_answer(client: Client) -> None:
    health = health_pb2_grpc.HealthStub(client.channel)
    for name in ("", "mrpo.backend.v1.BackendService"):
        answer = health.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    stub = reflection_pb2_grpc.ServerReflectionStub(client.channel)
    asked = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE.full_name),
    ]
    listed, file = stub.ServerReflectionInfo(iter(asked))
    assert SERVICE.full_name in {service.name for service in listed.list_services_response.service}
    described = FileDescriptorProto.FromString(file.file_descriptor_response.file_descriptor_proto[0])
    assert {method.name for method in described.service[0].method} == {method.name for method in SERVICE.methods}


def test_frequent_pings_do_not_end_a_quiet_connection(client: Client) -> None:
    options = [("grpc.keepalive_time_ms", 100), ("grpc.keepalive_permit_without_calls", 1)]
    options += [("grpc.http2.max_pings_without_data", 0), ("grpc.http2.min_time_between_pings_ms", 100)]
    channel = grpc.insecure_channel(client.address, options=options)
    caller = Client(channel)
    caller.GetServerInfo(pb.GetServerInfoRequest())
    states: list[grpc.ChannelConnectivity] = []
    channel.subscribe(states.append)
    time.sleep(1.5)
    assert caller.GetServerInfo(pb.GetServerInfoRequest()).protocol_version == PROTOCOL_VERSION
    assert grpc.ChannelConnectivity.TRANSIENT_FAILURE not in states
    channel.close()


@pytest.mark.parametrize(("mebibytes", "taken"), [(15, True), (17, False)])
def test_messages_up_to_sixteen_mebibytes_are_taken(client: Client, mebibytes: int, taken: bool) -> None:
    """A request that is refused for what it says has been read."""
    prompt = pb.GenerateRequest.Prompt(messages=[pb.Message(content="a" * (mebibytes << 20))])
    wide = Client(grpc.insecure_channel(client.address, options=[("grpc.max_send_message_length", -1)]))
    with pytest.raises(grpc.RpcError) as caught:
        list(wide.Generate(pb.GenerateRequest(prompts=[prompt], max_new_tokens=0)))
    too_large = caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert reason(caught.value) == "UNSUPPORTED" if taken else too_large


def test_the_server_answers_while_the_device_works(client: Client, model_folder: Folder) -> None:
    loaded = client.load(model_folder("llama"))
    row_set, _ = client.register(loaded.model_handle, [pair("Hello", "the sea " * 20, "the cat " * 20)] * 200)
    call = client.Score(pb.ScoreRequest(row_set=row_set))
    next(call)
    answered = {client.GetServerInfo(pb.GetServerInfoRequest()).incarnation for _ in range(5)}
    assert len(answered) == 1
    assert sum(len(part.rows) for part in call) > 100  # the scoring was still going on
