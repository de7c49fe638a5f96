"""Frames of a Train stream that were lost, doubled, reordered, cut off or replayed by an older client, against the
real servicer, device thread, ledger and optimizer on a policy of a few weights. Whatever comes, the weights are those
of whole steps as they were meant, and what was not applied was refused by name.

    python -m py_backend.tests.frame_sequences --sequences 10000 --seed 1
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, cast

import torch
from torch import nn

from py_backend.backend import Backend
from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb
from py_backend.registry import HeldModel, RowSet
from py_backend.roots import Roots
from py_backend.rpc.device_thread import DeviceThread
from py_backend.rpc.holders import Holders
from py_backend.rpc.servicer import BackendServicer
from py_backend.tokens.pair_text import TokenRule
from py_backend.training.optimizers import OptimizerSpec
from py_backend.training.policy import Policy
from py_backend.training.trainer import Trainer

STEPS = 3
ROWS = 6
WEIGHTS = 12
AT_ONCE = 20
"""Sequences under way together, each with a trainer of its own on the one device thread, as in a shared backend."""
PART = 250  # sequences that a process is given at once
KINDS = ("dropped", "duplicated", "reordered", "cut", "replayed by an old client")
Frame = pb.TrainRequest


@cache
def directions(row: int, seed: int) -> torch.Tensor:
    """What the weights are multiplied with in a row, under its dropout mask: chosen and rejected."""
    masks = torch.rand(2, WEIGHTS, generator=torch.Generator().manual_seed(seed)) < 0.8
    return torch.sin(torch.arange(2 * WEIGHTS, dtype=torch.float32).reshape(2, WEIGHTS) + row) * masks


class ToyEngine:
    """Log-probs of a row: a smooth function of the weights that dropout has left."""

    def __init__(self, weights: nn.Parameter) -> None:
        self._weights = weights

    def forward(self, pairs: Sequence[int], *, grad: bool, seeds: Sequence[int]) -> torch.Tensor:
        """Chosen and rejected interleaved."""
        rows = torch.cat([directions(row, seed) for row, seed in zip(pairs, seeds, strict=True)])
        return -torch.log1p(torch.exp((rows * self._weights).sum(dim=1))).double()


class ToyRow:
    """A row that is its own number."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.facts = cast(Any, type("Facts", (), {"unusable": ""})())
        self.prefix, self.chosen, self.rejected = [index], [index], [index]

    def pair(self) -> int:
        return self.index


class Service:
    """The servicer with one trainer on a toy policy; every instance begins the same."""

    def __init__(self, device: DeviceThread) -> None:
        self.backend = Backend(Roots(), torch.device("cpu"))
        holders = Holders(self.backend.registry.model_of, lambda *_: None)
        self.servicer = BackendServicer(self.backend, device, holders)
        model = nn.Module()
        model.register_parameter("weights", nn.Parameter(torch.linspace(-0.5, 0.7, WEIGHTS)))
        self.weights = cast(nn.Parameter, model.weights)
        policy = Policy(model, None, False)
        spec = OptimizerSpec("adamw", 0.9, 0.999, 1e-8)
        engine = cast(Any, ToyEngine(self.weights))
        held = HeldModel("model", *cast(Any, (None, None, engine, None)), policy=policy)
        self.backend.registry.add_model(held)
        self.trainer = Trainer("model", policy, engine, 7, spec)
        self.handle = self.backend.registry.add_trainer(held, self.trainer)
        rows = RowSet("model", TokenRule(64, "keep_start", "chat", False))
        rows.rows.extend(cast(Any, [ToyRow(index) for index in range(ROWS)]))
        self.row_set = self.backend.registry.add_row_set(rows)

    def state(self) -> tuple[list[float], list[float]]:
        """Weights and what the optimizer remembers, to the last bit."""
        memory = self.trainer._optimizer.state[self.weights]
        return self.weights.tolist(), torch.cat([memory["exp_avg"], memory["exp_avg_sq"]]).tolist()


class Stream:
    """One client's Train stream: frames are sent by hand, answers read by hand."""

    def __init__(self, service: Service) -> None:
        self._requests: asyncio.Queue[Frame | None] = asyncio.Queue()
        self._answers = service.servicer.Train(self._frames())
        self._sequence = 0
        self.over = False

    async def _frames(self) -> AsyncIterator[Frame]:
        while (frame := await self._requests.get()) is not None:
            yield frame

    async def send(self, frames: Sequence[Frame]) -> list[pb.TrainResponse]:
        """All at once, then an answer to each; a frame that gets none, or another's, is an error of the service."""
        sent = []
        for frame in frames:
            self._sequence += 1
            numbered = Frame()
            numbered.CopyFrom(frame)
            numbered.sequence = self._sequence
            sent.append(numbered)
            self._requests.put_nowait(numbered)
        answers = [await anext(self._answers) for _ in sent]
        assert [answer.sequence for answer in answers] == [frame.sequence for frame in sent]
        return answers

    async def cut(self) -> None:
        """The connection is gone, whatever was under way."""
        self.over = True
        await self._answers.aclose()


@dataclass(slots=True)
class Tally:
    """What became of the sequences, by kind of disturbance."""

    sequences: Counter[str] = field(default_factory=Counter)
    equal: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    silent: Counter[str] = field(default_factory=Counter)
    frames: int = 0
    refusals: int = 0

    def add(self, other: Tally) -> None:
        """Takes over another tally's counts."""
        for mine in fields(self):
            setattr(self, mine.name, getattr(self, mine.name) + getattr(other, mine.name))


def open_frame(service: Service) -> Frame:
    return Frame(open=Frame.Open(trainer_handle=service.handle, row_set=service.row_set))


def step_frames(step: int, sizes: Sequence[int]) -> list[Frame]:
    """What a client sends for a step of micro-batches of `sizes` rows. Gradients are those of no other step."""
    frames, row = [], 0
    for index, size in enumerate(sizes):
        rows = range(row, row + size)
        row += size
        chosen = [-0.5 + 0.03 * step + 0.01 * each for each in rows]
        rejected = [0.4 - 0.02 * step + 0.01 * each for each in rows]
        forward = Frame.Forward(step=step, micro_batch=index, rows=rows, seed=100 + step)
        gradients = {"chosen_gradients": chosen, "rejected_gradients": rejected}
        frames.append(Frame(forward=forward))
        frames.append(Frame(backward=Frame.Backward(step=step, micro_batch=index, **gradients)))
    commit = {"learning_rate": 0.01 * step, "weight_decay": 0.01, "max_grad_norm": 1.0}
    frames.append(Frame(commit=Frame.Commit(step=step, micro_batches=range(len(sizes)), **commit)))
    return frames


Layout = tuple[tuple[int, ...], ...]
States = list[tuple[list[float], list[float]]]

# At most two micro-batches: a sum of three gradients in another order may round otherwise.
LAYOUTS: list[Layout] = list(itertools.product([(1,), (3,), (2, 2), (1, 3)], repeat=STEPS))


async def whole_states(device: DeviceThread, layout: Layout) -> States:
    """The state after 0, 1, ... steps that nobody disturbed."""
    service = Service(device)
    stream = Stream(service)
    await stream.send([open_frame(service)])
    states = [service.state()]
    for step, sizes in enumerate(layout, 1):
        answers = await stream.send(step_frames(step, sizes))
        assert not any(answer.HasField("error") for answer in answers)
        states.append(service.state())
    await stream.cut()
    assert len({tuple(weights) for weights, _ in states}) == len(states)
    return states


def disturbed(frames: list[Frame], kind: str, rng: random.Random) -> list[Frame]:
    """One to three disturbances of a kind; the first frame opens the trainer and stays."""
    frames = list(frames)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(1, len(frames))
        to = rng.randrange(1, len(frames))
        if kind == "dropped" and len(frames) > 2:
            del frames[at]
        elif kind == "duplicated":
            frames.insert(to, frames[at])
        elif kind == "reordered":
            frames.insert(to, frames.pop(at))
    return frames


async def one_sequence(device: DeviceThread, known: dict[Layout, States], rng: random.Random, tally: Tally) -> None:
    """Sends a disturbed sequence, then lets a client of good order finish the training."""
    layout = rng.choice(LAYOUTS)
    states = known[layout]
    kind = rng.choice(KINDS)
    service = Service(device)
    whole = [
        open_frame(service),
        *(frame for step, sizes in enumerate(layout, 1) for frame in step_frames(step, sizes)),
    ]
    frames = disturbed(whole, kind, rng)
    stream = Stream(service)
    answers: list[pb.TrainResponse] = []
    cut_at = rng.randrange(1, len(frames)) if kind in ("cut", "replayed by an old client") else len(frames)
    sent = 0
    while sent < cut_at:
        burst = frames[sent : min(cut_at, sent + rng.randint(1, 8))]
        answers += await stream.send(burst)
        sent += len(burst)
    if kind == "cut":
        await stream.cut()
    whole_so_far = await committed_whole(device, service, states)
    told = [answer.commit.step for answer in answers if answer.HasField("commit")]
    whole_so_far &= told == list(range(1, service.trainer.committed_step + 1))
    at_once = service.trainer.committed_step == STEPS

    heir = Stream(service)
    opened = (await heir.send([open_frame(service)]))[0].opened
    done = opened.committed_step
    old: list[Frame] = []
    if kind == "replayed by an old client":  # what it had not sent yet, and all that it has sent already
        old = frames[sent:] + whole[1:] if rng.random() < 0.5 else whole[1:]
    clean = True
    for step in range(done + 1, STEPS + 1):
        for frame in step_frames(step, layout[step - 1]):
            if old and rng.random() < 0.5:
                burst, old = old[:4], old[4:]
                replies = await stream.send(burst)
                answers += replies
                clean &= all(reply.HasField("error") for reply in replies)
            clean &= not (await heir.send([frame]))[0].HasField("error")
    if old:
        answers += await stream.send(old)
    await device.run(lambda: None)
    finished = clean and service.trainer.committed_step == STEPS and service.state() == states[STEPS]
    errors = [answer for answer in answers if answer.HasField("error")]
    named = all(answer.error.reason and answer.error.message for answer in errors)
    tally.sequences[kind] += 1
    tally.frames += len(answers)
    tally.refusals += len(errors)
    outcome = tally.equal if at_once else tally.refused
    (outcome if whole_so_far and finished and named else tally.silent)[kind] += 1
    await heir.cut()
    if not stream.over:
        await stream.cut()


async def committed_whole(device: DeviceThread, service: Service, states: States) -> bool:
    """Whether the weights are those of the committed step, to the last bit."""
    await device.run(lambda: None)
    return service.state() == states[service.trainer.committed_step]


@cache
def ground() -> tuple[DeviceThread, dict[Layout, States]]:
    """What all sequences of a process share: its device thread, and the states to compare with."""
    device = DeviceThread()

    async def known() -> dict[Layout, States]:
        return {layout: await whole_states(device, layout) for layout in LAYOUTS}

    return device, asyncio.run(known())


def fuzz(numbers: range, seed: int) -> Tally:
    """Runs the sequences of these numbers; what they are follows from the seed."""
    torch.set_num_threads(1)
    device, known = ground()
    tally = Tally()

    async def together(some: range) -> None:
        await asyncio.gather(
            *(one_sequence(device, known, random.Random(f"{seed} {number}"), tally) for number in some)
        )

    for first in range(0, len(numbers), AT_ONCE):
        # Each time a loop of its own: what a loop keeps for clients that may come back goes with it.
        asyncio.run(together(numbers[first : first + AT_ONCE]))
    return tally


def fuzz_in_processes(sequences: int, seed: int, jobs: int) -> Tally:
    """The same in several processes; says on stderr how far it is."""
    tally = Tally()
    parts = [range(first, min(sequences, first + PART)) for first in range(0, sequences, PART)]
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        for part in pool.map(fuzz, parts, itertools.repeat(seed)):
            tally.add(part)
            print(f"{tally.sequences.total()} of {sequences}", file=sys.stderr, flush=True)
    return tally


def table(tally: Tally, seed: int, seconds: float) -> str:
    """The tally as Markdown."""
    total = tally.sequences.total()
    lines = [
        "# Frames of a Train stream, disturbed",
        "",
        f"{total} sequences of {STEPS} steps (seed {seed}), {tally.frames} frames answered,",
        f"{tally.refusals} of them refused by name, {seconds:.0f} s. Real servicer, device thread, ledger",
        f"and optimizer on a policy of {WEIGHTS} weights. After each sequence weights and optimizer",
        "state must be those of the whole steps that are committed, to the last bit; then a client of good order",
        "opens the trainer and finishes, and must end with the bits of the undisturbed training. A commit that was",
        "answered as done must be in the weights; whatever else had no effect must have been refused by name. Made by",
        "`npm run bench -- frames`.",
        "",
        f"**{tally.silent.total()} silent changes.**",
        "",
        "| disturbance | sequences | equal at once | refused or cut short, then finished equal | silent changes |",
        "| --- | --- | --- | --- | --- |",
    ]
    for kind in KINDS:
        cells = (tally.sequences[kind], tally.equal[kind], tally.refused[kind], tally.silent[kind])
        lines.append(f"| {kind} | {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sequences", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes; default: one a core")
    options = parser.parse_args()
    start = time.perf_counter()
    tally = fuzz_in_processes(options.sequences, options.seed, options.jobs)
    print(table(tally, options.seed, time.perf_counter() - start))


if __name__ == "__main__":
    main()
