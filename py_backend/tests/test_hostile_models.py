"""Models and adapters whose settings would stop the backend: refused within seconds, with what is wrong in them."""

from __future__ import annotations

import json
import shutil
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb
from py_backend.tests.client import Client, pair, reason
from py_backend.tests.tiny_gguf import make_folder, write_gguf

Folder = Callable[[str], Path]
ENDLESS = "(.*)*$x"
SIXTEENFOLD = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 16}


def changed(folder: Path, name: str, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / name
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def refusal(client: Client, source: Path, **options: str) -> str:
    with pytest.raises(grpc.RpcError) as caught:
        model = client.load(source, **options).model_handle
        client.register(model, [pair("Hello", "the sea", "the cat")])
    return f"{reason(caught.value)}: {caught.value.details()}"


@pytest.fixture
def model(model_folder: Folder, tmp_path: Path) -> Callable[..., Path]:
    """A copy of a tiny model whose config.json has other settings."""

    def make(name: str = "llama", **settings: Any) -> Path:
        folder = tmp_path / name
        shutil.copytree(model_folder(name), folder)
        changed(folder, "config.json", lambda config: config.update(settings))
        return folder

    return make


@pytest.mark.parametrize(
    ("name", "settings", "word"),
    [
        ("llama", {"num_hidden_layers": 1_000_000}, "num_hidden_layers"),
        ("qwen2", {"num_hidden_layers": 10**12, "layer_types": None}, "num_hidden_layers"),
        ("gpt2", {"n_layer": 10**9}, "n_layer"),
        ("llama", {"num_hidden_layers": 1000}, "its files hold"),
        ("llama", {"vocab_size": 10**10}, "its files hold"),
        ("llama", {"hidden_size": 10**6, "head_dim": 10**6}, "its files hold"),
        ("llama", {"intermediate_size": 10**11}, "its files hold"),
        ("gpt2", {"n_positions": 10**9}, "its files hold"),
        ("llama", {"head_dim": 10**10}, "its files hold"),
        ("llama", {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True,
                                           "llm_int8_skip_modules": [ENDLESS]}}, "cannot be matched"),
    ],
)  # fmt: skip
def test_settings_that_no_weights_could_fill_are_refused_before_work(
    client: Client, model: Callable[..., Path], name: str, settings: dict[str, Any], word: str
) -> None:
    folder = model(name, **settings)
    before = client.GetServerInfo(pb.GetServerInfoRequest()).peak_memory_bytes
    start = time.process_time()
    said = refusal(client, folder)
    assert said.startswith("MODEL_INVALID") and word in said
    assert time.process_time() - start < 5
    assert client.GetServerInfo(pb.GetServerInfoRequest()).peak_memory_bytes < before + 500e6


@pytest.mark.parametrize("field", ["target_modules", "rank_pattern"])
def test_patterns_of_an_adapter_are_ended(client: Client, model_folder: Folder, tmp_path: Path, field: str) -> None:
    """Python matches with its lock held: one of these stopped every method, GetServerInfo too."""
    llama = model_folder("llama")
    trained = client.load(llama).model_handle
    client.trainer(trained, lora=pb.LoraSpec(r=2, alpha=4, target_modules=["q_proj"]))
    folder = tmp_path / "adapter"
    client.export(trained, folder, merge=False)
    assert client.load(llama, adapter=str(folder)).layers == 2
    value: Any = {ENDLESS: 4} if field == "rank_pattern" else ENDLESS
    changed(folder, "adapter_config.json", lambda config: config.update({field: value}))
    said = refusal(client, llama, adapter=str(folder))
    assert said.startswith(("MODEL_INVALID", "UNSUPPORTED")) and ("cannot be matched" in said or field in said)


def test_patterns_that_end_are_taken(client: Client, model_folder: Folder, tmp_path: Path) -> None:
    llama = model_folder("llama")
    trained = client.load(llama).model_handle
    client.trainer(trained, lora=pb.LoraSpec(r=2, alpha=4, target_modules=["q_proj"]))
    folder = tmp_path / "adapter"
    client.export(trained, folder, merge=False)
    pattern = {"target_modules": r".*\.(q_proj)", "exclude_modules": r"(.*\.)?lm_head"}
    changed(folder, "adapter_config.json", lambda config: config.update(pattern))
    assert client.load(llama, adapter=str(folder)).layers == 2


@pytest.mark.parametrize(
    ("part", "rule"),
    [
        ("normalizer", {"type": "Sequence", "normalizers": [SIXTEENFOLD] * 8}),
        ("decoder", {"type": "Replace", "pattern": {"Regex": "."}, "content": "a" * 10**6}),
    ],
)  # fmt: skip
def test_a_tokenizer_that_writes_many_times_its_text_is_refused(
    client: Client, model: Callable[..., Path], part: str, rule: dict[str, Any]
) -> None:
    folder = model()
    changed(folder, "tokenizer.json", lambda rules: rules.update({part: rule}))
    assert f"{part} writes" in refusal(client, folder)


def test_a_gguf_file_that_claims_many_layers_is_refused(client: Client, model_folder: Folder, tmp_path: Path) -> None:
    folder, path = tmp_path / "plain", tmp_path / "many.gguf"
    make_folder(folder, model_folder("qwen2"))
    write_gguf(folder, path)
    content = path.read_bytes()
    at = content.index(b"qwen2.block_count") + len(b"qwen2.block_count") + 4
    path.write_bytes(content[:at] + struct.pack("<I", 4_000_000_000) + content[at + 4 :])
    said = refusal(client, path)
    assert said.startswith("MODEL_INVALID") and "4000000000" in said
