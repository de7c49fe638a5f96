"""Chat templates that would stop the backend: each is told to whoever named it, and nobody else notices."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb
from py_backend.rpc.wire import PROTOCOL_VERSION
from py_backend.tests.client import Client, pair, reason

ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
HOSTILE = {
    "folded when it is compiled": ("{{ 'a' * 3000000000 }}", "memory"),
    "by doubling": (
        "{% set s = namespace(x='a') %}{% for i in range(40) %}{% set s.x = s.x ~ s.x %}{% endfor %}",
        "memory",
    ),
    "written in pieces": ("{% for i in range(90000) %}{{ 'a' * 9000 }}{% endfor %}", "memory"),
    "by formatting": ("{{ '%9999999999d' % 1 }}", "memory"),
    "longer than a message": ("{{ 'a' * 30000000 }}", "30000000 characters"),
    "calls itself": ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "RecursionError"),
    "no text": ("{{ '\\ud800' }}", "surrogates"),
}


@pytest.fixture(scope="module")
def row(model_folder: Callable[[str], Path]) -> Callable[[Client, str], str]:
    def register(client: Client, template: str) -> str:
        model = client.load(model_folder("llama"), chat_template=template).model_handle
        try:
            client.register(model, [pair("Hello", "the sea", "the cat")])
        except grpc.RpcError as error:
            return f"{reason(error)}: {error.details()}"
        finally:
            client.UnloadModel(pb.UnloadModelRequest(model_handle=model))
        return "taken"

    return register


@pytest.mark.parametrize(("template", "word"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_template_without_end_or_measure_is_refused(
    client: Client, row: Callable[[Client, str], str], template: str, word: str
) -> None:
    said = row(client, template)
    assert said.startswith("MODEL_INVALID: chat template: ") and word in said


def test_others_are_answered_while_a_template_runs(client: Client, model_folder: Callable[[str], Path]) -> None:
    hostile = client.load(model_folder("llama"), chat_template=ENDLESS).model_handle
    fine = client.load(model_folder("llama")).model_handle
    prompt = pb.GenerateRequest.Prompt(messages=[pb.Message(role="user", content="Hello")])
    asked = client.Generate(pb.GenerateRequest(model_handle=hostile, prompts=[prompt], max_new_tokens=2))
    start = time.perf_counter()
    row_set, _ = client.register(fine, [pair("Hello", "the sea", "the cat", plain=True)])
    assert len(client.score(row_set)) == 1  # the device is free
    assert client.GetServerInfo(pb.GetServerInfoRequest()).protocol_version == PROTOCOL_VERSION
    taken = time.perf_counter() - start
    with pytest.raises(grpc.RpcError) as caught:
        list(asked)
    assert reason(caught.value) == "MODEL_INVALID" and "processor time" in str(caught.value.details())
    assert taken < time.perf_counter() - start
    assert len(client.register(fine, [pair("Hello", "the sea", "the cat")])[1]) == 1  # the worker was replaced
