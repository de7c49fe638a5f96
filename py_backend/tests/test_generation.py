"""Generated text: greedy is the argmax of the model, sampling is of its seed, and company changes nothing."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb
from py_backend.generation import Sampling, SeededSampling, keep_top_p
from py_backend.tests.client import Client, reason
from py_backend.tests.test_training import Setup, step
from tiny_models import tiny_model

Folder = Callable[[str], Path]
TEXTS = ["The cat", "What is two plus two? Answer:", "Hello", "a b c d e f g"]


def generate(client: Client, model: str, texts: list[str], **options: Any) -> list[pb.GenerateResponse]:
    prompts = [
        pb.GenerateRequest.Prompt(messages=[pb.Message(role="user", content=text)], plain=True) for text in texts
    ]
    request = pb.GenerateRequest(model_handle=model, prompts=prompts, **{"max_new_tokens": 12, **options})
    return sorted(client.Generate(request), key=lambda response: response.index)


@pytest.mark.parametrize("name", ["llama", "mistral", "gpt2"])
def test_greedy_text_is_the_argmax_of_the_model(client: Client, name: str) -> None:
    """Longer than the sliding window of the one model, with and without BOS, in padded company."""
    model, tokenizer = (kind.from_pretrained(tiny_model(name)) for kind in (AutoModelForCausalLM, AutoTokenizer))
    loaded = client.load(tiny_model(name))
    for text, response in zip(TEXTS, generate(client, loaded.model_handle, TEXTS), strict=True):
        ids = tokenizer(text)["input_ids"]
        start = len(ids)
        with torch.no_grad():
            while len(ids) - start < 12 and tokenizer.eos_token_id not in ids[start:]:
                ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
        assert response.text == tokenizer.decode(ids[start:], skip_special_tokens=True)
        assert response.tokens == len(ids) - start
        assert response.finished == (ids[-1] == tokenizer.eos_token_id)


def test_settings_of_the_models_own_have_no_part(client: Client, tmp_path: Path) -> None:
    folder = tmp_path / "penal"
    shutil.copytree(tiny_model("llama"), folder)
    file = folder / "generation_config.json"
    own = json.loads(file.read_text()) | {"repetition_penalty": 1.5, "num_beams": 3, "no_repeat_ngram_size": 2}
    file.write_text(json.dumps(own))
    texts = [
        [answer.text for answer in generate(client, client.load(model).model_handle, TEXTS)]
        for model in (tiny_model("llama"), folder)
    ]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("kind", ["longrope", "dynamic"])
def test_an_answer_past_the_length_where_positions_turn_is_its_own(client: Client, tmp_path: Path, kind: str) -> None:
    """Whatever stands beside it, and whatever was read before."""
    folder = tmp_path / kind
    shutil.copytree(tiny_model("llama"), folder)
    turn_positions(folder, kind)
    model = client.load(folder).model_handle
    texts = ["The cat sat on the mat. " * count for count in (1, 3, 6, 9)]
    alone = [generate(client, client.load(folder).model_handle, [text], max_new_tokens=16)[0].text for text in texts]
    for order in (texts, texts[::-1]):
        together = [response.text for response in generate(client, model, order, max_new_tokens=16)]
        assert together == [alone[texts.index(text)] for text in order]


def turn_positions(folder: Path, kind: str) -> None:
    """Makes a Llama of 64 tokens one of 256, of rotary positions that turn at 64."""
    file = folder / "config.json"
    config = json.loads(file.read_text())
    half = config["head_dim"] // 2
    rope = {"rope_type": kind, "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64}
    factors = {"short_factor": [1.0] * half, "long_factor": [4.0] * half}
    reach = {"max_position_embeddings": 64 if kind == "dynamic" else 256}
    file.write_text(json.dumps(config | reach | {"rope_parameters": rope | (factors if kind == "longrope" else {})}))


def test_a_sample_depends_on_its_seed_and_place_alone(client: Client, model_folder: Folder) -> None:
    model = client.load(model_folder("llama")).model_handle
    first = generate(client, model, TEXTS, temperature=1.0, seed=3)
    generate(client, model, TEXTS, temperature=0.7, seed=9)
    assert generate(client, model, TEXTS, temperature=1.0, seed=3) == first
    assert generate(client, model, TEXTS, temperature=1.0, seed=4) != first
    assert generate(client, model, TEXTS[:1], temperature=1.0, seed=3) == first[:1]


def test_sampling_draws_from_the_softmax_at_the_temperature() -> None:
    logits = torch.tensor([[1.0, 0.0, -1.0, 2.0]])
    sampler = SeededSampling(Sampling(1, temperature=2.0, top_p=1.0, seed=1), [0], torch.device("cpu"))
    draws = 4000
    counts = Counter(int(sampler(torch.empty(0), logits).argmax()) for _ in range(draws))
    for token, probability in enumerate((logits[0] / 2.0).softmax(0).tolist()):
        deviation = (probability * (1 - probability) / draws) ** 0.5
        assert abs(counts[token] / draws - probability) < 5 * deviation


def test_top_p_keeps_the_smallest_set_that_reaches_it() -> None:
    logps = torch.tensor([[0.15, 0.5, 0.05, 0.3]]).log()
    assert torch.isfinite(keep_top_p(logps, 0.7)).tolist() == [[False, True, False, True]]
    assert torch.isfinite(keep_top_p(logps, 0.01)).tolist() == [[False, True, False, False]]
    assert torch.isfinite(keep_top_p(logps, 0.95)).tolist() == [[True, True, False, True]]


def test_a_trained_policy_writes_with_its_adapter_on_or_off(client: Client, model_folder: Folder) -> None:
    setup = Setup(client, model_folder("llama"))
    before = generate(client, setup.model, TEXTS)
    stream = setup.train()
    for number in range(1, 9):
        step(stream, number)
    assert generate(client, setup.model, TEXTS) != before
    assert generate(client, setup.model, TEXTS, adapter_off=True) == before
    setup.leave()


def test_a_chat_prompt_goes_through_the_template(client: Client, model_folder: Folder) -> None:
    model = client.load(model_folder("llama")).model_handle
    message = pb.Message(role="user", content="Hello")
    chat = pb.GenerateRequest.Prompt(messages=[message])
    written = "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    request = pb.GenerateRequest(model_handle=model, prompts=[chat], max_new_tokens=6)
    tokenizer = AutoTokenizer.from_pretrained(model_folder("llama"))
    ids = tokenizer(written, add_special_tokens=False)["input_ids"]
    reference = AutoModelForCausalLM.from_pretrained(model_folder("llama"))
    for _ in range(6):
        with torch.no_grad():
            ids.append(int(reference(torch.tensor([ids])).logits[0, -1].argmax()))
    (response,) = client.Generate(request)
    assert response.text == tokenizer.decode(ids[-6:], skip_special_tokens=True)


@pytest.fixture(scope="module")
def one_word(tmp_path_factory: pytest.TempPathFactory, model_folder: Folder) -> Path:
    """A model that always writes token 0, an added token that is not its end of text."""
    folder = tmp_path_factory.mktemp("one-word")
    model, tokenizer = (kind.from_pretrained(model_folder("llama")) for kind in (AutoModelForCausalLM, AutoTokenizer))
    torch.nn.init.zeros_(model.lm_head.weight)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    assert tokenizer.eos_token_id != 0 and 0 in tokenizer.added_tokens_decoder
    return folder


@pytest.mark.parametrize(
    ("end", "tokens"), [("<|pad|>\n", 1), (" <|pad|>", 1), ("<|im_start|>", 9), ("\n### ", 9), ("", 9)]
)
def test_a_reply_ends_where_the_template_ends_a_turn(client: Client, one_word: Path, end: str, tokens: int) -> None:
    """LLaMA-Factory#7454: a base model that was tuned with a template whose end of turn is not its end of text."""
    template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}" + end + "{% endfor %}<assistant>"
    model = client.load(one_word, chat_template=template).model_handle
    chat, plain = (
        pb.GenerateRequest.Prompt(messages=[pb.Message(role="user", content="Hello")], plain=plain)
        for plain in (False, True)
    )
    request = pb.GenerateRequest(model_handle=model, prompts=[plain, chat, plain], max_new_tokens=9)
    answers = sorted(client.Generate(request), key=lambda answer: answer.index)
    client.UnloadModel(pb.UnloadModelRequest(model_handle=model))
    assert [(answer.tokens, answer.finished) for answer in answers] == [(9, False), (tokens, tokens == 1), (9, False)]


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_an_answer_ends_with_the_context_of_the_model(client: Client, model_folder: Folder, name: str) -> None:
    """Learned positions end with a crash there and rotary ones with noise; a prompt in company is not cut for it."""
    tokenizer = AutoTokenizer.from_pretrained(model_folder(name))
    long = "a " * 700
    while len(tokenizer(long)["input_ids"]) > 508:
        long = long[2:]
    room = 512 - len(tokenizer(long)["input_ids"])
    model = client.load(model_folder(name)).model_handle
    alone = generate(client, model, ["The cat"])
    together = generate(client, model, [long, "The cat", long])
    assert together[1].text == alone[0].text
    for answer in (together[0], together[2]):
        assert answer.tokens <= room and (answer.finished or answer.tokens == room)
    with pytest.raises(grpc.RpcError) as caught:
        generate(client, model, ["fine", long + "a " * 600])
    assert reason(caught.value) == "ROW_INVALID" and "prompt 1: " in caught.value.details()


@pytest.mark.parametrize(
    ("options", "wanted"), [({"max_new_tokens": 0}, "UNSUPPORTED"), ({"temperature": -1.0}, "UNSUPPORTED")]
)
def test_settings_that_make_no_sense_are_refused(
    client: Client, model_folder: Folder, options: dict[str, Any], wanted: str
) -> None:
    model = client.load(model_folder("llama")).model_handle
    with pytest.raises(grpc.RpcError) as caught:
        generate(client, model, TEXTS, **options)
    assert reason(caught.value) == wanted


def test_a_cancelled_generation_frees_the_device(client: Client, model_folder: Folder) -> None:
    model = client.load(model_folder("llama")).model_handle
    prompt = pb.GenerateRequest.Prompt(messages=[pb.Message(role="user", content="x")], plain=True)
    call = client.Generate(pb.GenerateRequest(model_handle=model, prompts=[prompt] * 64, max_new_tokens=400))
    call.cancel()
    with pytest.raises(grpc.RpcError):
        list(call)
    assert len(generate(client, model, ["x"], max_new_tokens=1)) == 1
