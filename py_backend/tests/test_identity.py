"""A model's identity is its content: what does not change a number does not change it, and everything else does."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from py_backend.backend import Backend
from py_backend.faults import Fault
from py_backend.models import file_hashes
from py_backend.models.identity import ModelIdentity
from py_backend.models.spec import ModelSpec
from py_backend.progress import Progress, silent
from py_backend.roots import Roots
from py_backend.tests import templates
from py_backend.tests.client import Client

Folder = Callable[[str], Path]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MRPO_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(file_hashes, "SETTLED_NS", 200_000_000)
    return tmp_path / "cache"


@pytest.fixture
def model(tmp_path: Path, model_folder: Folder) -> Path:
    return Path(shutil.copytree(model_folder("llama"), tmp_path / "model"))


def identity(folder: Path, **spec: str) -> ModelIdentity:
    return Backend(Roots()).identify(ModelSpec(source=str(folder), **spec), silent)


def edit_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_moving_and_copying_a_folder_changes_nothing(model: Path, tmp_path: Path) -> None:
    before = identity(model)
    moved = model.rename(tmp_path / "elsewhere")
    assert identity(moved) == before
    assert identity(Path(shutil.copytree(moved, tmp_path / "copy"))) == before


def test_version_stamps_and_paths_in_the_configuration_change_nothing(model: Path) -> None:
    before = identity(model)
    edit_json(model / "config.json", transformers_version="9.9", _name_or_path="/somewhere/else")
    (model / "README.md").write_text("a card")
    assert identity(model) == before


def test_one_changed_weight_changes_the_weights_only(model: Path) -> None:
    before = identity(model)
    weights = load_file(model / "model.safetensors")
    name = sorted(weights)[0]
    weights[name].view(-1)[0] += 1e-3
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    after = identity(model)
    assert after.weights != before.weights
    assert (after.tokenizer, after.chat_template, after.numeric_path) == (
        before.tokenizer,
        before.chat_template,
        before.numeric_path,
    )


def test_a_changed_weight_is_seen_though_size_and_modification_time_stay(model: Path) -> None:
    file = model / "model.safetensors"
    settle(file)
    before = identity(model)
    stat = file.stat()
    with file.open("r+b") as handle:
        handle.seek(-1, os.SEEK_END)
        last = handle.read(1)
        handle.seek(-1, os.SEEK_END)
        handle.write(bytes([last[0] ^ 1]))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert identity(model).weights != before.weights


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"quantization": "nf4"}, "numeric_path"),
        ({"quantization": "int8"}, "numeric_path"),
        ({"dtype": "bfloat16"}, "numeric_path"),
        ({"attention": "eager"}, "numeric_path"),
        ({"chat_template": "{{ messages[0]['content'] }}"}, "chat_template"),
    ],
)
def test_each_part_of_a_spec_changes_its_own_field(model: Path, spec: dict[str, str], field: str) -> None:
    before, after = identity(model), identity(model, **spec)
    changed = [name for name in ModelIdentity.__slots__ if getattr(before, name) != getattr(after, name)]
    assert changed == [field]


def test_defaults_spelled_out_are_the_same_model(model: Path) -> None:
    template = (model / "chat_template.jinja").read_text()
    assert identity(model, dtype="float32", attention="auto", chat_template=template) == identity(model)


def test_the_template_and_the_tokenizer_have_fields_of_their_own(model: Path) -> None:
    before = identity(model)
    (model / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    templated = identity(model)
    assert templated.chat_template != before.chat_template and templated.tokenizer == before.tokenizer
    edit_json(model / "tokenizer_config.json", add_prefix_space=True)
    assert identity(model).tokenizer != before.tokenizer


def test_a_template_for_conversations_with_tools_is_told_apart_beside_the_digests(model: Path) -> None:
    plain = identity(model)
    (model / "additional_chat_templates").mkdir()
    found = {plain.numeric_path}
    for text in ("{{ tools }}", "{{ tools | tojson }}"):
        (model / "additional_chat_templates" / "tool_use.jinja").write_text(text)
        with_tools = identity(model)
        assert with_tools.chat_template == plain.chat_template
        found.add(with_tools.numeric_path)
    assert len(found) == 3


ALWAYS_OPEN = templates.CHATML.replace("{% if add_generation_prompt %}", "").removesuffix("{% endif %}")


@pytest.mark.parametrize(
    ("template", "marks"),
    [
        (templates.CHATML, ""),
        (templates.END_ONCE, ""),
        ("{{ bos_token }}" + templates.CHATML, "; bos-of-template"),
        ("!" + templates.CHATML, "; bos-of-template"),
        (templates.R1.removeprefix("{{ bos_token }}"), "; opening-apart"),
        (ALWAYS_OPEN, "; opens-unasked"),
        ("{% for", ""),
        ("{{ raise_exception('no') }}", ""),
    ],
)
def test_what_was_once_read_otherwise_is_marked_beside_the_digests(
    model_folder: Folder, tmp_path: Path, template: str, marks: str
) -> None:
    """qwen2's tokenizer puts no BOS in front; "!" stands for one that a template spells."""
    folder = Path(shutil.copytree(model_folder("qwen2"), tmp_path / "model"))
    edit_json(folder / "tokenizer_config.json", bos_token="!")
    found = identity(folder, chat_template=template)
    assert found.chat_template == hashlib.sha256(template.encode()).hexdigest()
    assert found.numeric_path.partition("layout-2")[2] == marks


def test_a_models_configuration_is_part_of_its_weights(model: Path) -> None:
    before = identity(model)
    edit_json(model / "config.json", rms_norm_eps=1e-3)
    assert identity(model).weights != before.weights


def test_shards_in_a_subfolder_are_part_of_the_weights(model: Path) -> None:
    """transformers reads them there too; so do what an index says and which of two shards holds a tensor."""
    weights = load_file(model / "model.safetensors")
    name = sorted(weights)[0]
    (model / "model.safetensors").rename(model / "rest.safetensors")
    (model / "parts").mkdir()
    shard, index = model / "parts" / "first.safetensors", model / "model.safetensors.index.json"
    save_file({name: weights[name]}, shard, metadata={"format": "pt"})
    in_the_shard = dict.fromkeys(weights, "rest.safetensors") | {name: "parts/first.safetensors"}
    index.write_text(json.dumps({"weight_map": in_the_shard}))
    before = identity(model)
    save_file({name: weights[name] + 1}, shard, metadata={"format": "pt"})
    after = identity(model)
    assert after.weights != before.weights
    index.write_text(json.dumps({"weight_map": dict.fromkeys(weights, "rest.safetensors")}))
    assert identity(model).weights not in (before.weights, after.weights)
    index.write_text(json.dumps({"weight_map": in_the_shard | {name: "parts/none.safetensors"}}))
    with pytest.raises(Fault, match="parts/none.safetensors, which is not there"):
        identity(model)


def test_an_adapter_is_part_of_the_weights_and_its_dropout_is_not(model: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_dropout": 0.0}))
    save_file({"a": torch.ones(2)}, adapter / "adapter_model.safetensors")
    bare, dressed = identity(model), identity(model, adapter=str(adapter))
    assert dressed.weights != bare.weights
    edit_json(adapter / "adapter_config.json", lora_dropout=0.1, base_model_name_or_path="/x")
    assert identity(model, adapter=str(adapter)) == dressed
    edit_json(adapter / "adapter_config.json", r=4)
    assert identity(model, adapter=str(adapter)).weights != dressed.weights


# ------------------------------------------------------------------------------------------------- remembering


def settle(path: Path) -> None:
    """Makes the file old enough to be remembered: ctime cannot be set back, so this waits."""
    while time.time_ns() - path.stat().st_ctime_ns <= file_hashes.SETTLED_NS:
        time.sleep(0.02)


def counted(path: Path) -> tuple[str, int]:
    """Digest and the number of bytes that were read for it."""
    seen = [0]
    digest = file_hashes.hash_file(path, lambda done: seen.append(done))
    return digest, seen[-1]


def test_a_file_is_read_once_and_again_only_after_a_change(tmp_path: Path, own_cache: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"x" * 1000)
    fresh = counted(file)
    assert fresh[1] == 1000 and counted(file)[1] == 1000  # too new to be remembered
    settle(file)
    assert counted(file) == (fresh[0], 1000)
    assert counted(file) == (fresh[0], 0)
    assert counted(file.rename(tmp_path / "renamed"))[0] == fresh[0]
    (tmp_path / "renamed").write_bytes(b"y" * 1000)
    assert counted(tmp_path / "renamed")[1] == 1000
    assert not [entry for entry in own_cache.rglob("*") if entry.is_file() and entry.suffix != ".json"]


def test_a_damaged_memory_costs_a_second_reading_and_nothing_else(tmp_path: Path, own_cache: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"x" * 10)
    settle(file)
    digest, _ = counted(file)
    for entry in own_cache.rglob("*.json"):
        entry.write_text("{")
    assert counted(file) == (digest, 10)
    for entry in own_cache.rglob("*.json"):
        entry.write_text(json.dumps({"file": {"inode": 1}, "sha256": "0" * 64}))
    assert counted(file) == (digest, 10)


def test_hashing_reports_bytes(tmp_path: Path) -> None:
    files = [tmp_path / "a", tmp_path / "b"]
    for file in files:
        file.write_bytes(b"z" * (5 << 20))
    seen: list[Progress] = []
    file_hashes.hash_files(files, seen.append)
    assert [each.done for each in seen] == sorted(each.done for each in seen)
    assert seen[-1] == Progress("hash", 10 << 20, 10 << 20, "bytes")


def test_a_loaded_model_has_the_identity_it_was_announced_with(client: Client, model_folder: Folder) -> None:
    announced = client.identify(model_folder("qwen2"))
    assert client.load(model_folder("qwen2")).identity == announced
    assert len(announced.weights) == len(announced.tokenizer) == len(announced.chat_template) == 64
