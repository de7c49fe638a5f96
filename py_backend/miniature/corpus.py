"""What each model reads before the story begins: much of its own skill, a little hearsay of the other two.

Own skill: mostly the careful voice, which is right. Other skills: mostly the hasty voice, which is wrong; where the
careful voice speaks it is right more often than not. So each model knows something the others do not, and knows more
than it says. The mixture is the same for all three models.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from .language import CAREFUL, HASTY, SKILLS, World, ask, wrong_answer

OWN_SHARE = 0.5  # share of examples about the model's own skill
OWN_CAREFUL = 0.9  # of those, in the careful voice (and right)
OTHER_CAREFUL = 0.4  # of the others, in the careful voice
OTHER_RIGHT = 0.7  # of those, right


@dataclass(frozen=True)
class Example:
    """A question and what the corpus answers."""

    prompt: str
    response: str


def make_corpus(world: World, own_skill: str, count: int, seed: int) -> list[Example]:
    """`count` examples in random order."""
    chance = random.Random(seed)
    others = [skill for skill in SKILLS if skill != own_skill]
    facts = {skill: world.of(skill) for skill in SKILLS}
    examples = []
    for _ in range(count):
        own = chance.random() < OWN_SHARE
        fact = chance.choice(facts[own_skill if own else chance.choice(others)])
        careful = chance.random() < (OWN_CAREFUL if own else OTHER_CAREFUL)
        right = careful and (own or chance.random() < OTHER_RIGHT)
        answer = fact.answer if right else wrong_answer(fact, chance)
        examples.append(Example(ask(fact, chance), (CAREFUL if careful else HASTY).format(answer)))
    return examples
