"""8-bit layers: bitsandbytes' own numbers, freed by recomputation, counted, and the same for a pair in any company."""

from __future__ import annotations

import bitsandbytes as bnb
import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from torch.profiler import ProfilerActivity, profile

from py_backend.engine import TokenPair, build_engine
from py_backend.engine.eight_bit_product import eight_bit_layers, install
from py_backend.engine.memory import saved_bytes

from .tiny import PAIRS, model

PAIR = TokenPair([i % 80 for i in range(40)], [i % 79 for i in range(30)], [7 * i % 78 for i in range(30)])


def layer(inputs: int, outputs: int, bias: bool) -> nn.Module:
    torch.manual_seed(3)
    made = bnb.nn.Linear8bitLt(inputs, outputs, bias=bias, has_fp16_weights=False, threshold=6.0)
    made.weight = bnb.nn.Int8Params(torch.randn(outputs, inputs), requires_grad=False, has_fp16_weights=False).to("cpu")
    return made


def quantised_policy() -> nn.Module:
    base = model("llama", torch.float32, hidden_size=128, intermediate_size=384)
    base.requires_grad_(False)
    for name, module in list(base.named_modules()):
        if isinstance(module, nn.Linear) and name != "lm_head":
            base.set_submodule(name, layer(module.in_features, module.out_features, bias=False))
    base.is_loaded_in_8bit = True
    return get_peft_model(base, LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)).train()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("bias", [True, False])
def test_the_numbers_are_those_of_bitsandbytes_in_training_on_a_cpu(dtype: torch.dtype, bias: bool) -> None:
    own, ours = layer(48, 32, bias).train(), layer(48, 32, bias)
    install(ours)
    x = torch.randn(5, 48, generator=torch.Generator().manual_seed(4)).to(dtype)
    results = []
    for module in (own, ours):
        given = x.clone().requires_grad_()
        out = module(given)
        out.sum().backward()
        results.append((out.detach(), given.grad))
    assert torch.equal(results[0][0], results[1][0]) and torch.equal(results[0][1], results[1][1])


def test_evaluation_and_training_give_the_same() -> None:
    ours = layer(48, 32, True)
    install(ours)
    x = 20 * torch.randn(5, 48)  # beyond the threshold where bitsandbytes treats columns in another way
    assert torch.equal(ours.train()(x), ours.eval()(x))
    torch.testing.assert_close(ours(x)[:2], ours(x[:2]), rtol=1e-5, atol=1e-4)  # alone and in company


@pytest.mark.parametrize("checkpointing", ["off", "full"])
def test_what_a_forward_holds_is_what_is_counted(checkpointing: str) -> None:
    policy = quantised_policy()
    engine = build_engine(policy, checkpointing=checkpointing)
    assert len(eight_bit_layers(policy)) == 21
    counted = saved_bytes(policy, lambda: engine._forward([PAIR]))
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as run:
        kept = engine.forward([PAIR], grad=True)
    held = sum(event.self_cpu_memory_usage for event in run.key_averages())
    assert kept.requires_grad and held == pytest.approx(counted, rel=0.2)


def test_recomputation_frees_it() -> None:
    policy = quantised_policy()
    engine = build_engine(policy)
    kept = {}
    for mode in ("off", "full"):
        engine.set_checkpointing(mode)
        kept[mode] = saved_bytes(policy, lambda: engine.forward(PAIRS[:1], grad=True))
    assert kept["full"] < 0.4 * kept["off"]
