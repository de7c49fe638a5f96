"""Preference pairs about all three skills: chosen is right and careful, rejected is wrong but plausible.

Half of the rejected answers speak in the hasty voice, half in the careful one, so that the voice alone does not tell.
Training and held-out pairs are about different facts.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

from .language import CAREFUL, HASTY, SKILLS, Fact, World, ask, wrong_answer

TRAIN_PAIRS = 300
HELD_OUT_PAIRS = 120
HELD_OUT_FACTS = 0.3  # share of each skill's facts that no training pair is about


def make_pairs(world: World, seed: int) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Training and held-out rows: prompt, chosen, rejected, and the skill and right answer for whoever checks."""
    chance = random.Random(seed)
    seen: dict[str, list[Fact]] = {}
    unseen: dict[str, list[Fact]] = {}
    for skill in SKILLS:
        facts = world.of(skill)
        chance.shuffle(facts)
        cut = round(len(facts) * HELD_OUT_FACTS)
        unseen[skill], seen[skill] = facts[:cut], facts[cut:]
    return rows(seen, TRAIN_PAIRS, chance), rows(unseen, HELD_OUT_PAIRS, chance)


def rows(facts: dict[str, list[Fact]], count: int, chance: random.Random) -> list[dict[str, str]]:
    """The skills in turn; within a skill every fact once before any comes again, in another wording."""
    made: list[dict[str, str]] = []
    used: set[str] = set()
    while len(made) < count:
        skill = SKILLS[len(made) % len(SKILLS)]
        fact = facts[skill][(len(made) // len(SKILLS)) % len(facts[skill])]
        prompt = ask(fact, chance)
        if prompt in used and chance.random() < 0.9:  # a fact has only three wordings
            continue
        used.add(prompt)
        voice = chance.choice([CAREFUL, HASTY])
        made.append(
            {
                "prompt": prompt,
                "chosen": CAREFUL.format(fact.answer),
                "rejected": voice.format(wrong_answer(fact, chance)),
                "skill": skill,
                "answer": fact.answer,
            }
        )
    return made


def write_jsonl(path: Path, made: list[dict[str, str]]) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in made), encoding="utf8")
