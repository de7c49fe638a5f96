"""A trainer that goes on from a checkpoint is the trainer that was never stopped, bit for bit. On a real backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb
from py_backend.tests.client import Client, reason
from py_backend.tests.test_training import LORA, Setup, step

Folder = Callable[[str], Path]
Files = list[tuple[str, bytes]]
DROPOUT = pb.LoraSpec(r=4, alpha=8, dropout=0.2, target_modules=["q_proj", "v_proj"])


def saved(client: Client, trainer: str, at: int) -> Files:
    """The pieces of a checkpoint; their hashes are checked by the client in TypeScript."""
    events = list(client.SaveCheckpoint(pb.SaveCheckpointRequest(trainer_handle=trainer, step=at)))
    assert events[0].HasField("copied") and events[-1].HasField("saved")
    return [(event.piece.file, event.piece.data) for event in events[1:-1]]


def load(client: Client, trainer: str, files: Files) -> int:
    def requests() -> Iterator[pb.LoadCheckpointRequest]:
        yield pb.LoadCheckpointRequest(open=pb.LoadCheckpointRequest.Open(trainer_handle=trainer))
        for file, data in files:
            yield pb.LoadCheckpointRequest(file=file, data=data)

    *_, answer = client.LoadCheckpoint(requests())
    return answer.loaded.committed_step


def by_file(files: Files) -> dict[str, bytes]:
    whole: dict[str, bytes] = {}
    for file, data in files:
        whole[file] = whole.get(file, b"") + data
    return whole


@pytest.fixture(scope="module")
def llama(client: Client, model_folder: Folder) -> Iterator[Setup]:
    setup = Setup(client, model_folder("llama"))
    yield setup
    setup.leave()


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "adapter": ({}, {"lora": DROPOUT}),
    "adapter, 8-bit optimizer": ({}, {"lora": pb.LoraSpec(r=64, alpha=8), "optimizer": "paged_adamw_8bit"}),
    "all weights": ({}, {"lora": None}),
    "all weights, 8-bit optimizer": ({}, {"lora": None, "optimizer": "paged_adamw_8bit"}),
    "adapter on NF4": ({"quantization": pb.QUANTIZATION_NF4}, {"lora": DROPOUT}),
}


@pytest.mark.parametrize("case", CASES)
def test_goes_on_bit_for_bit(client: Client, model_folder: Folder, case: str) -> None:
    model, trainer = CASES[case]
    first = Setup(client, model_folder("llama"), **model)
    stream = first.train(**trainer)
    for number in (1, 2, 3):
        step(stream, number, seed=number)
    kept = saved(client, first.trainer, 3)
    undisturbed = [step(stream, number, seed=number).grad_norm for number in (4, 5)]
    expected = by_file(saved(client, first.trainer, 5))
    first.leave()

    second = Setup(client, model_folder("llama"), **model)
    stream = second.train(**trainer)
    step(stream, 1, seed=77)  # whatever it has done before
    assert load(client, second.trainer, kept) == 3
    assert by_file(saved(client, second.trainer, 3)) == by_file(kept)
    assert [step(stream, number, seed=number).grad_norm for number in (4, 5)] == undisturbed
    assert by_file(saved(client, second.trainer, 5)) == expected
    second.leave()


def test_an_adapter_on_an_adapter_goes_on_bit_for_bit(client: Client, model_folder: Folder, tmp_path: Path) -> None:
    start = Setup(client, model_folder("llama"))
    step(start.train(), 1)
    client.export(start.model, tmp_path / "start")
    start.leave()
    results = []
    kept: Files = []
    for resumed in (False, True):
        setup = Setup(client, model_folder("llama"), adapter=str(tmp_path / "start"))
        stream = setup.train(lora=DROPOUT)
        if resumed:
            assert load(client, setup.trainer, kept) == 2
        else:
            for number in (1, 2):
                step(stream, number, seed=number)
            kept = saved(client, setup.trainer, 2)
        step(stream, 3, seed=3)
        results.append((by_file(saved(client, setup.trainer, 3)), setup.scores(), setup.scores(adapter_off=True)))
        setup.leave()
    assert results[0] == results[1]


def test_a_copy_is_not_touched_by_the_steps_after_it(llama: Setup) -> None:
    stream = llama.train()
    step(stream, 1)
    events = llama.client.SaveCheckpoint(pb.SaveCheckpointRequest(trainer_handle=llama.trainer, step=1))
    assert next(events).copied.bytes > 0
    at_once = by_file([(event.piece.file, event.piece.data) for event in events if event.HasField("piece")])
    slow = llama.client.SaveCheckpoint(pb.SaveCheckpointRequest(trainer_handle=llama.trainer, step=1))
    next(slow)
    step(stream, 2)
    late = by_file([(event.piece.file, event.piece.data) for event in slow if event.HasField("piece")])
    assert late == at_once


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return reason(caught.value)


def test_what_does_not_fit_is_refused_and_changes_nothing(llama: Setup, tmp_path: Path) -> None:
    stream = llama.train()
    step(stream, 1)
    kept = saved(llama.client, llama.trainer, 1)
    assert refused(lambda: saved(llama.client, llama.trainer, 2)) == "STEP_CONFLICT"
    whole = by_file(kept)
    facts = whole["trainer.json"]
    policy = whole["policy-00001.safetensors"]
    damaged: list[dict[str, bytes]] = [
        {},
        {name: data for name, data in whole.items() if not name.startswith("optimizer")},
        {**whole, "policy-00001.safetensors": policy[: len(policy) // 2]},
        {**whole, "trainer.json": facts.replace(b'"format": 1', b'"format": 99')},
        {**whole, "trainer.json": facts.replace(b'"adamw"', b'"paged_adamw_8bit"')},
        {**whole, "trainer.json": b"{"},
        {**whole, "../trainer.json": facts},
    ]
    for files in damaged:
        assert refused(lambda f=files: load(llama.client, llama.trainer, list(f.items()))) == "CHECKPOINT_INVALID"
    assert by_file(saved(llama.client, llama.trainer, 1)) == whole
    other = llama.train(lora=pb.LoraSpec(r=2, alpha=8, target_modules=["q_proj"]))
    assert refused(lambda: load(llama.client, llama.trainer, kept)) == "CHECKPOINT_INVALID"
    step(other, 1)


def test_a_step_that_was_open_is_dropped(llama: Setup) -> None:
    stream = llama.train()
    step(stream, 1)
    kept = saved(llama.client, llama.trainer, 1)
    step(stream, 2, seed=5)
    expected = by_file(saved(llama.client, llama.trainer, 2))
    stream.forward(3, 0, [0])
    load(llama.client, llama.trainer, kept)
    assert stream.commit(3, [0]).WhichOneof("frame") == "error"
    step(stream, 2, seed=5)
    assert by_file(saved(llama.client, llama.trainer, 2)) == expected
    assert LORA.r == 4
