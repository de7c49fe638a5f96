"""Thousands of hostile calls on one real backend:

    PYTHONPATH=test/support python -m py_backend.tests.hostile_round [CALLS] [SEED]

Prints what was answered, whether a call without the token was let in, and the backend's memory on the way. Exit code 0:
nobody got in, nothing was left unanswered, no answer was a defect (INTERNAL, UNKNOWN), memory stayed where it was.
"""

from __future__ import annotations

import collections
import contextlib
import random
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import grpc
import psutil
from google.protobuf.message_factory import GetMessageClass

from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb
from py_backend.tests.client import SERVICE, Client, pair, spawn
from tiny_models import tiny_model

TOKEN = "right"
RIGHT, WRONG = ("authorization", f"Bearer {TOKEN}"), ("authorization", "Bearer wrong")
REFUSED = ((), (WRONG,), (RIGHT, WRONG), (WRONG, RIGHT), (RIGHT, RIGHT), (("authorization", TOKEN),))
DEFECTS = ("INTERNAL", "UNKNOWN", "DEADLINE_EXCEEDED")
PATHS = (
    "/etc",
    "/root/.ssh",
    "../../etc",
    "~",
    "a\0b",
    "/" + "x" * 5000,
    "/proc/self",
    "//",
    "organisation/none",
    "x.gguf",
)
WORDS = ("", "é" * 50, "{{ 1/0 }}", "chat", "adamw", "q_proj", "user", "assistant")
HANDLES: list[str] = []
NUMBERS = (0, 1, 1, 2, -1, 2**31 - 1, 2**63 - 1)


def main(calls: int, seed: int) -> int:
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="mrpo-") as root:
        process, ready = spawn(
            "--address", "127.0.0.1:0", "--token-env", "T", "--roots", root, T=TOKEN, HF_HUB_OFFLINE="1"
        )
        try:
            prepare(ready["address"], root)
            return attack(ready["address"], psutil.Process(process.pid), root, calls, chance)
        finally:
            process.kill()
            process.communicate()


def prepare(address: str, root: str) -> None:
    """A model and rows, so that hostile calls get further than an unknown handle."""
    shutil.copytree(tiny_model("llama"), f"{root}/llama")
    client = Client(grpc.insecure_channel(address), (RIGHT,))
    for _ in range(2):
        model = client.load(f"{root}/llama").model_handle
        HANDLES.append(model)
        HANDLES.append(client.register(model, [pair("Hello", "the sea", "the cat")])[0])
    settings = {"lora": pb.LoraSpec(r=2, alpha=4, target_modules=["q_proj"])}
    HANDLES.append(client.trainer(HANDLES[0], **settings).trainer_handle)


def attack(address: str, backend: psutil.Process, root: str, calls: int, chance: random.Random) -> int:
    channel = grpc.insecure_channel(address, options=[("grpc.max_send_message_length", -1)])
    answers: collections.Counter[str] = collections.Counter()
    let_in, memory = 0, []
    for number in range(calls):
        if number % (calls // 10 or 1) == 0:
            memory.append(backend.memory_info().rss >> 20)
        kind = chance.choice((stranger, malformed, absurd, absurd, rude))
        code, entered = kind(channel, address, root, chance)
        answers[f"{kind.__name__} {code}"] += 1
        let_in += entered
    memory.append(backend.memory_info().rss >> 20)
    info = Client(channel, (RIGHT,)).GetServerInfo(pb.GetServerInfoRequest())
    for text, count in sorted(answers.items()):
        print(f"{count:6} {text}")
    print(
        f"let in without the token: {let_in}; still answers: protocol {info.protocol_version}; MiB on the way: {memory}"
    )
    defects = [text for text in answers if text.endswith(DEFECTS)]
    print(f"defects: {defects or 'none'}")
    return 0 if not let_in and not defects and memory[-1] < memory[2] * 1.1 + 30 else 1


def call(channel: grpc.Channel, method: Any, raw: list[bytes], headers: tuple[Any, ...]) -> str:
    shape = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
    function = getattr(channel, shape)(f"/{SERVICE.full_name}/{method.name}")
    try:
        answer = function(iter(raw) if method.client_streaming else raw[0], metadata=headers, timeout=60)
        collections.deque(answer, maxlen=0) if method.server_streaming else answer
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"


def stranger(channel: grpc.Channel, address: str, root: str, chance: random.Random) -> tuple[str, bool]:
    """Any method, with every way of not having the token."""
    method = chance.choice(SERVICE.methods)
    code = call(channel, method, [b""], chance.choice(REFUSED))
    return code, code != "UNAUTHENTICATED"


def malformed(channel: grpc.Channel, address: str, root: str, chance: random.Random) -> tuple[str, bool]:
    method = chance.choice(SERVICE.methods)
    raw = [chance.randbytes(chance.choice((1, 7, 100, 5000))) for _ in range(3)]
    return call(channel, method, raw, (RIGHT,)), False


def absurd(channel: grpc.Channel, address: str, root: str, chance: random.Random) -> tuple[str, bool]:
    """Messages of the right kind with values that make no sense."""
    method = chance.choice(SERVICE.methods)
    message = GetMessageClass(method.input_type)()
    fill(message, chance, 3)
    code = call(channel, method, [message.SerializeToString()] * 2, (RIGHT,))
    return code, False


def rude(channel: grpc.Channel, address: str, root: str, chance: random.Random) -> tuple[str, bool]:
    """Connections that say nothing, half a greeting, or noise, and leave."""
    host, _, port = address.partition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(
            chance.choice((b"", b"PRI * HTT", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", chance.randbytes(500)))
        )
    return "closed", False


def fill(message: Any, chance: random.Random, depth: int) -> None:
    for field in message.DESCRIPTOR.fields:
        if chance.random() < 0.4:
            continue
        value: Callable[[], Any] = {
            "string": lambda: chance.choice(
                (*PATHS, *HANDLES, *HANDLES, "", "é" * 50, "{{ 1/0 }}", "chat", "adamw", "q_proj")
            ),
            "bytes": lambda: chance.randbytes(20),
            "bool": lambda: chance.random() < 0.5,
            "double": lambda: chance.choice((0.0, -1.0, 1e308, float("nan"), float("inf"))),
        }.get(kind_of(field), lambda: chance.choice(NUMBERS))
        with contextlib.suppress(ValueError, TypeError):  # a number that the field cannot hold
            if field.message_type is not None and field.message_type.GetOptions().map_entry:
                continue
            if field.message_type is not None:
                if depth:
                    fill(
                        getattr(message, field.name).add() if field.is_repeated else getattr(message, field.name),
                        chance,
                        depth - 1,
                    )
            elif field.is_repeated:
                getattr(message, field.name).extend(value() for _ in range(3))
            else:
                setattr(message, field.name, value())


def kind_of(field: Any) -> str:
    names = {"STRING": "string", "BYTES": "bytes", "BOOL": "bool", "DOUBLE": "double", "FLOAT": "double"}
    return {getattr(field, f"TYPE_{name}"): kind for name, kind in names.items()}.get(field.type, "number")


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:]] or [2000]
    sys.exit(main(numbers[0], numbers[1] if len(numbers) > 1 else 0))
