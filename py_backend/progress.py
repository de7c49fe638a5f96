"""How far a piece of long work is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` in `unit`s; total 0 = not known."""

    stage: str
    done: int
    total: int
    unit: str


Report = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """A Report that nobody reads."""
