"""Quantised models, other number formats and GGUF files: what they give, and that a policy is its start on each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from py_backend.engine.quantised_layers import compute_as_in_training
from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb
from py_backend.tests.client import Client, logps_of, pair, reason
from py_backend.tests.test_export import assert_same_scores
from py_backend.tests.test_scoring import NATS, PAIRS, response_logp, rows, sequence
from py_backend.tests.test_training import LORA, Setup, step
from py_backend.tests.tiny_gguf import make_folder, write_gguf

Folder = Callable[[str], Path]
NF4 = pb.QUANTIZATION_NF4
INT8 = pb.QUANTIZATION_INT8


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"quantization": NF4}, "nf4-double"),
        ({"quantization": INT8}, "int8"),
        ({"dtype": "bfloat16"}, "bfloat16"),
    ],
    ids=["nf4", "int8", "bfloat16"],
)
def test_a_policy_is_its_start_bit_for_bit_and_then_learns(
    client: Client, model_folder: Folder, spec: dict[str, object], words: str
) -> None:
    setup = Setup(client, model_folder("llama"), **spec)
    start = setup.scores()
    stream = setup.train()
    assert logps_of(stream.forward(1, 0, [0, 1, 2])) == [start[row] for row in (0, 1, 2)]
    stream.abort(1)
    for number in (1, 2):
        step(stream, number)
    assert setup.scores(adapter_off=True) == start
    assert setup.scores()[0][0] - setup.scores()[0][1] > start[0][0] - start[0][1]
    assert words in client.identify(model_folder("llama"), **spec).numeric_path
    setup.leave()


def test_quantised_weights_are_smaller_and_near(client: Client, model_folder: Folder) -> None:
    plain, nf4, int8 = (client.load(model_folder("llama"), quantization=q) for q in (0, NF4, INT8))
    assert nf4.memory_bytes < int8.memory_bytes < plain.memory_bytes
    assert nf4.parameters == int8.parameters == plain.parameters
    found = []
    for loaded in (plain, nf4, int8):
        row_set, _ = client.register(loaded.model_handle, rows(plain=False)[:1])
        found.append(client.score(row_set)[0])
    assert found[1] != found[0] != found[2]
    for quantised, share in ((found[1], 0.1), (found[2], 0.02)):
        assert quantised == pytest.approx(found[0], rel=share)


def test_nf4_scores_are_those_of_transformers_with_bitsandbytes(client: Client, model_folder: Folder) -> None:
    loaded = client.load(model_folder("llama"), quantization=NF4)
    row_set, facts = client.register(loaded.model_handle, rows(plain=False))
    model = nf4_base(model_folder("llama"))
    tokenizer = AutoTokenizer.from_pretrained(model_folder("llama"))
    for index, (chosen, _) in client.score(row_set).items():
        ids = sequence(tokenizer, *PAIRS[index][:2], False)
        assert response_logp(model, ids, facts[index].chosen_tokens) == pytest.approx(chosen, abs=NATS)


def nf4_base(folder: Path) -> torch.nn.Module:
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.float32,
    )
    model = AutoModelForCausalLM.from_pretrained(folder, quantization_config=config, dtype=torch.float32)
    compute_as_in_training(model)  # in evaluation bitsandbytes gives other numbers, or none, by the processor
    return model


def test_an_adapter_trained_on_nf4_opens_on_nf4(client: Client, model_folder: Folder, tmp_path: Path) -> None:
    setup = Setup(client, model_folder("llama"), rows(plain=False), quantization=NF4)
    step(setup.train(), 1)
    exported = client.export(setup.model, tmp_path / "adapter")
    model = PeftModel.from_pretrained(nf4_base(model_folder("llama")), exported.path)
    assert_same_scores(setup, model, Path(exported.path))
    setup.leave()


def test_a_start_adapter_lies_unmerged_on_a_quantised_base(
    client: Client, model_folder: Folder, tmp_path: Path
) -> None:
    first = Setup(client, model_folder("llama"), quantization=NF4)
    step(first.train(), 1)
    adapter = client.export(first.model, tmp_path / "first").path
    expected = first.scores()
    first.leave()
    second = Setup(client, model_folder("llama"), quantization=NF4, adapter=adapter)
    for row, values in second.scores().items():
        assert values == pytest.approx(expected[row], abs=NATS)
    start = second.scores()
    step(second.train(), 1)
    assert second.scores(adapter_off=True) == start != second.scores()
    second.leave()


def test_quantised_weights_cannot_be_trained_themselves(client: Client, model_folder: Folder) -> None:
    setup = Setup(client, model_folder("llama"), quantization=NF4)
    with pytest.raises(grpc.RpcError) as caught:
        setup.train(lora=None)
    assert reason(caught.value) == "UNSUPPORTED" and "nf4" in caught.value.details()


# ------------------------------------------------------------------------------------------------------------ GGUF


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory, model_folder: Folder) -> tuple[Path, Path]:
    """The same weights as a folder and as a file."""
    home = tmp_path_factory.mktemp("gguf")
    make_folder(home / "folder", model_folder("qwen2"))
    write_gguf(home / "folder", home / "model.gguf")
    return home / "folder", home / "model.gguf"


def test_a_gguf_file_scores_as_the_folder_it_was_made_of(client: Client, gguf: tuple[Path, Path]) -> None:
    found = []
    for source in gguf:
        loaded = client.load(source)
        row_set, _ = client.register(loaded.model_handle, rows(plain=False))
        found.append(client.score(row_set))
        assert loaded.has_chat_template and loaded.identity == client.identify(source)
    for row, values in found[0].items():
        assert found[1][row] == pytest.approx(values, abs=NATS)


@pytest.mark.parametrize(
    ("add_bos", "pre", "begins"),
    [(True, "qwen2", True), (False, "llama-bpe", False), (None, "llama-bpe", True), (None, "qwen2", False)],
)
def test_plain_text_begins_with_bos_where_a_gguf_file_asks_for_it(
    client: Client, gguf: tuple[Path, Path], tmp_path: Path, add_bos: bool | None, pre: str, begins: bool
) -> None:
    """As llama.cpp has it; the right log-probs are plain transformers' on the folder, with BOS put in front here."""
    write_gguf(gguf[0], tmp_path / "bos.gguf", add_bos, pre)
    loaded = client.load(tmp_path / "bos.gguf")
    row_set, facts = client.register(loaded.model_handle, rows(plain=True)[:1], return_tokens=True)
    got = client.score(row_set)[0]
    client.UnloadModel(pb.UnloadModelRequest(model_handle=loaded.model_handle))
    model, tokenizer = AutoModelForCausalLM.from_pretrained(gguf[0]), AutoTokenizer.from_pretrained(gguf[0])
    bos = [tokenizer.eos_token_id] if begins else []
    assert facts[0].prompt_pieces[:1] == ([tokenizer.eos_token] if begins else facts[0].prompt_pieces[:1])
    prompt, *responses = PAIRS[0]
    for logp, response in zip(got, responses, strict=True):
        ids = [*bos, *sequence(tokenizer, prompt, response, plain=True)]
        count = len(ids) - len(bos) - len(tokenizer(prompt)["input_ids"])
        assert logp == pytest.approx(response_logp(model, ids, count), abs=NATS)


def test_a_policy_can_start_from_a_gguf_file(client: Client, gguf: tuple[Path, Path], tmp_path: Path) -> None:
    setup = Setup(client, gguf[1])
    stream = setup.train(lora=LORA)
    start = setup.scores()
    step(stream, 1)
    assert setup.scores(adapter_off=True) == start != setup.scores()
    client.export(setup.model, tmp_path / "merged", merge=True)
    merged = client.load(tmp_path / "merged")
    row_set, _ = client.register(merged.model_handle, [pair("What is two plus two?", "Two plus two is four.", "Five.")])
    assert client.score(row_set)[0] == pytest.approx(setup.scores()[0], abs=NATS)
    setup.leave()


def test_a_gguf_file_is_not_quantised_a_second_time(client: Client, gguf: tuple[Path, Path]) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        client.load(gguf[1], quantization=NF4)
    assert reason(caught.value) == "UNSUPPORTED"


def test_a_file_that_only_has_the_name_of_one_is_refused(client: Client, tmp_path: Path) -> None:
    for name, content in (("fake.gguf", b"not one"), ("model.bin", b"GGUF")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(grpc.RpcError) as caught:
            client.load(tmp_path / name)
        assert reason(caught.value) == "MODEL_INVALID"
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(b"GGUF" + b"\0" * 40)
    with pytest.raises(grpc.RpcError) as caught:
        client.load(cut)
    assert reason(caught.value) == "MODEL_INVALID"
