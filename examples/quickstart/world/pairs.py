"""Preference pairs about all three skills: chosen is right and careful, rejected is wrong but plausible.

Half of the rejected answers speak in the hasty voice, half in the careful one, so that the voice alone does not tell.
Training and held-out pairs are about different facts.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from .language import CAREFUL, HASTY, SKILLS, Fact, World, ask, wrong_answer

TRAIN_PAIRS = 300
HELD_OUT_PAIRS = 120
HELD_OUT_FACTS = 0.3  # share of each skill's facts that no training pair is about


Row = dict[str, Any]  # TRL's conversational form, and beside it the skill and the right answer for whoever checks


def make_pairs(world: World, seed: int) -> tuple[list[Row], list[Row]]:
    """Training and held-out rows."""
    chance = random.Random(seed)
    seen: dict[str, list[Fact]] = {}
    unseen: dict[str, list[Fact]] = {}
    for skill in SKILLS:
        facts = world.of(skill)
        chance.shuffle(facts)
        cut = round(len(facts) * HELD_OUT_FACTS)
        unseen[skill], seen[skill] = facts[:cut], facts[cut:]
    return rows(seen, TRAIN_PAIRS, chance), rows(unseen, HELD_OUT_PAIRS, chance)


def rows(facts: dict[str, list[Fact]], count: int, chance: random.Random) -> list[Row]:
    """The skills in turn; within a skill every fact once before any comes again, and never the same pair twice."""
    made: list[Row] = []
    used: set[tuple[str, str]] = set()
    while len(made) < count:
        skill = SKILLS[len(made) % len(SKILLS)]
        fact = facts[skill][(len(made) // len(SKILLS)) % len(facts[skill])]
        prompt = ask(fact, chance)
        rejected = chance.choice([CAREFUL, HASTY]).format(wrong_answer(fact, chance))
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


def write_jsonl(path: Path, made: list[Row]) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in made), encoding="utf8")
