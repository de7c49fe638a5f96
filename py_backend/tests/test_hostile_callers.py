"""Callers that are not let in, that say nothing, or that say what is no message: real servers on real sockets."""

from __future__ import annotations

import json
import logging
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2

from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb
from py_backend.rpc.security import AddressRefused, TlsFiles, check_token
from py_backend.rpc.wire import PROTOCOL_VERSION
from py_backend.tests.client import ROOT, SERVICE, Client, Training, pair, reason

Folder = Callable[[str], Path]
Serve = Callable[..., str]
INFO = pb.GetServerInfoRequest()


def code(error: pytest.ExceptionInfo[grpc.RpcError]) -> grpc.StatusCode:
    return error.value.code()  # type: ignore[no-any-return, attr-defined]


# ------------------------------------------------------------------------------------------------- who is let in


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def pki(socket_folder: Path) -> Path:
    """ca, server and client with their keys; stranger is signed by itself, with the same name as client."""
    folder = socket_folder / "pki"
    folder.mkdir()
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for name in ("ca", "stranger"):
        files = ["-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem"]
        openssl("req", "-x509", *key, "-days", "1", "-subj", f"/CN={name}", *files)
    (folder / "names").write_text("subjectAltName=DNS:localhost")
    for name in ("server", "client"):
        openssl("req", *key, "-subj", f"/CN={name}", "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.csr")
        signed = ["-in", f"{folder}/{name}.csr", "-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key"]
        more = ["-CAcreateserial", "-days", "1", "-extfile", f"{folder}/names", "-out", f"{folder}/{name}.pem"]
        openssl("x509", "-req", *signed, *more)
    return folder


def dial(address: str, pki: Path, who: str | None) -> Client:
    ca = (pki / "ca.pem").read_bytes()
    own = (None, None) if who is None else ((pki / f"{who}.key").read_bytes(), (pki / f"{who}.pem").read_bytes())
    return Client(grpc.secure_channel(address, grpc.ssl_channel_credentials(ca, *own)))


def test_with_a_client_authority_only_its_certificates_are_let_in(serve: Serve, pki: Path) -> None:
    files = TlsFiles(f"{pki}/server.pem", f"{pki}/server.key", f"{pki}/ca.pem")
    port = serve("0.0.0.0:0", tls=files).rpartition(":")[2]
    assert dial(f"localhost:{port}", pki, "client").GetServerInfo(INFO).protocol_version == PROTOCOL_VERSION
    for stranger in (None, "stranger"):
        with pytest.raises(grpc.RpcError) as caught:
            dial(f"localhost:{port}", pki, stranger).GetServerInfo(INFO)
        assert code(caught) is grpc.StatusCode.UNAVAILABLE


def test_tls_alone_opens_no_reachable_address(serve: Serve, pki: Path) -> None:
    with pytest.raises(AddressRefused, match="TLS alone only encrypts"):
        serve("0.0.0.0:0", tls=TlsFiles(f"{pki}/server.pem", f"{pki}/server.key"))


def test_tls_files_that_do_not_belong_together_are_told_so(serve: Serve, pki: Path) -> None:
    (pki / "text").write_text("hello")
    for files, word in (
        (TlsFiles(f"{pki}/server.pem", f"{pki}/client.key"), "does not belong to the certificate"),
        (TlsFiles(f"{pki}/text", f"{pki}/server.key"), "no certificate and key"),
        (TlsFiles(f"{pki}/server.pem", f"{pki}/server.key", f"{pki}/text"), "holds no certificate"),
        (TlsFiles(f"{pki}/server.pem", f"{pki}/server.key", f"{pki}/none"), "cannot read"),
    ):
        with pytest.raises(AddressRefused, match=word):
            serve("localhost:0", tls=files)


@pytest.mark.parametrize("token", ["s3crét", "s3cret\n", " s3cret", "s3\x07cret", ""])
def test_a_token_that_cannot_be_sent_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(AddressRefused) as caught:
        check_token(token)
    assert "s3" not in str(caught.value)


def test_one_authorization_header_and_no_other_beside_it(serve: Serve, socket_folder: Path) -> None:
    channel = grpc.insecure_channel(serve(f"unix:{socket_folder}/headers", token="right"))
    right, wrong = ("authorization", "Bearer right"), ("authorization", "Bearer wrong")
    assert Client(channel, (right,)).GetServerInfo(INFO).protocol_version == PROTOCOL_VERSION
    for headers in ((wrong, right), (right, wrong), (right, right)):
        with pytest.raises(grpc.RpcError) as caught:
            Client(channel, headers).GetServerInfo(INFO)
        assert code(caught) is grpc.StatusCode.UNAUTHENTICATED


# ------------------------------------------------------------------------------------------------- who says nothing


@pytest.fixture(scope="module")
def narrow() -> Iterator[str]:
    """Address of a backend that may open 400 files."""

    def few_files() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400))

    command = [sys.executable, "-m", "py_backend", "--threads", "1", "--address", "127.0.0.1:0"]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=ROOT, text=True, preexec_fn=few_files, **streams)  # noqa: PLW1509
    assert process.stdout is not None
    yield json.loads(process.stdout.readline())["address"]
    process.kill()
    process.communicate()


@pytest.mark.parametrize("said", [b"", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"], ids=["silent", "greets"])
def test_connections_that_ask_nothing_keep_nobody_out(narrow: str, said: bytes) -> None:
    host, _, port = narrow.partition(":")
    busy = Client(grpc.insecure_channel(narrow))
    assert busy.GetServerInfo(INFO).protocol_version == PROTOCOL_VERSION
    silent = []
    try:
        for _ in range(500):
            silent.append(socket.create_connection((host, int(port))))
            silent[-1].sendall(said)
        start = time.monotonic()
        call = grpc.insecure_channel(narrow).unary_unary(f"/{SERVICE.full_name}/GetServerInfo")
        assert call(b"", timeout=60, wait_for_ready=True)
        assert time.monotonic() - start < 20  # without a limit: the handshake's 75 to 150 s
        time.sleep(2.5)
        assert sum(is_open(connection) for connection in silent) <= 64
        assert busy.GetServerInfo(INFO).protocol_version == PROTOCOL_VERSION
    finally:
        for connection in silent:
            connection.close()


def is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        while received := connection.recv(4096):
            pass
    except BlockingIOError:
        return True
    except OSError:
        return False
    return bool(received)


# ------------------------------------------------------------------------------------------------- what is said


def test_bytes_that_are_no_message_are_the_callers_fault_and_logged_once(
    serve: Serve, socket_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    channel = grpc.insecure_channel(serve(f"unix:{socket_folder}/malformed"))
    methods = {f"/{SERVICE.full_name}/{method.name}": method for method in SERVICE.methods}
    shapes = {path: (method.client_streaming, method.server_streaming) for path, method in methods.items()}
    shapes["/grpc.health.v1.Health/Check"] = (False, False)
    shapes["/grpc.health.v1.Health/Watch"] = (False, True)
    shapes["/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"] = (True, True)
    for path, (asks, answers) in shapes.items():
        caplog.clear()
        shape = f"{'stream' if asks else 'unary'}_{'stream' if answers else 'unary'}"
        call = getattr(channel, shape)(path)
        with caplog.at_level(logging.DEBUG, "mrpo"), pytest.raises(grpc.RpcError) as caught:
            answer = call(iter([b"\xff\xff\xff"]) if asks else b"\xff\xff\xff", timeout=20)
            assert list(answer) if answers else answer
        assert code(caught) is grpc.StatusCode.INVALID_ARGUMENT, path
        assert path.rpartition("/")[2] in str(caught.value.details()) and "Error" not in str(caught.value.details())
        assert len(caplog.records) == 1 and caplog.records[0].levelno == logging.INFO
    check = channel.unary_unary("/grpc.health.v1.Health/Check")
    assert health_pb2.HealthCheckResponse.FromString(check(b"")).status == health_pb2.HealthCheckResponse.SERVING


def test_a_panic_of_the_tokenizer_is_answered(client: Client, model_folder: Folder, tmp_path: Path) -> None:
    """What the Rust side raises is no Exception: it left the caller waiting for ever."""
    folder = tmp_path / "panics"
    shutil.copytree(model_folder("llama"), folder)
    words = json.loads((folder / "tokenizer.json").read_text())
    words["normalizer"] = {"type": "Prepend", "prepend": ""}
    (folder / "tokenizer.json").write_text(json.dumps(words))
    model = client.load(folder).model_handle
    prompt = pb.GenerateRequest.Prompt(messages=[pb.Message(role="user", content="Hello")])
    for call in (
        lambda: client.register(model, [pair("Hello", "the sea", "the cat")]),
        lambda: client.register(model, [pair("Hello", "the sea", "the cat", plain=True)]),
        lambda: list(client.Generate(pb.GenerateRequest(model_handle=model, prompts=[prompt], max_new_tokens=2))),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            call()
        assert reason(caught.value) == "MODEL_INVALID" and "Panic" in str(caught.value.details())


@pytest.mark.parametrize("name", ["learning_rate", "weight_decay", "max_grad_norm"])
def test_an_update_by_what_is_no_number_is_refused(client: Client, model_folder: Folder, name: str) -> None:
    """And the step is still open: the same commit with numbers is taken."""
    model = client.load(model_folder("llama")).model_handle
    row_set, _ = client.register(model, [pair("Hello", "the sea", "the cat")])
    trainer = client.trainer(model, lora=pb.LoraSpec(r=2, alpha=4, target_modules=["q_proj"])).trainer_handle
    train = Training(client, trainer, row_set)
    train.forward(1, 0, [0])
    train.backward(1, 0, [0.1, -0.1])
    right = {"step": 1, "micro_batches": [0], "learning_rate": 0.01, "weight_decay": 0.0, "max_grad_norm": 1.0}
    for value in (float("nan"), float("inf"), -1.0):
        answer = train.send(commit=pb.TrainRequest.Commit(**{**right, name: value}))
        assert answer.error.reason == pb.ERROR_REASON_UNSUPPORTED and name in answer.error.message
    assert train.send(commit=pb.TrainRequest.Commit(**right)).commit.step == 1
    client.UnloadModel(pb.UnloadModelRequest(model_handle=model))
