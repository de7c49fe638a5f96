"""Bad models get an error that says what is wrong and a reason a program can branch on; good ones are described."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from safetensors.torch import load_file, save_file

from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb
from py_backend.tests.client import Client, pair, reason

Folder = Callable[[str], Path]


def refusal(client: Client, source: str | Path, **spec: object) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as caught:
        client.load(source, **spec)
    return reason(caught.value), caught.value.details()


@pytest.fixture
def copy(tmp_path: Path, model_folder: Folder) -> Path:
    return Path(shutil.copytree(model_folder("llama"), tmp_path / "model"))


@pytest.mark.parametrize("source", ["/no/such/model", "./models/bose", "~/nothing", "missing.gguf", "a/b/c"])
def test_a_path_that_does_not_exist(client: Client, source: str) -> None:
    why, text = refusal(client, source)
    assert why == "MODEL_NOT_FOUND" and source in text


def test_the_folder_that_was_probably_meant_is_named(client: Client, copy: Path) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        client.load(copy.parent / "modle")
    details = dict(caught.value.trailing_metadata())["grpc-status-details-bin"]
    assert str(copy).encode() in details


def test_a_hub_id_without_network_is_refused_within_seconds(client: Client) -> None:
    start = time.monotonic()
    why, text = refusal(client, "no-such-owner/no-such-model-0")
    assert why == "MODEL_NOT_FOUND" and "no-such-owner/no-such-model-0" in text
    assert time.monotonic() - start < 30


def test_a_folder_that_is_no_model(client: Client, tmp_path: Path) -> None:
    why, text = refusal(client, tmp_path)
    assert why == "MODEL_INVALID" and "config.json" in text


def test_an_adapter_given_as_a_model_is_recognised(client: Client, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(grpc.RpcError) as caught:
        client.load(tmp_path)
    assert b"PEFT adapter" in dict(caught.value.trailing_metadata())["grpc-status-details-bin"]


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def damaged_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def unknown_type(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "no-such-type"}))


def own_code(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "custom", "auto_map": {"AutoConfig": "code.C"}}))
    (folder / "code.py").write_text("raise SystemExit('this must never run')")


def damaged_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")


def cut_weights(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])


def missing_weight(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def wrong_shape(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"] = weights["model.norm.weight"][:8].clone()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (no_tokenizer, "tokenizer"),
        (pickled, "safetensors"),
        (no_weights, "no weights"),
        (damaged_config, "config.json"),
        (unknown_type, "no-such-type"),
        (own_code, "code of its own"),
        (damaged_tokenizer, "tokenizer"),
        (cut_weights, "cannot be loaded"),
        (missing_weight, "up_proj"),
        (wrong_shape, "cannot be loaded"),
    ],
)
def test_a_damaged_model_is_refused(client: Client, copy: Path, damage: Callable[[Path], None], word: str) -> None:
    damage(copy)
    why, text = refusal(client, copy)
    assert why == "MODEL_INVALID" and word in text


@pytest.mark.parametrize(
    "spec", [{"dtype": "float8"}, {"attention": "flash"}, {"revision": "main"}, {"quantization": 9}]
)
def test_an_option_that_is_not_known_is_refused_and_not_dropped(
    client: Client, model_folder: Folder, spec: dict[str, object]
) -> None:
    why, text = refusal(client, model_folder("llama"), **spec)
    assert why in {"UNSUPPORTED", "MODEL_INVALID"} and str(next(iter(spec.values()))) in text


@pytest.mark.parametrize("content", [None, "adapter_config.json"])
def test_a_folder_that_is_no_adapter(client: Client, model_folder: Folder, tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / content).write_text("{}")
    why, text = refusal(client, model_folder("llama"), adapter=str(tmp_path))
    assert why == "MODEL_INVALID" and "adapter" in text


def test_a_model_is_described(client: Client, model_folder: Folder) -> None:
    loaded = client.load(model_folder("mistral"))
    assert loaded.architecture == "MistralForCausalLM"
    assert (loaded.layers, loaded.hidden_size, loaded.vocabulary, loaded.context_length) == (2, 48, 640, 512)
    assert loaded.has_chat_template and loaded.parameters * 4 <= loaded.memory_bytes < loaded.parameters * 4.1
    assert not client.load(model_folder("gemma3")).has_chat_template


def test_a_chat_template_in_the_spec_replaces_the_missing_one(client: Client, model_folder: Folder) -> None:
    row = [pair("x", "a", "b")]
    bare = client.load(model_folder("gemma3"))
    with pytest.raises(grpc.RpcError) as caught:
        client.register(bare.model_handle, row)
    assert reason(caught.value) == "CHAT_TEMPLATE_MISSING"
    template = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}"
    dressed = client.load(model_folder("gemma3"), chat_template=template)
    assert dressed.has_chat_template
    _, facts = client.register(dressed.model_handle, row, return_tokens=True)
    assert facts[0].rendered_prompt == "<user>x"


def test_an_unloaded_model_is_gone_with_all_that_belongs_to_it(client: Client, model_folder: Folder) -> None:
    loaded = client.load(model_folder("llama"))
    row_set, _ = client.register(loaded.model_handle, [pair("x", "a", "b")])
    for _ in range(2):  # an unknown handle is fine
        client.UnloadModel(pb.UnloadModelRequest(model_handle=loaded.model_handle))
    calls: list[Callable[[], object]] = [
        lambda: client.score(row_set),
        lambda: client.register(loaded.model_handle, []),
        lambda: client.trainer(loaded.model_handle),
        lambda: client.export(loaded.model_handle, Path("/tmp/never")),
        lambda: list(client.Generate(pb.GenerateRequest(model_handle=loaded.model_handle, max_new_tokens=1))),
    ]
    for call in calls:
        with pytest.raises(grpc.RpcError) as caught:
            call()
        assert reason(caught.value) == "UNKNOWN_HANDLE"


def test_loading_reports_progress_in_bytes(client: Client, model_folder: Folder) -> None:
    request = pb.LoadModelRequest(model=pb.ModelSpec(source=str(model_folder("llama"))))
    *progress, final = client.LoadModel(request)
    assert final.WhichOneof("event") == "loaded"
    assert progress and all(event.progress.unit == "bytes" for event in progress)
    assert any(event.progress.done == event.progress.total > 0 for event in progress)


def test_a_hub_dataset_that_cannot_be_had_says_why(client: Client) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        list(client.ReadDataset(pb.ReadDatasetRequest(dataset="no-such-owner/no-such-dataset-0")))
    assert reason(caught.value) in {"UNSUPPORTED", "DATASET_NOT_FOUND"}
    assert "no-such-dataset-0" in caught.value.details()
