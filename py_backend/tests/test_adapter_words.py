"""Tokenizer and chat template in an adapter's folder are those it was trained with: they are used, and that is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from py_backend.models.adapter_base import note_on_base
from py_backend.models.source import Source
from py_backend.tests.adapter_kinds import KINDS, make_adapter
from py_backend.tests.client import Client, pair
from tiny_models import tiny_model

TEMPLATE = (
    "{% for m in messages %}### {{ m.role }}:\n{{ m.content }}"
    "{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}### assistant:\n{% endif %}"
)
ROW = ("Hello", "A good answer is short.", "No.")


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_adapter(KINDS[0], tiny_model("qwen2"), tmp_path_factory.mktemp("words") / "adapter")


@pytest.mark.parametrize("holds", ["tokenizer and template", "template alone"])
def test_words_of_an_adapters_folder_are_used(client: Client, adapter: Path, tmp_path: Path, holds: str) -> None:
    base, own = tiny_model("qwen2"), Path(shutil.copytree(adapter, tmp_path / "own"))
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.chat_template = TEMPLATE
    if holds == "template alone":
        (own / "chat_template.jinja").write_text(TEMPLATE)
    else:
        tokenizer.save_pretrained(own)
    plain, loaded = client.load(base, adapter=str(adapter)), client.load(base, adapter=str(own))
    assert not any("in the folder of its adapter" in note for note in plain.notes)
    assert any("in the folder of its adapter" in note for note in loaded.notes)
    assert loaded.identity.weights == plain.identity.weights
    assert loaded.identity.chat_template != plain.identity.chat_template

    row_set, facts = client.register(loaded.model_handle, [pair(*ROW)], return_tokens=True)
    assert facts[0].rendered_prompt == "### user:\nHello\n### assistant:\n"
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), own).eval()
    expected = [log_prob(model, tokenizer, ROW[0], answer) for answer in ROW[1:]]
    assert client.score(row_set)[0] == pytest.approx(expected, abs=1e-4)


@torch.no_grad()
def log_prob(model: torch.nn.Module, tokenizer: AutoTokenizer, prompt: str, answer: str) -> float:
    """Of what the template writes behind the prompt; a line's end stands between, so that no token reaches across."""
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    head = tokenizer.apply_chat_template(messages[:1], tokenize=False, add_generation_prompt=True)
    whole = tokenizer.apply_chat_template(messages, tokenize=False)
    before, ids = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (head, whole))
    assert ids[: len(before)] == before
    logits = model(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(-1)
    return sum(logits[at - 1, ids[at]].item() for at in range(len(before), len(ids)))


@pytest.mark.parametrize(
    ("trained_on", "told"),
    [
        ("Qwen/Qwen2.5-7B", True),
        ("Qwen/Qwen2.5-7B-Instruct", False),
        ("unsloth/qwen2.5-7b-instruct-unsloth-bnb-4bit", False),
        ("/data/models/Qwen2.5-7B-Instruct/", False),
        ("/somewhere/mine", False),
        (None, False),
    ],
)
def test_an_adapter_of_another_base_is_told(tmp_path: Path, trained_on: str | None, told: bool) -> None:
    model, adapter = tmp_path / "mine", tmp_path / "adapter"
    for folder, file, content in (
        (model, "config.json", {"_name_or_path": "Qwen/Qwen2.5-7B-Instruct"}),
        (adapter, "adapter_config.json", {"base_model_name_or_path": trained_on}),
    ):
        folder.mkdir()
        (folder / file).write_text(json.dumps(content))
    assert bool(note_on_base(Source(str(model), model, None, adapter, ""))) == told


@pytest.mark.parametrize("end", ["", "-q4_k_m", ".Q4_K_M", ".IQ3_XXS", "-UD-Q2_K_XL", "-fp16", "-Q8_0-00001-of-00002"])
def test_the_number_format_in_a_gguf_files_name_is_no_other_base(tmp_path: Path, end: str) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    for trained_on, told in (("Qwen/Qwen2.5-7B-Instruct", False), ("Qwen/Qwen2.5-7B", True)):
        (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": trained_on}))
        file = f"qwen2.5-7b-instruct{end}.gguf"
        source = Source(str(tmp_path / file), tmp_path, file, adapter, "")
        assert bool(note_on_base(source)) == told
