"""Builds the miniature world: three pre-trained models and the preference pairs.

    python -m examples.quickstart.world FOLDER

Prints, last, the folder of the finished world: FOLDER/<hash of the files that make it>. A second call only prints it.
A world appears complete or not at all; two calls at once are safe, the slower one's copy is thrown away.
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
from pathlib import Path

PROGRESS_STEPS = 100


def world_hash() -> str:
    """Identity of the world: the sources that make it."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()[:16]


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def build_world(home: Path) -> Path:
    """The folder of the world below `home`, built if it is not there."""
    target = home / world_hash()
    if target.is_dir():
        return target
    home.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".building-", dir=home))
    try:
        write_pairs(scratch)
        train_side_by_side(scratch)
        os.chmod(scratch, 0o755)
        os.rename(scratch, target)
    except OSError:
        if not target.is_dir():  # else another call was first
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def write_pairs(folder: Path) -> None:
    from .language import SEED, make_world
    from .pairs import make_pairs, write_jsonl

    train, held_out = make_pairs(make_world(), seed=SEED)
    write_jsonl(folder / "train.jsonl", train)
    write_jsonl(folder / "held-out.jsonl", held_out)


def train_side_by_side(folder: Path) -> None:
    """One process and one thread per model, as many at once as there are cores."""
    names = ["llama", "mistral", "qwen"]
    waiting, running = list(names), dict[str, "subprocess.Popen[bytes]"]()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    try:
        while waiting or running:
            while waiting and len(running) < max(1, os.cpu_count() or 1):
                name = waiting.pop(0)
                command = [sys.executable, "-m", __package__, str(folder / name), "--model", name]
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


def train_one(name: str, folder: Path) -> None:
    from transformers.utils.logging import disable_progress_bar

    from .models import CHARACTERS
    from .pretrain import STEPS, pretrain

    disable_progress_bar()
    character = next(character for character in CHARACTERS if character.name == name)

    def report(step: int, loss: float) -> None:
        if step % PROGRESS_STEPS == 0:
            note(f"  pre-training {name}: {step}/{STEPS} steps, loss {loss:.2f}")

    pretrain(character, folder, report)


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the quickstart's miniature world.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", help="pre-train only this model, into FOLDER (used by the build itself)")
    arguments = parser.parse_args()
    if arguments.model is not None:
        train_one(arguments.model, arguments.folder)
    else:
        print(build_world(arguments.folder))


if __name__ == "__main__":
    main()
