"""The training step against TRL's DPOTrainer. Run by `npm run bench -- step`.

    agree             20 steps: losses must agree to 1e-4, else no figure counts
    smollm            SmolLM2-135M-Instruct on conversations (--smollm DIR --pairs FILE.json), rows up to 640 tokens
    v32k-long-prompt  6-layer model of width 256, V = 32000, prompts of about 256 tokens, responses of about 96
    v2k-long-prompt   the same with V = 2048
    v2k-long-response V = 2048, prompts of about 96 tokens, responses of about 192
    smollm-bf16       as smollm, the base model in bfloat16; with mrpo in float32 beside it in turn. Both bf16 cases
                      run where the processor has units for it
    v2k-bf16          as v2k-long-prompt, in the same way
    end-to-end        three references: scored once and trained on, against scored in every step (V = 32000)
    memory            peak memory against tokens, by layout (V = 32000)

All sides: same weights, adapter, token ids, order, batch, AdamW, clipping, one thread; a fresh process each, which take
their steps in turn, so that a slow minute of the machine slows all. Figures are CPU seconds of the process. The cases
with goals have two more sides, step_prototype.py and step_limit.py.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
sys.path[:0] = [str(BENCH)]
from step_cases import conversation_rows, random_rows, small_llama, untrained_adapter, write_case  # noqa: E402
from step_table import document  # noqa: E402
from step_turns import Player, alternate, start  # noqa: E402

CACHE = ROOT / ".cache" / "bench"
TRL = "1.16.0"
PEER_ENV = ROOT / ".cache" / f"bench-env-{TRL}"
PEERS = (f"trl=={TRL}", "datasets==5.2.0")
SMALL = {
    "v32k-long-prompt": (32000, 256, 96),
    "v2k-long-prompt": (2048, 256, 96),
    "v2k-long-response": (2048, 96, 192),
    "v2k-bf16": (2048, 256, 96),
}
"""Vocabulary; mean tokens of prompts and of responses."""
CASES = ("agree", "smollm", *SMALL, "smollm-bf16", "end-to-end", "memory")
LOSSES_AGREE = 1e-4
"""In float32. In bfloat16 our losses must be nearer to those in float32 than the peer's are."""
Result = dict[str, Any]


def peer_python() -> Path:
    """The bench environment: sees the project's packages and adds TRL, which never enters the project's own."""
    python = PEER_ENV / "bin" / "python"
    if not python.exists():
        print("installing", *PEERS, file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", PEER_ENV], check=True)
        site = next((PEER_ENV / "lib").glob("python3*")) / "site-packages"
        (site / "project.pth").write_text(str(Path(torch.__file__).parents[1]) + "\n")
        subprocess.run([python, "-m", "pip", "install", "-q", *PEERS], check=True)
    return python


def start_side(side: str, case: Path) -> Player:
    """A fresh process that waits before its first step. float32: our side of a case in another format."""
    python = peer_python() if side == "peer" else Path(sys.executable)
    script, given = side, case
    if side == "float32":
        script, given = "ours", case.with_suffix(".float32.in.json")
        given.write_text(json.dumps(json.loads(case.read_text()) | {"dtype": "float32", "profile": False}))
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    command = [str(python), str(BENCH / f"step_{script}.py"), str(given), str(_out(side, case))]
    player = start(command, environment, _log(side, case))
    if not player.is_waiting():
        _result(player, side, case)
        raise SystemExit(f"step_{side}.py took no step")
    return player


def run(side: str, case: Path) -> Result:
    """One process alone; what it wrote."""
    player = start_side(side, case)
    alternate([player])
    return _result(player, side, case)


def _result(player: Player, side: str, case: Path) -> Result:
    if player.process.wait() != 0:
        raise SystemExit(f"step_{side}.py {case} failed:\n{_log(side, case).read_text()[-3000:]}")
    return json.loads(_out(side, case).read_text())


def _out(side: str, case: Path) -> Path:
    return case.with_suffix(f".{side}.json")


def _log(side: str, case: Path) -> Path:
    return case.with_suffix(f".{side}.log")


def run_sides(case: Path) -> dict[str, Result]:
    """In turn: ours, the peer on our reference log-probs, and in profiled cases the limit, and the prototype or, in
    another format than float32, our side in float32."""
    players = {"ours": start_side("ours", case)}
    settings = json.loads(case.read_text())
    refs = json.loads(_out("ours", case).read_text())["refs"]
    for row, (chosen, rejected) in zip(settings["rows"], refs, strict=True):
        row |= {"ref_chosen": chosen, "ref_rejected": rejected}
    case.write_text(json.dumps(settings))
    other = "prototype" if settings["dtype"] == "float32" else "float32"
    for side in ("peer", other, "limit") if settings.get("profile") else ("peer",):
        players[side] = start_side(side, case)
    alternate(list(players.values()))
    return {side: _result(player, side, case) for side, player in players.items()}


def compare(case: Path, repeats: int) -> Result:
    """CPU seconds a pair are medians over repeats. The first step warms every side up and is left out."""
    runs = [run_sides(case) for _ in range(repeats)]
    first = runs[0]
    ours = first["ours"]
    sides = [side for side in ("peer", "prototype", "float32") if side in first]
    settings = json.loads(case.read_text())
    errors = {side: _apart(first[side], first["float32"]) for side in ("peer", "ours")} if "float32" in first else None
    worst, limit = max(_apart(ours, first[side]) for side in sides), LOSSES_AGREE
    if errors is not None:
        worst, limit = errors["ours"], errors["peer"]
    if not worst <= limit:
        raise SystemExit(f"{case.stem}: losses differ by {worst:.1e}, more than {limit:.0e}: no figure counts")
    pairs = len(settings["rows"]) - settings["batch"]
    figures: Result = {"pairs": pairs, "steps": len(ours["losses"]), "difference": worst}
    for side in ("ours", *sides):
        figures[side] = _median(sum(run[side]["seconds"][1:]) for run in runs) / pairs
        figures[f"{side}_bytes"] = max(run[side]["peak_bytes"] for run in runs)
    if errors is not None:
        figures["errors"] = errors
    figures["scoring"] = _median(run["ours"]["scoring_seconds"] for run in runs) / len(settings["rows"])
    return figures | {"limit": first.get("limit"), "shares": ours.get("shares")}


def _apart(one: Result, other: Result) -> float:
    """The largest difference of a step's loss."""
    return max(abs(a - b) for a, b in zip(one["losses"], other["losses"], strict=True))


def _median(values: Any) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def small_case(name: str, vocabulary: int, prompt: int, response: int, pairs: int, batch: int, **settings: Any) -> Path:
    model = small_llama(CACHE, vocabulary)
    rows = random_rows(pairs, prompt, response, vocabulary)
    return write_case(CACHE / f"{name}.json", model, untrained_adapter(model, CACHE), rows, batch=batch, **settings)


def memory_rows(sizes: tuple[int, ...]) -> list[Result]:
    """Peak memory of one training step on one pair with prompt = chosen = rejected = tokens / 3, by layout."""
    table = []
    layouts = (("shared", "auto", False), ("shared, recomputed", "auto", True), ("plain", "plain", False))
    for tokens in sizes:
        entry: Result = {"tokens": tokens}
        third = tokens // 3
        for label, layout, checkpointing in layouts:
            case = small_case("memory", 32000, third, third, 1, 1, layout=layout, checkpointing=checkpointing)
            settings = json.loads(case.read_text())
            settings["rows"] = random_rows(1, third, third, 32000, spread=0.0)
            settings["score"] = False
            settings["rows"][0] |= {"ref_chosen": -10.4 * third, "ref_rejected": -10.4 * third}
            case.write_text(json.dumps(settings))
            entry[label] = run("ours", case)["peak_bytes"]
        entry["TRL"] = run("peer", case)["peak_bytes"]
        table.append(entry)
    return table


def has_units() -> bool:
    """For bfloat16. Asked of torch: mrpo's own package sets large pages, which the other side must not inherit."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def measure(name: str, options: argparse.Namespace) -> Any:
    half = {"dtype": "bfloat16"} if name.endswith("-bf16") else {}
    if half and not has_units():
        print(f"{name}: this processor has no units for bfloat16", file=sys.stderr)
        return None
    if name == "agree":
        return compare(small_case(name, 2048, 128, 64, 40, 2), 1)
    if name.startswith("smollm"):
        if not options.smollm or not options.pairs:
            return None
        rows = conversation_rows(options.pairs, options.smollm, options.smollm_pairs, 640)
        adapter = untrained_adapter(options.smollm, CACHE)
        settings = {"batch": 2, "profile": True, **half}
        return compare(write_case(CACHE / f"{name}.json", options.smollm, adapter, rows, **settings), 1)
    if name == "end-to-end":
        references = ["", *(str(small_llama(CACHE, 32000, seed)) for seed in (1, 2))]
        return compare(small_case(name, 32000, 256, 96, 24, 8, references=references, online=True), options.repeats)
    if name == "memory":
        return memory_rows((384, 768, 1536, 3072))
    return compare(small_case(name, *SMALL[name], 32, 8, profile=True, **half), options.repeats)


def machine() -> str:
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name")]
    load = f"load average {os.getloadavg()[0]:.1f}"
    return (
        f"{names[0] if names else 'CPU'}, {os.cpu_count()} CPUs, {load}, {platform.system()}, torch {torch.__version__}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="npm run bench -- step", description=__doc__)
    parser.formatter_class = argparse.RawTextHelpFormatter
    parser.add_argument("--cases", default=",".join(CASES), help="comma-separated; the others keep their last figures")
    parser.add_argument("--smollm", type=Path, help="folder of SmolLM2-135M-Instruct")
    parser.add_argument("--pairs", type=Path, help="ShareGPT-style preference file for the smollm case")
    parser.add_argument("--smollm-pairs", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=1, help="alternating repetitions of the small cases")
    options = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    store = CACHE / "results.json"
    results: dict[str, Any] = json.loads(store.read_text()) if store.exists() else {}
    for name in options.cases.split(","):
        started = time.time()
        figures = measure(name, options)
        if figures is not None:
            results[name] = {"figures": figures, "machine": f"{machine()}, TRL {TRL}"}
        store.write_text(json.dumps(results, indent=1))
        print(f"{name}: {time.time() - started:.0f} s", file=sys.stderr)
    target = BENCH / "results" / "step.md"
    target.parent.mkdir(exist_ok=True)
    target.write_text(document(results))
    print(target.read_text())


if __name__ == "__main__":
    main()
