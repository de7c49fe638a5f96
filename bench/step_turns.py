"""Two processes that take their steps in turn, so that both are measured in the same minutes of a noisy machine.

A process that is being compared calls `Turn.wait` before each step and blocks there, which costs no CPU time, until
`alternate` in the parent gives it the turn. Between two waits only one of the processes runs.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_VARIABLE = "STEP_BENCH_TURN"


class Turn:
    """The side of a child: asks for the turn and waits for it. Outside a comparison it never waits."""

    def __init__(self) -> None:
        self._pipes = [int(number) for number in os.environ.get(_VARIABLE, "").split(",") if number]

    def wait(self) -> None:
        if self._pipes:
            asks, gets = self._pipes
            os.write(asks, b"?")
            os.read(gets, 1)


@dataclass(frozen=True, slots=True)
class Player:
    """The side of the parent: a child, and the ends of the two pipes."""

    process: subprocess.Popen[bytes]
    asked: int
    give: int

    def is_waiting(self) -> bool:
        """Blocks until the child asks for its turn (True) or has ended (False)."""
        return os.read(self.asked, 1) != b""

    def go(self) -> None:
        with suppress(BrokenPipeError):  # it was killed while it waited, which `is_waiting` tells
            os.write(self.give, b"!")


def start(command: list[str], environment: dict[str, str], log: Path) -> Player:
    asked, asks = os.pipe()
    gets, give = os.pipe()
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            env=environment | {_VARIABLE: f"{asks},{gets}"},
            pass_fds=(asks, gets),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    os.close(asks)
    os.close(gets)
    return Player(process, asked, give)


def alternate(players: list[Player]) -> None:
    """Gives the turn round until all players have ended. They must be waiting when this is called."""
    playing = list(players)
    while playing:
        for player in list(playing):
            player.go()
            if not player.is_waiting():
                playing.remove(player)
