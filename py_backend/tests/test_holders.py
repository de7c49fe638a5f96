"""Models whose client has gone are freed, and no others."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import grpc
import torch

from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb
from py_backend.rpc.holders import CLIENT_KEY, LOOKS, Holders
from py_backend.tests.client import LIMITS, ROOT, Client, pair

GRACE_S = 1.0
ROWS = [pair("How are you?", "Well, thank you.", "No.")]

SCORER = """
import sys
import grpc
from py_backend.tests.client import LIMITS, Client, pair
client = Client(grpc.insecure_channel(sys.argv[1], options=LIMITS), (("mrpo-client", "scorer"),))
model = client.load(sys.argv[2]).model_handle
rows, _ = client.register(model, [pair("How are you?", "Well, thank you.", "No.")] * 64)
print(model, flush=True)
while True:
    client.score(rows)
"""


def weights_in_memory() -> int:
    gc.collect()
    return sum(each.nbytes for each in gc.get_objects() if type(each) is torch.nn.Parameter)


def test_a_client_killed_while_it_scores_leaves_nothing_behind(
    serve: Callable[..., str], socket_folder: Path, model_folder: Callable[[str], Path]
) -> None:
    address = serve(f"unix:{socket_folder}/holders", grace_s=GRACE_S)
    channel = grpc.insecure_channel(address, options=LIMITS)
    heir, nameless = Client(channel, ((CLIENT_KEY, "heir"),)), Client(channel)
    held = lambda: {model.model_handle: model for model in heir.GetServerInfo(pb.GetServerInfoRequest()).models}  # noqa: E731

    over = threading.Event()

    def live() -> None:
        while not over.wait(GRACE_S / LOOKS):
            heir.GetServerInfo(pb.GetServerInfoRequest())

    threading.Thread(target=live, daemon=True).start()  # before it loads: a busy machine may take longer than the grace
    mine, stays = heir.load(model_folder("llama")).model_handle, nameless.load(model_folder("llama")).model_handle
    rows, _ = heir.register(mine, ROWS)
    before = heir.score(rows)
    weights = weights_in_memory()
    scorer = subprocess.Popen(
        [sys.executable, "-c", SCORER, address, str(model_folder("llama"))], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert scorer.stdout is not None
    left = scorer.stdout.readline().strip()
    assert held()[left].away_seconds < GRACE_S and held()[left].memory_bytes > 0
    assert not held()[stays].HasField("away_seconds")
    time.sleep(GRACE_S * (1 + 2 / LOOKS))  # it scores all that time
    assert left in held() and weights_in_memory() > weights
    scorer.kill()
    scorer.communicate()
    killed = time.monotonic()
    while left in held():
        assert time.monotonic() < killed + 30
        time.sleep(GRACE_S / LOOKS)
    assert time.monotonic() > killed + GRACE_S * (1 - 1 / LOOKS)
    assert weights_in_memory() == weights
    assert held().keys() == {mine, stays}
    assert heir.score(rows) == before
    over.set()


class Scene:
    """Holders of one model, "m", with a list of what was freed."""

    def __init__(self) -> None:
        self.freed: list[str] = []
        self.holders = Holders(lambda handle: "m" if handle in ("m", "rows") else "", self._free)

    def _free(self, model: str, is_held: Callable[[], bool]) -> None:
        if not is_held():
            self.freed.append(model)

    def call(self, name: str, **request: Any) -> ExitStack:
        """An open call; whoever closes it ends it."""
        context = SimpleNamespace(invocation_metadata=lambda: ((CLIENT_KEY, name),))
        call = ExitStack()
        call.enter_context(self.holders.call(cast(Any, context)))(SimpleNamespace(**request))
        return call

    def look(self, times: int) -> list[str]:
        for _ in range(times):
            self.holders.look()
        return self.freed


def test_an_open_call_keeps_a_model_however_long_it_takes() -> None:
    scene = Scene()
    call = scene.call("one", model_handle="m")
    assert scene.look(3 * LOOKS) == []
    call.close()
    assert scene.look(LOOKS - 1) == []
    assert scene.look(1) == ["m"]


def test_whoever_names_a_model_holds_it_too() -> None:
    scene = Scene()
    scene.call("one", model_handle="m").close()
    scene.look(LOOKS - 1)
    scene.call("two", open=SimpleNamespace(row_set="rows")).close()
    assert scene.look(LOOKS - 1) == []
    assert scene.look(1) == ["m"]


def test_a_sign_of_life_within_the_grace_keeps_it() -> None:
    scene = Scene()
    scene.call("one", model_handle="m").close()
    for _ in range(3):
        scene.look(LOOKS - 1)
        scene.call("one").close()
    assert scene.freed == []


def test_a_client_without_models_is_forgotten_at_once() -> None:
    scene = Scene()
    for number in range(100):
        scene.call(f"client {number}", model_handle="unknown").close()
    assert scene.holders._clients == {}
