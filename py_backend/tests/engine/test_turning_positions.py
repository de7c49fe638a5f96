"""Rotary positions that depend on the longest sequence of a row: each response is read by its own length."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch

from py_backend.engine import TokenPair, build_engine

from .tiny import model, tokens

SHORT = TokenPair(tokens(31, 20), tokens(32, 9), tokens(33, 5))
STRADDLING = TokenPair(tokens(34, 20), tokens(35, 40), tokens(36, 12))
EXACT = TokenPair(tokens(40, 20), tokens(41, 12), tokens(42, 11))  # one of them as long as the limit
LONG = TokenPair(tokens(37, 40), tokens(38, 9), tokens(39, 50))
PAIRS = (LONG, EXACT, SHORT, STRADDLING)
LIMIT = 32
KINDS = {
    "longrope": {"short_factor": [1.0] * 4, "long_factor": [4.0] * 4, "original_max_position_embeddings": LIMIT},
    "dynamic": {},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_response_has_the_frequencies_of_its_own_length(kind: str) -> None:
    rope = {"rope_type": kind, "rope_theta": 10000.0, "factor": 4.0, **KINDS[kind]}
    reach = LIMIT if kind == "dynamic" else 4 * LIMIT
    policy = model("llama", rope_parameters=rope, max_position_embeddings=reach).eval()
    expected = [own_logp(policy, pair.prefix, branch) for pair in PAIRS for branch in (pair.chosen, pair.rejected)]
    engine = build_engine(policy)
    for pairs in (PAIRS, PAIRS[::-1]):
        found = engine.forward(pairs, grad=False).reshape(-1, 2)
        ordered = found if pairs is PAIRS else found.flip(0)
        assert ordered.flatten().tolist() == pytest.approx(expected, rel=1e-6)
    assert engine.layout == "shared"


def test_scales_by_the_place_in_a_row_keep_responses_apart() -> None:
    """Llama 4: from a length on that is beyond what the self-check reads."""
    policy = model("llama4", torch.float32).eval()
    long = TokenPair(tokens(51, 40), tokens(52, 50), tokens(53, 45))
    expected = [own_logp(policy, long.prefix, branch) for branch in (long.chosen, long.rejected)]
    engine = build_engine(policy)
    assert engine.forward([long], grad=False).tolist() == pytest.approx(expected, rel=1e-5)
    assert "place in the row" in engine.layout_note


@torch.no_grad()
def own_logp(policy: torch.nn.Module, prefix: list[int], branch: list[int]) -> float:
    """By the model's own forward, on a copy that has read nothing before."""
    logits = deepcopy(policy)(input_ids=torch.tensor([prefix + branch]), use_cache=False).logits[0]
    predicted = logits[len(prefix) - 1 : -1].log_softmax(-1)
    return float(predicted.gather(1, torch.tensor(branch)[:, None]).sum())
