"""4-bit weights written out once: bitsandbytes' own numbers, with a copy of the weights only where memory allows."""

from __future__ import annotations

import bitsandbytes as bnb
import pytest
import torch
from torch import nn

from py_backend.engine import build as build_module
from py_backend.engine import build_engine, four_bit_kernel
from py_backend.engine.fused import dequantised, has_packed_weights

from .tiny import PAIRS, gradients, largest_relative_difference, model, own_logps, with_adapter


def _quantised(name: str) -> nn.Module:
    """Every linear layer but the head in NF4 with double quantisation, an adapter on all of them."""
    four_bit_kernel.mend()
    base = model(name, torch.float32)
    for key, module in list(base.named_modules()):
        if isinstance(module, nn.Linear) and key != "lm_head":
            layer = bnb.nn.Linear4bit(
                module.in_features, module.out_features, bias=module.bias is not None, compute_dtype=torch.float32
            )
            layer.weight = bnb.nn.Params4bit(module.weight.data, False, quant_type="nf4", compress_statistics=True)
            layer.bias = module.bias
            base.set_submodule(key, layer.to("cpu"))
    base.is_loaded_in_4bit = True
    return with_adapter(base)


@pytest.mark.parametrize("name", ["llama", "qwen2"])  # without and with biases
def test_numbers_are_those_of_bitsandbytes(name: str) -> None:
    policy = _quantised(name)
    own = own_logps(policy, PAIRS)
    own, own_gradients = own.detach(), gradients(policy, own)
    engine = build_engine(policy)
    layers = dequantised.four_bit_layers(policy)
    assert len(layers) == 21
    assert all(dequantised.plain_weight(layer) is not None for layer in layers)
    assert not has_packed_weights(policy)
    logps = engine.forward(PAIRS, grad=True)
    assert float(((logps.detach() - own) / own).abs().max()) <= 1e-5
    assert largest_relative_difference(gradients(policy, logps), own_gradients) <= 1e-5
    assert not any(key.endswith("dequantised") for key in policy.state_dict())


def test_a_later_engine_without_room_takes_them_away_again() -> None:
    policy = _quantised("llama")
    before = build_engine(policy).forward(PAIRS, grad=False)
    assert not has_packed_weights(policy)
    engine = build_engine(policy, write_out=False)
    assert not any(map(dequantised.is_written_out, dequantised.four_bit_layers(policy)))
    assert float(((engine.forward(PAIRS, grad=False) - before) / before).abs().max()) <= 1e-5


def test_where_memory_is_short_the_layers_work_as_they_did(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = _quantised("llama")
    needed = dequantised.written_out_bytes(dequantised.four_bit_layers(policy))
    monkeypatch.setattr(build_module, "free_bytes", lambda _device: int(needed / dequantised.SHARE) - 1)
    engine = build_engine(policy)
    assert all(dequantised.plain_weight(layer) is None for layer in dequantised.four_bit_layers(policy))
    assert has_packed_weights(policy)
    own = own_logps(policy, PAIRS).detach()
    assert float(((engine.forward(PAIRS, grad=False) - own) / own).abs().max()) <= 1e-5
