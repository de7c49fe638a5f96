"""Builds the miniature world: small pre-trained models and preference pairs, for trials of the whole path.

    python -m py_backend.miniature FOLDER             three models and the quickstart's pairs
    python -m py_backend.miniature FOLDER --paper     and two more models, six sets and six tasks, as in the paper

Prints, last, the folder of the finished world: FOLDER/<hash of the files that make it>. A second call only prints it.
Each part appears complete or not at all; two calls at once are safe, the slower one's copy is thrown away.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PROGRESS_STEPS = 100
BASE_MODELS = ("llama", "mistral", "qwen")
# "alpaca" is "llama" trained further: it comes with the second part, when the first is there.
PAPER_MODELS = ("tiny", "alpaca")
PAPER_FOLDER = "paper"
TASKS_FOLDER = "tasks"


def world_hash() -> str:
    """Identity of the world: the sources that make it."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()[:16]


def note(text: str) -> None:
    """A line for the person who waits, on stderr."""
    print(text, file=sys.stderr, flush=True)


def build_world(home: Path) -> Path:
    """The folder of the world below `home`, built if it is not there."""
    target = home / world_hash()

    def fill(folder: Path) -> None:
        write_pairs(folder)
        train_side_by_side(folder, BASE_MODELS, parent=None)

    return build_whole(target, fill)


def build_paper_part(world: Path) -> Path:
    """The further models and sets of the miniature reproduction, below the folder of a world."""

    def fill(folder: Path) -> None:
        write_paper_sets(folder)
        train_side_by_side(folder, PAPER_MODELS, parent=world / "llama")

    return build_whole(world / PAPER_FOLDER, fill)


def build_tasks(world: Path) -> Path:
    """Small tasks of language understanding, below the folder of a world."""
    from .language import make_world
    from .tasks import write_tasks

    return build_whole(world / TASKS_FOLDER, lambda folder: write_tasks(make_world(), folder))


def build_whole(target: Path, fill: Callable[[Path], None]) -> Path:
    """A folder that is filled beside its place and then moved there."""
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".building-", dir=target.parent))
    try:
        fill(scratch)
        os.chmod(scratch, 0o755)
        os.rename(scratch, target)
    except OSError:
        if not target.is_dir():  # else another call was first
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def write_pairs(folder: Path) -> None:
    """The quickstart's pairs: train.jsonl and held-out.jsonl."""
    from .language import SEED, make_world
    from .pairs import make_pairs, write_jsonl

    train, held_out = make_pairs(make_world(), seed=SEED)
    write_jsonl(folder / "train.jsonl", train)
    write_jsonl(folder / "held-out.jsonl", held_out)


def write_paper_sets(folder: Path) -> None:
    """Two files for each set that stands in place of one of the paper's: NAME-train.jsonl and NAME-test.jsonl."""
    from .language import make_world
    from .pairs import PAPER_SETS, make_paper_set, write_jsonl

    for of in PAPER_SETS:
        train, held_out = make_paper_set(make_world(), of)
        write_jsonl(folder / f"{of.name}-train.jsonl", train)
        write_jsonl(folder / f"{of.name}-test.jsonl", held_out)


def train_side_by_side(folder: Path, names: tuple[str, ...], parent: Path | None) -> None:
    """One process and one thread per model, as many at once as there are cores."""
    waiting, running = list(names), dict[str, "subprocess.Popen[bytes]"]()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    further = [] if parent is None else ["--parent", str(parent)]
    try:
        while waiting or running:
            while waiting and len(running) < max(1, os.cpu_count() or 1):
                name = waiting.pop(0)
                command = [sys.executable, "-m", __package__, str(folder / name), "--model", name, *further]
                running[name] = subprocess.Popen(command, env=environment)
            for name, process in list(running.items()):
                code = process.poll()
                if code is None:
                    continue
                del running[name]
                if code != 0:
                    raise SystemExit(f"pre-training {name} failed with code {code}")
            time.sleep(0.05)
    finally:
        for process in running.values():
            process.terminate()


def train_one(name: str, folder: Path, parent: Path | None) -> None:
    """Pre-trains one model into `folder`; `parent` is needed for "alpaca" only, which is trained on from it."""
    from transformers.utils.logging import disable_progress_bar

    from .models import CHARACTERS, TINY
    from .pretrain import pretrain, tune_further

    disable_progress_bar()

    def report(step: int, loss: float) -> None:
        if step % PROGRESS_STEPS == 0:
            note(f"  pre-training {name}: step {step}, loss {loss:.2f}")

    if name == "alpaca":
        if parent is None:
            raise SystemExit("--model alpaca needs --parent: the model that it is a relative of")
        tune_further(parent, folder, report)
    else:
        pretrain(next(one for one in (*CHARACTERS, TINY) if one.name == name), folder, report)


def main() -> None:
    """Builds what the command line asks for and prints the folder as the last line."""
    parser = argparse.ArgumentParser(description="Build the miniature world.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--paper", action="store_true", help="with the models and sets of the miniature reproduction")
    parser.add_argument("--model", help="pre-train only this model, into FOLDER (used by the build itself)")
    parser.add_argument("--parent", type=Path, help="the model that --model alpaca is trained on from")
    arguments = parser.parse_args()
    if arguments.model is not None:
        train_one(arguments.model, arguments.folder, arguments.parent)
        return
    world = build_world(arguments.folder)
    if arguments.paper:
        build_paper_part(world)
        build_tasks(world)
    print(world)


if __name__ == "__main__":
    main()
