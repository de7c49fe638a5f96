"""Log-probs of the running backend equal a plain transformers forward of one sequence at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb
from py_backend.tests.client import Client, pair, reason
from tiny_models import tiny_model

NATS = 1e-4
PAIRS = [
    ("What is two plus two?", "Two plus two is four.", "Five."),
    ("Write a poem about the sea.", "The sea is wide, the sea is deep, and she sells shells.", "No, I prefer the cat."),
    ("Hello", "A good answer is short, correct and kind.", "A bad answer is long, wrong or rude."),
    ("The earth is", "round, because the model should never say that it is flat " * 3, "flat"),
]


def rows(plain: bool) -> list[pb.PairText]:
    return [pair(*texts, plain=plain) for texts in PAIRS]


@pytest.mark.parametrize("name", ["llama", "mistral", "qwen2", "gemma3", "gpt2"])
def test_scores_equal_transformers_row_by_row(client: Client, name: str) -> None:
    """Chat rows where the model has a template, plain rows elsewhere; response tokens are found independently here."""
    folder = tiny_model(name)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    plain = tokenizer.chat_template is None
    loaded = client.load(folder)
    row_set, facts = client.register(loaded.model_handle, rows(plain))
    got = client.score(row_set)
    client.UnloadModel(pb.UnloadModelRequest(model_handle=loaded.model_handle))
    assert len(got) == len(PAIRS)
    for index, (prompt, *responses) in enumerate(PAIRS):
        for logp, response, count in zip(
            got[index], responses, (facts[index].chosen_tokens, facts[index].rejected_tokens), strict=True
        ):
            ids = sequence(tokenizer, prompt, response, plain)
            assert logp == pytest.approx(response_logp(model, ids, count), abs=NATS)


def sequence(tokenizer: object, prompt: str, response: str, plain: bool) -> list[int]:
    if plain:
        return [*tokenizer(prompt + response)["input_ids"], tokenizer.eos_token_id]  # type: ignore[operator, attr-defined]
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
    return tokenizer.apply_chat_template(turns, tokenize=True)["input_ids"]  # type: ignore[attr-defined, no-any-return]


@torch.no_grad()
def response_logp(model: torch.nn.Module, ids: list[int], count: int) -> float:
    """Of the last `count` tokens."""
    logits = model(torch.tensor([ids])).logits[0, :-1].double()
    logps = logits.log_softmax(-1)[torch.arange(len(ids) - 1), ids[1:]]
    return float(logps[-count:].sum())


def test_a_rows_score_does_not_depend_on_its_company(client: Client, model_folder: Callable[[str], Path]) -> None:
    loaded = client.load(model_folder("mistral"))
    row_set, _ = client.register(loaded.model_handle, rows(plain=False) * 8)
    together = client.score(row_set)
    for row in (0, 3, 17):
        alone = client.score(row_set, [row])
        assert alone[row] == pytest.approx(together[row], abs=NATS)
    assert together[0] == pytest.approx(together[4], abs=NATS)


def test_scores_stream_longest_first_with_progress(client: Client, model_folder: Callable[[str], Path]) -> None:
    loaded = client.load(model_folder("llama"))
    row_set, facts = client.register(loaded.model_handle, rows(plain=False) * 10)
    parts = list(client.Score(pb.ScoreRequest(row_set=row_set)))
    order = [row for part in parts for row in part.rows]
    sizes = [facts[row].prompt_tokens + facts[row].chosen_tokens + facts[row].rejected_tokens for row in order]
    assert len(parts) > 1 and sorted(order) == list(range(40)) and sizes == sorted(sizes, reverse=True)
    assert [part.progress.done for part in parts] == sorted(part.progress.done for part in parts)
    assert (parts[-1].progress.done, parts[-1].progress.total) == (40, 40)


def test_a_cancelled_scoring_frees_the_device(client: Client, model_folder: Callable[[str], Path]) -> None:
    loaded = client.load(model_folder("llama"))
    row_set, _ = client.register(loaded.model_handle, rows(plain=False) * 200)
    call = client.Score(pb.ScoreRequest(row_set=row_set))
    next(call)
    call.cancel()
    with pytest.raises(grpc.RpcError):
        list(call)
    assert len(client.score(row_set, [0])) == 1


def test_rows_registered_in_several_messages_keep_their_order(
    client: Client, model_folder: Callable[[str], Path]
) -> None:
    loaded = client.load(model_folder("llama"))
    start = pb.RegisterRowsRequest.Open(model_handle=loaded.model_handle, max_length=256)
    first, second = rows(plain=False)[:1], rows(plain=False)[1:]
    messages = [pb.RegisterRowsRequest(open=start), *(pb.RegisterRowsRequest(rows=part) for part in (first, second))]
    answers = list(client.RegisterRows(iter(messages)))
    assert [len(answer.rows) for answer in answers] == [0, 1, 3]
    assert len({answer.row_set for answer in answers}) == 1
    assert len(client.score(answers[0].row_set)) == 4


def test_unusable_rows_are_left_out_and_refused_when_named(client: Client, model_folder: Callable[[str], Path]) -> None:
    loaded = client.load(model_folder("llama"))
    row_set, facts = client.register(loaded.model_handle, [pair("x", "", "b"), pair("x", "a", "b")])
    assert [row.unusable for row in facts] == ["empty_response", ""]
    assert list(client.score(row_set)) == [1]
    for bad in (0, 2, -1):
        with pytest.raises(grpc.RpcError) as caught:
            client.score(row_set, [bad])
        assert reason(caught.value) == "ROW_INVALID" and str(bad) in caught.value.details()


def test_a_non_finite_log_prob_is_sent_as_it_is(
    client: Client, model_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = tmp_path / "broken"
    model = AutoModelForCausalLM.from_pretrained(model_folder("llama"))
    with torch.no_grad():
        model.lm_head.weight.fill_(float("nan"))
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(model_folder("llama")).save_pretrained(folder)
    loaded = client.load(folder)
    row_set, _ = client.register(loaded.model_handle, rows(plain=False))
    assert all(value != value for values in client.score(row_set).values() for value in values)


def test_token_strings_come_when_asked_for(client: Client, model_folder: Callable[[str], Path]) -> None:
    loaded = client.load(model_folder("mistral"))
    _, facts = client.register(loaded.model_handle, rows(plain=False)[:1], return_tokens=True)
    assert facts[0].prompt_pieces[0] == "<s>" and facts[0].chosen_pieces[-1] == "</s>"
    assert len(facts[0].rejected_pieces) == facts[0].rejected_tokens
    assert facts[0].rendered_prompt.startswith("<s>[INST] What is two")
    _, silent = client.register(loaded.model_handle, rows(plain=False)[:1])
    assert not silent[0].prompt_pieces and not silent[0].rendered_prompt


def test_a_model_may_be_fed_the_ids_of_another_ones_tokenizer(client: Client) -> None:
    folder, words = tiny_model("mistral"), tiny_model("llama")
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(words)
    loaded = client.load(folder, tokenizer=str(words))
    assert loaded.identity.weights == client.identify(folder).weights
    assert loaded.identity.tokenizer == client.identify(words).tokenizer != client.identify(folder).tokenizer
    row_set, facts = client.register(loaded.model_handle, rows(plain=False))
    for index, values in client.score(row_set).items():
        prompt, *responses = PAIRS[index]
        counts = (facts[index].chosen_tokens, facts[index].rejected_tokens)
        for logp, response, count in zip(values, responses, counts, strict=True):
            ids = sequence(tokenizer, prompt, response, False)
            assert logp == pytest.approx(response_logp(model, ids, count), abs=NATS)


def test_rows_with_ids_that_the_model_lacks_are_unusable(client: Client) -> None:
    folder, words = tiny_model("llama"), tiny_model("mistral")
    limit = AutoModelForCausalLM.from_pretrained(folder).get_input_embeddings().num_embeddings
    tokenizer = AutoTokenizer.from_pretrained(words)
    loaded = client.load(folder, tokenizer=str(words))
    row_set, facts = client.register(loaded.model_handle, rows(plain=False))
    beyond = [
        any(max(sequence(tokenizer, prompt, response, False)) >= limit for response in responses)
        for prompt, *responses in PAIRS
    ]
    assert [row.unusable == "token_out_of_range" for row in facts] == beyond and any(beyond)
    assert set(client.score(row_set)) == {index for index, out in enumerate(beyond) if not out}
