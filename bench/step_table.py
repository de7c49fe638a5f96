"""Writes the figures of the step benchmark as a page that can be read without running it."""

from __future__ import annotations

from typing import Any

GOALS = {
    "smollm": "3 x, 0.4 x memory",
    "v32k-long-prompt": "4.5 x",
    "v2k-long-prompt": "2.5 x",
    "v2k-long-response": "1.6 x",
}
INTRO = """# The training step against TRL

`npm run bench -- step --smollm DIR --pairs FILE.json` (one thread, float32, r = 8 adapters on q_proj and v_proj, AdamW,
clipping at 1; same weights, token ids, order and reference log-probs; a fresh process per side, and the two take their
steps in turn). CPU seconds of the process a pair, for training alone, without the first step of each side; peak memory
is the process's largest resident size, libraries included. "Prototype" is the shared prompt done the obvious way: one
row with a dense mask through transformers' own layers, with our head. mrpo sets `THP_MEM_ALLOC_ENABLE` for itself.
Losses of all steps agreed to 1e-4 in every case, or the case would have no figures.
"""

TRIED = """The rest is small work between the products: at width 256 a matrix product lasts 0.1 to 1 ms, and
everything around it (softmax, norms, rotary positions, activations, the blocks of attention) is memory
traffic and calls. What was tried:

- Attention in blocks of 48, 64, 80, 96, 128 queries (SmolLM2's shapes, ms a layer and pair, medians of 12 in turn):
  26.1, 26.7, 28.4, 29.7, 32.1. 64 stays: at width 256 it is as good as 48 or better.
- Attention that recomputes its probabilities in the backward pass and keeps only row sums, all in one small buffer:
  7.7 + 14.3 ms forward and backward against 6.4 + 10.1 ms (P, C, R = 122, 203, 193). Probabilities of a layer in one
  allocation: no difference. torch's own flash kernel: 4.6 + 11.4 ms against 4.0 + 5.9 ms for a causal row of 325.
- oneDNN instead of MKL for the linear layers, weights reordered beforehand: 76 to 85 GFLOP/s against 83 to 94; the
  fused multiply-add limit of this core is 100.
- torch.compile for activations, norms and the passes over logits, at SmolLM2's shapes: 1.0 ms instead of 1.8 ms for
  the gradient of the gated activation, little for the rest; 1 % of a step, for 25 s of compiling. At width 256: 0.55 ms
  instead of 0.45 ms forward.
- RMSNorm by `vector_norm` instead of squares and their mean: 0.22 ms instead of 0.50 ms a call, but it rounds
  otherwise than the models do, and the float32 gradients of one architecture then differ by 2.8e-5 (limit 1e-5).
  Not taken.
- The gradient of SiLU by `aten::silu_backward`: 2.40 ms against 2.48 ms at SmolLM2's shape, 0.73 ms against 0.63 ms
  at width 256. Not taken.
- Large pages (taken): 109 s of CPU instead of 116 s for SmolLM2's 24 pairs, 116 page faults after the first step
  instead of 109,000, for 4 % more memory.
- glibc told to keep freed memory (`M_TRIM_THRESHOLD`, `M_MMAP_THRESHOLD`): no gain once a run is warm (1 to 400
  page faults a pair by itself), and blocks that grow the heap without end, for `posix_memalign` cannot reuse one of
  its exact size. Not taken.
"""


def document(results: dict[str, Any]) -> str:
    parts = [INTRO]
    if "agree" in results:
        agree = results["agree"]["figures"]
        worst = f"{agree['difference']:.1e}"
        parts.append(f"Same result first: over {agree['steps']} steps the losses differ by at most {worst}.\n")
    compared = [name for name in GOALS if name in results]
    if compared:
        parts.append(_speed(results, compared))
        parts.append(_limit(results, compared))
    half = [name for name in results if name.endswith("-bf16")]
    if half:
        parts.append(_half(results, half))
    if "end-to-end" in results:
        parts.append(_end_to_end(results["end-to-end"]["figures"]))
    if "memory" in results:
        parts.append(_memory(results["memory"]["figures"]))
    machines = sorted({f"- {name}: {entry['machine']}" for name, entry in results.items()})
    parts.append("## Machine\n\n" + "\n".join(machines) + "\n")
    return "\n".join(parts)


def _speed(results: dict[str, Any], names: list[str]) -> str:
    lines = [
        "| case | pairs | TRL, s | prototype, s | mrpo, s | faster | goal | TRL, GB | mrpo, GB | memory "
        "| losses differ by |",
        "|---|---:|---:|---:|---:|---:|---|---:|---:|---:|---:|",
    ]
    for name in names:
        f = results[name]["figures"]
        faster = f"**{f['peer'] / f['ours']:.2f} x**"
        lines.append(
            f"| {name} | {f['pairs']} | {f['peer']:.3f} | {f['prototype']:.3f} | {f['ours']:.3f} "
            f"| {faster} | {GOALS[name]} "
            f"| {f['peer_bytes'] / 1e9:.2f} | {f['ours_bytes'] / 1e9:.2f} | {f['ours_bytes'] / f['peer_bytes']:.2f} x "
            f"| {f['difference']:.0e} |"
        )
    return "\n".join(lines) + "\n"


def _limit(results: dict[str, Any], names: list[str]) -> str:
    kinds = list(results[names[0]]["figures"]["shares"])
    lines = [
        "## How near the limit",
        "",
        "The limit is the time of the base model's matrix products alone, in a process that takes turns with the rest:",
        "linear layers (forward, and by the activations; the prompt once, the head and the end of the last layer on",
        "response tokens) and attention (two products forward, four backward, for visible tokens only). The right half",
        "is a profile of one step.",
        "",
        "| case | linear, s | attention, s | mrpo, s | share of the limit | " + " | ".join(kinds) + " |",
        "|---|---:|---:|---:|---:|" + "---:|" * len(kinds),
    ]
    for name in names:
        f = results[name]["figures"]
        shares = " | ".join(f"{100 * f['shares'][kind]:.0f} %" for kind in kinds)
        linear, attention, ours = f["limit"]["linear"], f["limit"]["attention"], f["ours"]
        reached = f"{100 * (linear + attention) / ours:.0f} %"
        lines.append(f"| {name} | {linear:.3f} | {attention:.3f} | {ours:.3f} | {reached} | {shares} |")
    return "\n".join(lines) + "\n\n" + _room(results) + TRIED


def _half(results: dict[str, Any], names: list[str]) -> str:
    lines = [
        "## In bfloat16",
        "",
        "The base model in bfloat16, the adapter in float32, on a processor with units for it. TRL with bf16=True;",
        "mrpo in float32 takes turns with the rest. The limit: linear layers in bfloat16, attention in float32. The",
        "last two columns: how far a step's loss is from that in float32, at most; nearer than TRL's, or there are no",
        "figures.",
        "",
        "| case | TRL, s | mrpo float32, s | mrpo, s | TRL / mrpo | float32 / mrpo | limit, s | share of the limit "
        "| TRL off by | mrpo off by |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name in names:
        f = results[name]["figures"]
        limit = f["limit"]["linear"] + f["limit"]["attention"]
        lines.append(
            f"| {name} | {f['peer']:.3f} | {f['float32']:.3f} | {f['ours']:.3f} | **{f['peer'] / f['ours']:.2f} x** "
            f"| {f['float32'] / f['ours']:.2f} x | {limit:.3f} | {100 * limit / f['ours']:.0f} % "
            f"| {f['errors']['peer']:.0e} | {f['errors']['ours']:.0e} |"
        )
    return "\n".join(lines) + "\n"


def _room(results: dict[str, Any]) -> str:
    """What the goal of the real model leaves between itself and the limit."""
    if "smollm" not in results:
        return ""
    f = results["smollm"]["figures"]
    limit = f["limit"]["linear"] + f["limit"]["attention"]
    return (
        f"SmolLM2 three times as fast as TRL would be {f['peer'] / 3:.2f} s a pair; the matrix products alone take\n"
        f"{limit:.2f} s. What share of TRL's time they take decides what can be reached, and that depends on the\n"
        "machine: the faster its products, the larger the factor.\n\n"
    )


def _end_to_end(f: dict[str, Any]) -> str:
    once = f["scoring"] + f["ours"]
    three = f["scoring"] + 3 * f["ours"]
    return f"""## End to end with three references

TRL's trainer scores three references in every step (its own scoring forward); mrpo scores each once and keeps that.
CPU seconds a pair; the row of three epochs is the measured epoch times three, with one scoring for mrpo.

| epochs | TRL online, s | mrpo scoring, s | mrpo training, s | faster |
|---:|---:|---:|---:|---:|
| 1 | {f["peer"]:.3f} | {f["scoring"]:.3f} | {f["ours"]:.3f} | **{f["peer"] / once:.2f} x** |
| 3 | {3 * f["peer"]:.3f} | {f["scoring"]:.3f} | {3 * f["ours"]:.3f} | **{3 * f["peer"] / three:.2f} x** |
"""


def _memory(rows: list[dict[str, Any]]) -> str:
    layouts = [key for key in rows[0] if key != "tokens"]
    lines = [
        "## Memory against tokens",
        "",
        "One step on one pair, prompt = chosen = rejected, V = 32000, 6 layers of width 256. GB, whole process.",
        "",
        "| tokens | " + " | ".join(layouts) + " |",
        "|---:|" + "---:|" * len(layouts),
    ]
    for row in rows:
        lines.append(f"| {row['tokens']} | " + " | ".join(f"{row[layout] / 1e9:.2f}" for layout in layouts) + " |")
    return "\n".join(lines) + "\n"
