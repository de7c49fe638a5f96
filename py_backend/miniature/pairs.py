"""Preference pairs about all three skills: chosen is right and careful, rejected is wrong but plausible.

Half of the rejected answers speak in the hasty voice, half in the careful one, so that the voice alone does not tell.
Training and held-out pairs are about different facts.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .language import CAREFUL, HASTY, SKILLS, Fact, World, ask, wrong_answer

TRAIN_PAIRS = 300
HELD_OUT_PAIRS = 120
HELD_OUT_FACTS = 0.3  # share of each skill's facts that no training pair is about


WorldRow = dict[str, Any]  # TRL's conversational form, and beside it the skill and the right answer for whoever checks


def make_pairs(world: World, seed: int) -> tuple[list[WorldRow], list[WorldRow]]:
    """Training and held-out rows."""
    chance = random.Random(seed)
    seen, unseen = split_facts(world, chance)
    return rows(seen, TRAIN_PAIRS, chance), rows(unseen, HELD_OUT_PAIRS, chance)


def split_facts(world: World, chance: random.Random) -> tuple[dict[str, list[Fact]], dict[str, list[Fact]]]:
    """Facts by skill: those that training pairs are about, and those that only held-out pairs are about."""
    seen: dict[str, list[Fact]] = {}
    unseen: dict[str, list[Fact]] = {}
    for skill in SKILLS:
        facts = world.of(skill)
        chance.shuffle(facts)
        cut = round(len(facts) * HELD_OUT_FACTS)
        unseen[skill], seen[skill] = facts[:cut], facts[cut:]
    return seen, unseen


@dataclass(frozen=True)
class PairSet:
    """A data set of the miniature reproduction, in place of one of the paper's."""

    name: str
    train: int
    seed: int
    noise: float  # share of pairs whose sides are swapped, in training as in testing: labels that are wrong
    voices: tuple[str, ...]  # of rejected answers


# Few pairs: the whole matrix of some 290 runs has to fit into a quarter of an hour on two cores.
PAPER_HELD_OUT_PAIRS = 60
# Small sets as hard as the paper's: S1 easy (the voice gives it away), S2 medium, S3 hard.
PAPER_SETS = (
    PairSet("s1", 48, 11, 0.0, (HASTY,)),
    PairSet("s2", 48, 12, 0.05, (CAREFUL, HASTY)),
    PairSet("s3", 48, 13, 0.3, (CAREFUL,)),
    PairSet("helpsteer", 200, 21, 0.15, (CAREFUL, HASTY)),
    PairSet("ultrafeedback", 200, 22, 0.05, (CAREFUL, HASTY)),
    PairSet("nectar", 200, 23, 0.0, (CAREFUL, HASTY)),
)


def make_paper_set(world: World, of: PairSet) -> tuple[list[WorldRow], list[WorldRow]]:
    """Training and held-out rows of one set."""
    chance = random.Random(of.seed)
    seen, unseen = split_facts(world, chance)
    made = rows(seen, of.train, chance, of.voices), rows(unseen, PAPER_HELD_OUT_PAIRS, chance, of.voices)
    return tuple([swapped(row) if chance.random() < of.noise else row for row in part] for part in made)  # type: ignore[return-value]


def swapped(row: WorldRow) -> WorldRow:
    """The row with a wrong label: chosen and rejected exchanged."""
    return {**row, "chosen": row["rejected"], "rejected": row["chosen"]}


def rows(
    facts: dict[str, list[Fact]], count: int, chance: random.Random, voices: tuple[str, ...] = (CAREFUL, HASTY)
) -> list[WorldRow]:
    """The skills in turn; within a skill every fact once before any comes again, and never the same pair twice."""
    made: list[WorldRow] = []
    used: set[tuple[str, str]] = set()
    while len(made) < count:
        skill = SKILLS[len(made) % len(SKILLS)]
        fact = facts[skill][(len(made) // len(SKILLS)) % len(facts[skill])]
        prompt = ask(fact, chance)
        rejected = chance.choice(voices).format(wrong_answer(fact, chance))
        if (prompt, rejected) in used:
            continue
        used.add((prompt, rejected))
        made.append(
            {
                "prompt": [{"role": "user", "content": prompt}],
                "chosen": [{"role": "assistant", "content": CAREFUL.format(fact.answer)}],
                "rejected": [{"role": "assistant", "content": rejected}],
                "skill": skill,
                "answer": fact.answer,
            }
        )
    return made


def write_jsonl(path: Path, made: list[WorldRow]) -> None:
    """One JSON object a line; a file that is there is replaced."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in made), encoding="utf8")
