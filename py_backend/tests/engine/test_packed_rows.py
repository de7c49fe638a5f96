"""Responses that share nothing stand in one row without padding, as a GPU computes the plain layout."""

from __future__ import annotations

import pytest
import torch

from py_backend.engine import build, build_engine

from .tiny import PAIRS, gradients, largest_relative_difference, model, own_logps, with_adapter


@pytest.fixture(autouse=True)
def _long_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "wants_long_rows", lambda _device: True)


@pytest.mark.parametrize("name", ["llama", "qwen2-mixed", "gemma3", "gpt2"])
def test_one_row_of_all_responses_equals_the_definition(name: str) -> None:
    policy = with_adapter(model(name))
    engine = build_engine(policy, layout="plain", checkpointing="full")
    assert (engine.layout, engine.packs) == ("plain", True), engine.layout_note
    seen: list[torch.Size] = []
    policy.get_input_embeddings().register_forward_hook(lambda _module, given, _: seen.append(given[0].shape))
    logps = engine.forward(PAIRS, grad=True)
    given = sum(2 * len(pair.prefix) + len(pair.chosen) - 1 + len(pair.rejected) - 1 for pair in PAIRS)
    assert seen == [(1, given)]
    own = own_logps(policy, PAIRS)
    assert float(((logps - own) / own).detach().abs().max()) <= 1e-9
    assert largest_relative_difference(gradients(policy, logps), gradients(policy, own)) <= 1e-9


def test_a_model_that_mixes_what_stands_in_one_row_takes_them_one_by_one() -> None:
    policy = with_adapter(model("llama"))

    def look_back(_module, _arguments, output):
        return output + 0.3 * output.cumsum(1)

    policy.get_base_model().model.layers[1].mlp.register_forward_hook(look_back)
    engine = build_engine(policy)
    assert (engine.layout, engine.packs) == ("plain", False)
    assert "shared rows differ by" in engine.layout_note and "packed rows differ by" in engine.layout_note
    logps, own = engine.forward(PAIRS, grad=False), own_logps(policy, PAIRS).detach()
    assert float(((logps - own) / own).abs().max()) <= 1e-9
