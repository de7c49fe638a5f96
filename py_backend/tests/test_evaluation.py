"""Tasks of language understanding: the harness on a model in memory, beside what hand and head compute.

With the extra packages (requirements-eval.txt) all of it runs; without, only what is refused then."""

from __future__ import annotations

import json
import random
import shutil
from copy import deepcopy
from pathlib import Path
from typing import Any

import grpc
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from py_backend.evaluation.harness import harness_installed
from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb
from py_backend.tests.client import Client, reason
from py_backend.tests.test_generation import turn_positions
from tiny_models import tiny_model

needs_harness = pytest.mark.skipif(not harness_installed(), reason="lm-eval (requirements-eval.txt) is not installed")

ROWS = [
    {"question": f"{a} and {b}?", "choices": [str(a + b), "no " * (a % 3 + 1), f"{a} cats"], "answer": (a + b) % 3}
    for a in range(5)
    for b in range(4)
]
CHOICE = {
    "output_type": "multiple_choice",
    "doc_to_text": "Question: {{question}}\nAnswer:",
    "doc_to_choice": "{{choices}}",
    "doc_to_target": "answer",
    "metric_list": [
        {"metric": "acc", "aggregation": "mean", "higher_is_better": True},
        {"metric": "acc_norm", "aggregation": "mean", "higher_is_better": True},
    ],
}


def write_task(folder: Path, name: str = "sums", **changes: Any) -> Path:
    import yaml

    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    config = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": f"{name}.jsonl"}},
        "test_split": "test",
        "metadata": {"version": 1.5},
        **CHOICE,
        **changes,
    }
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump({key: value for key, value in config.items() if value is not None}))
    return file


def evaluate(client: Client, model: str, *names: object, **options: Any) -> tuple[Any, list[Any], list[Any]]:
    """Result, documents, progress."""
    shots = options.pop("num_fewshot", None)
    tasks = [pb.EvaluateRequest.Task(name=str(name), num_fewshot=shots) for name in names]
    events = list(client.Evaluate(pb.EvaluateRequest(model_handle=model, tasks=tasks, **options)))
    assert [event.WhichOneof("event") for event in events].count("evaluated") == 1
    return (
        events[-1].evaluated,
        [json.loads(line) for event in events for line in event.documents.json],
        [event.progress for event in events if event.HasField("progress")],
    )


def refusal(client: Client, model: str, *names: object, **options: Any) -> str:
    with pytest.raises(grpc.RpcError) as caught:
        evaluate(client, model, *names, **options)
    return f"{reason(caught.value)}: {caught.value.details()}"


@pytest.mark.skipif(harness_installed(), reason="the harness is installed here")
def test_without_the_harness_the_capability_is_missing_and_the_call_says_what_to_install(
    client: Client, tmp_path: Path
) -> None:
    assert "evaluate" not in client.GetServerInfo(pb.GetServerInfoRequest()).capabilities
    model = client.load(tiny_model("llama")).model_handle
    assert "UNSUPPORTED: evaluating tasks needs lm-evaluation-harness" in refusal(client, model, "hellaswag")


@needs_harness
def test_a_local_task_of_20_documents_is_what_a_hand_computes(client: Client, tmp_path: Path) -> None:
    network, tokenizer = (kind.from_pretrained(tiny_model("llama")) for kind in (AutoModelForCausalLM, AutoTokenizer))

    def logp(prompt: str, answer: str) -> float:
        start = len(tokenizer(prompt)["input_ids"])
        ids = torch.tensor([tokenizer(f"{prompt} {answer}")["input_ids"]])
        with torch.no_grad():
            logps = network(ids).logits[0].log_softmax(-1)
        return sum(float(logps[place - 1, ids[0, place]]) for place in range(start, ids.shape[1]))

    by_sum, by_byte = [], []
    for row in ROWS:
        sums = [logp(f"Question: {row['question']}\nAnswer:", choice) for choice in row["choices"]]
        per_byte = [value / len(choice) for value, choice in zip(sums, row["choices"], strict=True)]
        by_sum.append(float(sums.index(max(sums)) == row["answer"]))
        by_byte.append(float(per_byte.index(max(per_byte)) == row["answer"]))
    model = client.load(tiny_model("llama")).model_handle
    result, documents, progress = evaluate(client, model, write_task(tmp_path))
    [score] = result.scores
    assert (score.task, score.version, score.documents, score.num_fewshot) == ("sums", "1.5", 20, 0)
    assert len(documents) == 20
    assert [each["metrics"]["acc"] for each in sorted(documents, key=lambda each: each["doc_id"])] == by_sum
    assert {metric.name: metric.value for metric in score.metrics} == {
        "acc": pytest.approx(sum(by_sum) / 20, abs=1e-12),
        "acc_norm": pytest.approx(sum(by_byte) / 20, abs=1e-12),
    }
    assert 0 < sum(by_sum) < 20  # else it would prove little
    assert (progress[-1].done, progress[-1].total, progress[-1].unit) == (60, 60, "requests")
    assert result.settings["lm_eval"] == "0.4.13"


@needs_harness
@pytest.mark.parametrize("kind", ["longrope", "dynamic"])
def test_positions_that_turn_with_the_length_do_not_turn_for_others(client: Client, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model("llama"), folder)
    turn_positions(folder, kind)
    rows = [{"text": "The cat sat on the mat." * count, "answer": "two cats"} for count in (9, 2, 5, 1)]
    perplexity = {"metric": "perplexity", "aggregation": "perplexity", "higher_is_better": False}
    written = {"output_type": "loglikelihood", "doc_to_text": "{{text}}", "doc_to_target": "{{' ' + answer}}"}
    task = write_task(tmp_path, **written, doc_to_choice=None, metric_list=[perplexity])
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    _, together, _ = evaluate(client, client.load(folder).model_handle, task, batch_size=4)
    network, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    for row, document in zip(rows, sorted(together, key=lambda each: each["doc_id"]), strict=True):
        ids = tokenizer(f"{row['text']} {row['answer']}")["input_ids"]
        start = len(tokenizer(row["text"])["input_ids"])
        with torch.no_grad():
            logps = deepcopy(network)(torch.tensor([ids[:-1]])).logits[0].log_softmax(-1)
        expected = sum(float(logps[place - 1, ids[place]]) for place in range(start, len(ids)))
        assert document["metrics"]["perplexity"] == pytest.approx(expected, rel=1e-5)


@needs_harness
def test_written_answers_are_the_greedy_ones(client: Client, tmp_path: Path) -> None:
    network, tokenizer = (kind.from_pretrained(tiny_model("llama")) for kind in (AutoModelForCausalLM, AutoTokenizer))
    right = []
    for row in ROWS:
        ids = tokenizer(row["question"])["input_ids"]
        start = len(ids)
        with torch.no_grad():
            while len(ids) - start < 4 and tokenizer.eos_token_id not in ids[start:]:
                ids.append(int(network(torch.tensor([ids])).logits[0, -1].argmax()))
        right.append(tokenizer.decode(ids[start:], skip_special_tokens=True))
    rows = [{**row, "right": text if i % 2 else "never"} for i, (row, text) in enumerate(zip(ROWS, right, strict=True))]
    file = write_task(
        tmp_path,
        output_type="generate_until",
        doc_to_text="{{question}}",
        doc_to_choice=None,
        doc_to_target="{{right}}",
        generation_kwargs={"until": ["\x00"], "max_gen_toks": 4},
        metric_list=[{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    )
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    model = client.load(tiny_model("llama")).model_handle
    result, _, _ = evaluate(client, model, file)
    assert [(metric.name, metric.value) for metric in result.scores[0].metrics] == [("exact_match", 0.5)]


@needs_harness
def test_a_prompt_longer_than_the_model_reads_is_refused_and_named(client: Client, tmp_path: Path) -> None:
    file = write_task(tmp_path, doc_to_text="{{question * 300}}")
    model = client.load(tiny_model("llama")).model_handle
    told = refusal(client, model, file)
    assert told.startswith("ROW_INVALID: task ")
    assert "document 0: its prompt has" in told


@needs_harness
def test_a_limit_examples_and_the_order_of_tasks_change_what_they_say_and_nothing_else(
    client: Client, tmp_path: Path
) -> None:
    first = write_task(tmp_path, "first", fewshot_split="test")
    second = write_task(tmp_path, "second")
    model = client.load(tiny_model("llama")).model_handle
    both, _, _ = evaluate(client, model, first, second)
    turned, _, _ = evaluate(client, model, second, first)
    assert sorted(map(str, both.scores)) == sorted(map(str, turned.scores))
    few, documents, _ = evaluate(client, model, first, limit=7, num_fewshot=2)
    assert (few.scores[0].documents, few.scores[0].num_fewshot, len(documents)) == (7, 2, 7)
    assert few.scores[0].content != both.scores[0].content


@needs_harness
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"doc_to_text": "{{ ''.__class__.__mro__ }}"}, "unsafe"),
        ({"dataset_path": "some/script"}, "expected one of json, csv"),
        ({"dataset_kwargs": {"data_files": {"test": "../../etc/passwd"}}}, "expected one in the folder"),
        ({"dataset_kwargs": {"data_files": {"test": "https://example.org/x.json"}}}, "there is none"),
        ({"metric_list": [{"metric": "someone/metric"}]}, "not one of the harness's own"),
        ({"process_docs": "x"}, "not possible"),
        ({"task": None}, 'expected "task"'),
    ],
)
def test_a_task_file_that_would_run_code_or_leave_its_folder_is_refused(
    client: Client, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    model = client.load(tiny_model("llama")).model_handle
    assert words in refusal(client, model, write_task(tmp_path, **changes))


@needs_harness
def test_a_function_in_a_task_file_is_refused_and_never_run(client: Client, tmp_path: Path) -> None:
    file = write_task(tmp_path)
    (tmp_path / "utils.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\ndef f(doc): return doc\n")
    file.write_text(file.read_text() + "process_docs: !function utils.f\n")
    model = client.load(tiny_model("llama")).model_handle
    assert "would run code" in refusal(client, model, file)
    assert not (tmp_path / "ran").exists()


@needs_harness
def test_a_name_that_the_harness_lacks_gets_its_neighbours(client: Client) -> None:
    model = client.load(tiny_model("llama")).model_handle
    assert "UNSUPPORTED: task 'helaswag'" in refusal(client, model, "helaswag")


@needs_harness
def test_generators_of_random_numbers_are_left_as_they_were(tmp_path: Path) -> None:
    from py_backend.backend import Backend
    from py_backend.evaluation.spec import EvaluationSpec, TaskChoice
    from py_backend.models.spec import ModelSpec
    from py_backend.progress import silent
    from py_backend.roots import Roots

    backend = Backend(Roots(), torch.device("cpu"))
    model = backend.load(ModelSpec(source=str(tiny_model("llama"))), silent).handle
    spec = EvaluationSpec(tasks=(TaskChoice(str(write_task(tmp_path))),), limit=2)
    tasks = backend.read_tasks(model, spec, lambda: None)
    random.seed(5), torch.manual_seed(5)
    expected = random.random(), float(torch.rand(1))
    random.seed(5), torch.manual_seed(5)
    backend.evaluate(model, spec, tasks, False, silent, lambda _: None, lambda: None)
    assert (random.random(), float(torch.rand(1))) == expected
