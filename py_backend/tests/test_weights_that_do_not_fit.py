"""Weights that a model or an adapter lacks, has too many of or has in another size: transformers and PEFT warn of them
at most and go on with random or forgotten numbers; here each is an error with names and sizes."""

from __future__ import annotations

import shutil
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from py_backend.faults import Fault
from py_backend.models.load import load_model
from py_backend.models.source import find_source
from py_backend.models.spec import ModelSpec
from py_backend.roots import Roots
from py_backend.tests.adapter_kinds import KINDS, make_adapter, make_base
from py_backend.tests.tiny_gguf import make_folder, write_gguf
from tiny_models import tiny_model

UP = "model.layers.1.mlp.up_proj.weight"
LORA_B = "model.layers.0.self_attn.q_proj.lora_B.weight"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base") / "model", tiny_model("qwen2"), tied=False)


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_adapter(KINDS[0], base, tmp_path_factory.mktemp("adapter") / "plain")


def refusal(source: Path, adapter: Path | None = None) -> str:
    spec = ModelSpec(str(source), adapter=str(adapter or ""))
    with pytest.raises(Fault) as caught:
        load_model(spec, find_source(spec, Roots()), torch.device("cpu"))
    assert caught.value.reason == "MODEL_INVALID"
    return str(caught.value)


def damaged(folder: Path, target: Path, file: str, name: str, damage: str) -> Path:
    """A copy of a folder in which a weight is missing, under another name, or smaller."""
    shutil.copytree(folder, target)
    weights = load_file(target / file)
    weight = weights.pop(name)
    if damage == "renamed":
        weights[f"_orig_mod.{name}"] = weight
    elif damage == "resized":
        weights[name] = weight[:2].clone()
    save_file(weights, target / file, metadata={"format": "pt"})
    return target


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("missing", [f"1 weight not in its files: {UP} [48, 32]"]),
        ("renamed", [f"1 weight not in its files: {UP} [48, 32]", f"unknown to the model: _orig_mod.{UP}"]),
        ("resized", [f"1 weight of other size: {UP} [2, 32] in its files, expected [48, 32]"]),
    ],
)
def test_of_a_model(base: Path, tmp_path: Path, damage: str, said: list[str]) -> None:
    text = refusal(damaged(base, tmp_path / "model", "model.safetensors", UP, damage))
    assert all(part in text for part in said), text


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("missing", [f"1 weight not in its files: {LORA_B} [32, 4]"]),
        ("renamed", [f"1 weight not in its files: {LORA_B} [32, 4]", "1 weight unknown to the model: (_orig_mod."]),
        ("resized", ["1 weight of other size", "[2, 4] in its files, expected [32, 4]"]),
    ],
)
def test_of_an_adapter(base: Path, adapter: Path, tmp_path: Path, damage: str, said: list[str]) -> None:
    text = refusal(
        base, damaged(adapter, tmp_path / "adapter", "adapter_model.safetensors", f"base_model.model.{LORA_B}", damage)
    )
    assert all(part in text for part in said), text


def test_of_a_gguf_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers reads only the tensors it asks for: frequency factors of rotary positions are left unread."""
    make_folder(tmp_path / "folder", tiny_model("qwen2"))
    finish = gguf.GGUFWriter.write_header_to_file
    for name, factors, fits in (("neutral", np.ones(8), True), ("stretched", np.full(8, 2.0), False)):

        def with_factors(writer: gguf.GGUFWriter, factors: np.ndarray = factors) -> None:
            writer.add_tensor("rope_freqs.weight", factors.astype(np.float32))
            finish(writer)

        monkeypatch.setattr(gguf.GGUFWriter, "write_header_to_file", with_factors)
        file = tmp_path / f"{name}.gguf"
        write_gguf(tmp_path / "folder", file)
        if fits:
            spec = ModelSpec(str(file))
            load_model(spec, find_source(spec, Roots()), torch.device("cpu"))
        else:
            assert "1 weight unknown to the model: rope_freqs.weight [8]" in refusal(file)
