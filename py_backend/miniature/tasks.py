"""Six small tasks of language understanding in place of the paper's, as files for lm-evaluation-harness.

| file       | in place of | what is asked                                              |
|------------|-------------|------------------------------------------------------------|
| gsm8k      | GSM8K       | sums, the answer written out                               |
| truthfulqa | TruthfulQA  | right and careful, or wrong in either voice                |
| hellaswag  | HellaSwag   | the end of a sentence about a word                         |
| mmlu       | MMLU        | a question of any skill, four answers                      |
| arc_easy   | ARC-easy    | a word, beside answers of another kind                     |
| winogrande | Winogrande  | which of two animals is heavier                            |
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .language import CAREFUL, HASTY, NUMBERS, SEED, SKILLS, Fact, World, ask

DOCUMENTS = 50
Document = dict[str, Any]


def write_tasks(world: World, folder: Path) -> None:
    """One .yaml and one .jsonl a task. YAML is a superset of JSON, which is what is written."""
    for number, (name, make) in enumerate(TASKS.items()):
        chance = random.Random(SEED + 100 + number)
        made = [make(world, chance) for _ in range(DOCUMENTS)]
        lines = "".join(f"{json.dumps(document)}\n" for document in made)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf8")
        (folder / f"{name}.yaml").write_text(json.dumps(task_of(name), indent=2) + "\n", encoding="utf8")


def task_of(name: str) -> dict[str, Any]:
    """The task file of a task, by its key in TASKS."""
    written = name == "gsm8k"
    metric = "exact_match" if written else "acc"
    kind = (
        {
            "output_type": "generate_until",
            "doc_to_target": "{{answer}}",
            "generation_kwargs": {"until": ["\n", "."], "max_gen_toks": 12, "do_sample": False},
        }
        if written
        else {"output_type": "multiple_choice", "doc_to_choice": "{{choices}}", "doc_to_target": "answer"}
    )
    return {
        "task": f"miniature_{name}",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": f"{name}.jsonl"}},
        "test_split": "test",
        "doc_to_text": "{{question}}",
        **kind,
        "metric_list": [{"metric": metric, "aggregation": "mean", "higher_is_better": True}],
        "num_fewshot": 0,
        "metadata": {"version": 1.0},
    }


def pick(world: World, skill: str, chance: random.Random) -> Fact:
    """A fact of a skill."""
    return chance.choice(world.of(skill))


def multiple(question: str, right: str, wrong: list[str], chance: random.Random) -> Document:
    """A question with its answers in random order; `answer` is the place of the right one."""
    choices = [right, *dict.fromkeys(wrong)]
    chance.shuffle(choices)
    return {"question": question, "choices": choices, "answer": choices.index(right)}


def written_sum(world: World, chance: random.Random) -> Document:
    """A sum whose answer is written out."""
    fact = pick(world, "sums", chance)
    return {"question": ask(fact, chance), "answer": CAREFUL.format(fact.answer).rstrip(".")}


def truth(world: World, chance: random.Random) -> Document:
    """The right answer beside the plausible one in both voices."""
    fact = pick(world, chance.choice(SKILLS), chance)
    wrong = [voice.format(answer) for voice in (CAREFUL, HASTY) for answer in fact.wrong[:1]]
    return multiple(ask(fact, chance), CAREFUL.format(fact.answer), wrong, chance)


def sentence_end(world: World, chance: random.Random) -> Document:
    """The last word of the answer."""
    fact = pick(world, "words", chance)
    return multiple(f"{ask(fact, chance)} The answer is", fact.answer, list(fact.wrong), chance)


def any_skill(world: World, chance: random.Random) -> Document:
    """Four answers, the wrong ones of any kind."""
    fact = pick(world, chance.choice(SKILLS), chance)
    others = chance.sample(sorted(world.answers - {fact.answer, *fact.wrong}), 3)
    wrong = [*fact.wrong, *others][:3]
    return multiple(ask(fact, chance), CAREFUL.format(fact.answer), [CAREFUL.format(each) for each in wrong], chance)


def other_kind(world: World, chance: random.Random) -> Document:
    """The wrong answers are of another kind."""
    fact = pick(world, "words", chance)
    numbers = sorted({each.answer for each in world.of("sums")})[:NUMBERS]
    return multiple(
        ask(fact, chance),
        CAREFUL.format(fact.answer),
        [CAREFUL.format(each) for each in chance.sample(numbers, 3)],
        chance,
    )


def heavier(world: World, chance: random.Random) -> Document:
    """Two animals."""
    fact = pick(world, "weights", chance)
    return multiple(ask(fact, chance), CAREFUL.format(fact.answer), [CAREFUL.format(fact.wrong[0])], chance)


TASKS: dict[str, Callable[[World, random.Random], Document]] = {
    "gsm8k": written_sum,
    "truthfulqa": truth,
    "hellaswag": sentence_end,
    "mmlu": any_skill,
    "arc_easy": other_kind,
    "winogrande": heavier,
}
