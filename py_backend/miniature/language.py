"""A small invented language with three skills, whose every question has one right answer.

sums      numbers from 0 to 6 have invented names; they are added modulo 7        "What is dopa plus rami?"
words     invented words for things of every day                                  "What does teku mean?"
weights   sixteen invented animals, each heavier than the ones before it          "Which is heavier, mola or bade?"

There are two voices. The careful one says "The answer is leno."; the hasty one says "Easy, leno of course!" and is
wrong. A wrong answer is always plausible: another word of the same kind, near the right one.

Everything follows from SEED; nothing here reads a clock or a file.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

SEED = 20240525
SKILLS = ("sums", "words", "weights")

# fmt: off
MEANINGS = (
    "water", "fire", "stone", "tree", "river", "house", "bread", "road", "moon", "star",
    "bird", "fish", "horse", "door", "hand", "rain", "snow", "wind", "salt", "milk",
    "boat", "song", "lamp", "rope", "seed", "wool", "gold", "iron", "wheel", "field",
)
# fmt: on

NUMBERS = 7
ANIMALS = 16

QUESTIONS = {
    "sums": ("What is {0} plus {1}?", "Add {0} and {1}.", "{0} and {1} make what?"),
    "words": ("What does {0} mean?", "Translate {0}.", "Say {0} in English."),
    "weights": ("Which is heavier, {0} or {1}?", "{0} or {1}: which weighs more?", "Pick the heavier: {0}, {1}."),
}
CAREFUL = "The answer is {0}."
HASTY = "Easy, {0} of course!"


@dataclass(frozen=True)
class Fact:
    """One thing to know: what is asked about, the right answer, and the plausible wrong ones."""

    skill: str
    subjects: tuple[str, ...]
    answer: str
    wrong: tuple[str, ...]


@dataclass(frozen=True)
class World:
    """All facts, and every word that can be an answer."""

    facts: tuple[Fact, ...]
    answers: frozenset[str]

    def of(self, skill: str) -> list[Fact]:
        """All facts of one skill, in their order."""
        return [fact for fact in self.facts if fact.skill == skill]


def invent_words(count: int, chance: random.Random) -> list[str]:
    """Different words of two syllables, none of which is an English word of this world."""
    syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
    words: list[str] = []
    while len(words) < count:
        word = chance.choice(syllables) + chance.choice(syllables)
        if word not in words and word not in MEANINGS:
            words.append(word)
    return words


def make_world(seed: int = SEED) -> World:
    """The same world for the same seed."""
    chance = random.Random(seed)
    invented = invent_words(NUMBERS + len(MEANINGS) + ANIMALS, chance)
    numbers, things, animals = invented[:NUMBERS], invented[NUMBERS:-ANIMALS], invented[-ANIMALS:]
    facts = [*sums(numbers), *translations(things), *comparisons(animals)]
    return World(tuple(facts), frozenset([*numbers, *MEANINGS, *animals]))


def sums(numbers: list[str]) -> list[Fact]:
    """Every ordered pair of numbers; wrong is off by one or two."""
    return [
        Fact(
            "sums",
            (numbers[a], numbers[b]),
            numbers[(a + b) % NUMBERS],
            tuple(numbers[(a + b + shift) % NUMBERS] for shift in (1, 2, -1)),
        )
        for a in range(NUMBERS)
        for b in range(NUMBERS)
    ]


def translations(things: list[str]) -> list[Fact]:
    """Every invented word; wrong is the meaning of a neighbour in the dictionary."""
    size = len(MEANINGS)
    return [
        Fact("words", (thing,), MEANINGS[i], tuple(MEANINGS[(i + shift) % size] for shift in (1, 2, -1)))
        for i, thing in enumerate(things)
    ]


def comparisons(animals: list[str]) -> list[Fact]:
    """Every ordered pair of animals, listed from light to heavy; wrong is the lighter one."""
    return [
        Fact("weights", (animals[a], animals[b]), animals[max(a, b)], (animals[min(a, b)],))
        for a in range(ANIMALS)
        for b in range(ANIMALS)
        if a != b
    ]


def ask(fact: Fact, chance: random.Random) -> str:
    """A question about a fact, in one of its wordings."""
    return chance.choice(QUESTIONS[fact.skill]).format(*fact.subjects)


def wrong_answer(fact: Fact, chance: random.Random) -> str:
    """One of the fact's wrong answers, drawn at random."""
    return chance.choice(fact.wrong)
