"""What is exported is what was trained: opened with PEFT and transformers alone, it gives the same log-probs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb
from py_backend.tests.client import Client, reason
from py_backend.tests.test_scoring import PAIRS, response_logp, rows, sequence
from py_backend.tests.test_training import LORA, Setup, step

NATS = 1e-4
Folder = Callable[[str], Path]


def trained(client: Client, folder: Path, **spec: str) -> Setup:
    setup = Setup(client, folder, rows(plain=False), **spec)
    stream = setup.train()
    for number in (1, 2):
        step(stream, number)
    return setup


def assert_same_scores(setup: Setup, model: torch.nn.Module, folder: Path) -> None:
    """`model` gives the log-probs that the backend gives now; the exported tokenizer gives the same tokens."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model.eval()
    for index, values in setup.scores().items():
        prompt, *responses = PAIRS[index]
        counts = (setup.facts[index].chosen_tokens, setup.facts[index].rejected_tokens)
        for value, response, count in zip(values, responses, counts, strict=True):
            ids = sequence(tokenizer, prompt, response, False)
            assert response_logp(model, ids, count) == pytest.approx(value, abs=NATS)


def test_an_adapter_opens_with_peft_and_scores_the_same(client: Client, model_folder: Folder, tmp_path: Path) -> None:
    setup = trained(client, model_folder("llama"))
    exported = client.export(setup.model, tmp_path / "adapter", model_card="# My adapter\n")
    assert {"adapter_config.json", "adapter_model.safetensors", "README.md", "tokenizer.json"} <= set(exported.files)
    assert (tmp_path / "adapter" / "README.md").read_text() == "# My adapter\n"
    usual = tmp_path / "a-new-file"
    usual.touch()
    assert {(tmp_path / "adapter" / file).stat().st_mode for file in exported.files} == {usual.stat().st_mode}
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(model_folder("llama"))
    base = AutoModelForCausalLM.from_pretrained(model_folder("llama"))
    assert_same_scores(setup, PeftModel.from_pretrained(base, exported.path), Path(exported.path))
    setup.leave()


def test_a_merged_model_opens_with_transformers_alone_and_leaves_the_policy_untouched(
    client: Client, model_folder: Folder, tmp_path: Path
) -> None:
    setup = trained(client, model_folder("qwen2"))
    before, start = setup.scores(), setup.scores(adapter_off=True)
    exported = client.export(setup.model, tmp_path / "merged", merge=True)
    assert_same_scores(setup, AutoModelForCausalLM.from_pretrained(exported.path), Path(exported.path))
    assert (setup.scores(), setup.scores(adapter_off=True)) == (before, start)
    setup.leave()


def test_a_policy_that_starts_from_an_adapter_keeps_it_below(
    client: Client, model_folder: Folder, tmp_path: Path
) -> None:
    """The start is base + first adapter; off means that start; the export is the sum, on the original base."""
    first = trained(client, model_folder("llama"))
    start = client.export(first.model, tmp_path / "first")
    start_scores = first.scores()
    first.leave()
    second = Setup(client, model_folder("llama"), rows(plain=False), adapter=start.path)
    for row, values in second.scores().items():
        assert values == pytest.approx(start_scores[row], abs=NATS)
    stream = second.train(seed=5)
    begun = second.scores()
    assert second.scores(adapter_off=True) == begun
    for number in (1, 2):
        step(stream, number)
    assert second.scores(adapter_off=True) == begun != second.scores()
    exported = client.export(second.model, tmp_path / "second")
    assert second.scores(adapter_off=True) == begun
    step(stream, 3)  # the combined adapter is gone again, the policy trains on
    step_three = client.export(second.model, tmp_path / "third")
    base = AutoModelForCausalLM.from_pretrained(model_folder("llama"))
    assert_same_scores(second, PeftModel.from_pretrained(base, step_three.path), Path(exported.path))
    merged = client.export(second.model, tmp_path / "merged", merge=True)
    assert_same_scores(second, AutoModelForCausalLM.from_pretrained(merged.path), Path(merged.path))
    second.leave()


def test_a_fully_trained_model_is_written_whole(client: Client, model_folder: Folder, tmp_path: Path) -> None:
    setup = Setup(client, model_folder("qwen2"), rows(plain=False))
    step(setup.train(lora=None), 1)
    exported = client.export(setup.model, tmp_path / "full")
    assert "model.safetensors" in exported.files
    assert_same_scores(setup, AutoModelForCausalLM.from_pretrained(exported.path), Path(exported.path))
    setup.leave()


@pytest.mark.parametrize("what", ["a folder with something in it", "a file"])
def test_nothing_is_ever_overwritten(client: Client, model_folder: Folder, tmp_path: Path, what: str) -> None:
    setup = trained(client, model_folder("llama"))
    target = tmp_path / "target"
    if what == "a file":
        target.write_text("precious")
    else:
        target.mkdir()
        (target / "file").write_text("precious")
    with pytest.raises(grpc.RpcError) as caught:
        client.export(setup.model, target)
    assert reason(caught.value) == "PATH_REFUSED"
    assert (target if target.is_file() else target / "file").read_text() == "precious"
    assert [entry.name for entry in tmp_path.iterdir()] == ["target"]  # and no half-written folder beside it
    setup.leave()


def test_an_empty_folder_may_be_filled_and_missing_parents_are_made(
    client: Client, model_folder: Folder, tmp_path: Path
) -> None:
    setup = trained(client, model_folder("llama"))
    (tmp_path / "empty").mkdir()
    for target in (tmp_path / "empty", tmp_path / "a" / "b" / "c"):
        assert "adapter_config.json" in client.export(setup.model, target).files
        assert sorted(entry.name for entry in target.parent.iterdir() if entry.name.startswith(".")) == []
    setup.leave()


def test_a_model_without_a_policy_has_no_adapter_to_export(
    client: Client, model_folder: Folder, tmp_path: Path
) -> None:
    loaded = client.load(model_folder("llama"))
    with pytest.raises(grpc.RpcError) as caught:
        client.export(loaded.model_handle, tmp_path / "nothing")
    assert reason(caught.value) == "UNSUPPORTED"
    assert not (tmp_path / "nothing").exists()


def test_a_policy_outlives_its_trainer(client: Client, model_folder: Folder, tmp_path: Path) -> None:
    setup = trained(client, model_folder("llama"))
    now = setup.scores()
    setup.leave()
    assert setup.scores() == now
    assert "adapter_model.safetensors" in client.export(setup.model, tmp_path / "late").files


@pytest.mark.parametrize("lora", [LORA, None], ids=["adapter", "all-weights"])
def test_a_rehearsal_says_what_an_export_would_and_leaves_nothing(
    client: Client, model_folder: Folder, tmp_path: Path, lora: pb.LoraSpec | None
) -> None:
    setup = Setup(client, model_folder("qwen2"), rows(plain=False))
    setup.train(lora=lora)
    target, taken = tmp_path / "new" / "target", tmp_path / "taken"
    client.export(setup.model, target, merge=lora is None, replace=True, rehearse=True)
    assert list((tmp_path / "new").iterdir()) == []
    taken.mkdir()
    (taken / "file").write_text("precious")
    with pytest.raises(grpc.RpcError) as caught:
        client.export(setup.model, taken, merge=lora is None, replace=True, rehearse=True)
    assert reason(caught.value) == "PATH_REFUSED"
    setup.leave()


@pytest.mark.parametrize("lora", [LORA, None], ids=["adapter", "all-weights"])
def test_kept_weights_are_exported_later_as_they_would_have_been(
    client: Client, model_folder: Folder, tmp_path: Path, lora: pb.LoraSpec | None
) -> None:
    setup = Setup(client, model_folder("qwen2"), rows(plain=False))
    step(setup.train(lora=lora), 1)
    kept = client.export(setup.model, tmp_path / "kept", raw=True)
    assert sorted(kept.files) == ["policy.json", "weights.safetensors"]
    usual = client.export(setup.model, tmp_path / "usual", merge=lora is None)
    later = client.load(model_folder("qwen2")).model_handle
    again = client.export(later, tmp_path / "again", merge=lora is None, raw_folder=kept.path)
    assert again.files == usual.files
    weights = "model.safetensors" if lora is None else "adapter_model.safetensors"
    assert (tmp_path / "again" / weights).read_bytes() == (tmp_path / "usual" / weights).read_bytes()
    with pytest.raises(grpc.RpcError) as caught:  # of another model
        client.export(client.load(model_folder("mistral")).model_handle, tmp_path / "wrong", raw_folder=kept.path)
    assert reason(caught.value) == "MODEL_INVALID" and "do not fit the model" in caught.value.details()
    assert not (tmp_path / "wrong").exists()
    setup.leave()


def test_sampling_settings_that_transformers_reads_and_will_not_write_are_kept(
    client: Client, model_folder: Folder, tmp_path: Path
) -> None:
    base = Path(shutil.copytree(model_folder("qwen2"), tmp_path / "base"))
    settings = {"temperature": 0.9, "top_p": 0.6}  # without do_sample
    (base / "generation_config.json").write_text(json.dumps(settings))
    setup = Setup(client, base, rows(plain=False))
    step(setup.train(), 1)
    merged = client.export(setup.model, tmp_path / "merged", merge=True)
    step(setup.train(lora=None), 1)
    whole = client.export(setup.model, tmp_path / "whole", merge=True)
    for exported in (merged, whole):
        assert json.loads((Path(exported.path) / "generation_config.json").read_text()) == settings
        AutoModelForCausalLM.from_pretrained(exported.path)
    setup.leave()
