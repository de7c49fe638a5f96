"""NF4 numbers are those of the dequantised weights, whatever instructions bitsandbytes finds: in scoring, training,
evaluation and generation, with weights written out once or in every pass."""

from __future__ import annotations

import math

import bitsandbytes as bnb
import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM

from py_backend.engine import TokenPair, UnsupportedModel, build_engine, four_bit_kernel
from py_backend.engine.fused import dequantised, has_packed_weights
from py_backend.generation import EncodedPrompt, Sampling, generate
from py_backend.models.load import Loaded, load_model
from py_backend.models.source import find_source
from py_backend.models.spec import ModelSpec
from py_backend.roots import Roots
from py_backend.tests.engine.tiny import own_logps
from py_backend.tokens.encode import TextEncoder
from py_backend.training.policy import LoraSpec, create_policy
from tiny_models import tiny_model

NATS = 1e-4
PAIRS = [
    TokenPair([1, 7, 9, 11, 30, 2], [40, 41, 42, 43, 8], [50, 51, 52]),
    TokenPair([1, 5], [60, 61], [70, 71, 72, 73, 74, 75, 76]),
]
TEXTS = ("The cat", "What is two plus two? Answer:", "Hello")


@pytest.fixture(params=[True, False], ids=["avx512-bf16", "without"])
def units(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What bitsandbytes believes of the processor."""
    monkeypatch.setattr(bnb.nn.modules, "has_avx512bf16", lambda: request.param)


def load(name: str = "llama") -> Loaded:
    spec = ModelSpec(source=str(tiny_model(name)), quantization="nf4", dtype="float32")
    return load_model(spec, find_source(spec, Roots()), torch.device("cpu"))


@pytest.mark.numeric
@pytest.mark.parametrize("shape", [(64, 64), (64, 96), (32, 48), (8, 40), (5, 66), (7, 130), (5, 31), (64, 1000)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_blocks_run_over_the_whole_matrix(shape: tuple[int, int], dtype: torch.dtype) -> None:
    four_bit_kernel.mend()
    torch.manual_seed(1)
    layer = bnb.nn.Linear4bit(*reversed(shape), bias=False, quant_type="nf4", compute_dtype=dtype)
    layer = layer.to("cpu")
    got = bnb.functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state).to(dtype)
    assert got.shape == shape
    torch.testing.assert_close(
        got, by_definition(layer).to(dtype), rtol=2**-8 if dtype == torch.bfloat16 else 0, atol=0
    )


def by_definition(layer: nn.Module) -> torch.Tensor:
    """[O, I] float32: code[nibble] * scale of its block of 64; the scales too are coded, by 256, plus a mean."""
    state = layer.weight.quant_state
    packed = layer.weight.data.reshape(-1).to(torch.int64)
    nibbles = torch.stack([packed >> 4, packed & 15], dim=1).reshape(-1)
    blocks = torch.arange(len(state.absmax))
    scales = (
        state.state2.code[state.absmax.long()] * state.state2.absmax[blocks // state.state2.blocksize] + state.offset
    )
    flat = state.code[nibbles] * scales.repeat_interleave(state.blocksize)[: len(nibbles)]
    return flat[: state.shape.numel()].view(state.shape)


def reference(loaded: Loaded) -> nn.Module:
    """The same model of plain layers with the dequantised weights, in transformers alone."""
    plain = AutoModelForCausalLM.from_pretrained(loaded.source.folder, dtype=torch.float32)
    with torch.no_grad():
        for name, layer in loaded.base.named_modules():
            if type(layer).__name__ == "Linear4bit":
                plain.get_submodule(name).weight.copy_(by_definition(layer))
    return plain.eval()


@pytest.mark.numeric
@pytest.mark.parametrize("written_out", [True, False], ids=["written-out", "packed"])
@pytest.mark.parametrize("name", ["llama", "mistral"])  # in_features 64 and 96, 48 and 96: not all whole blocks
def test_every_number_is_that_of_the_dequantised_weights(
    units: None, monkeypatch: pytest.MonkeyPatch, name: str, written_out: bool
) -> None:
    monkeypatch.setattr(dequantised, "SHARE", 0.25 if written_out else 0.0)
    loaded = load(name)
    plain = reference(loaded)
    expected = own_logps(plain, PAIRS).detach()
    engine = build_engine(loaded.model)
    assert has_packed_weights(loaded.model) == (not written_out)
    loaded.model.eval()
    scored = engine.forward(PAIRS, grad=False)
    assert float((scored - expected).abs().max()) <= NATS

    assert texts(loaded) == greedy(plain, loaded)

    policy = create_policy(loaded, LoraSpec(r=4, alpha=8.0, dropout=0.0, target_modules=("all-linear",)), 1)
    engine = build_engine(policy.model)
    policy.model.train()
    trained = engine.forward(PAIRS, grad=True)
    assert torch.equal(trained.detach(), scored)
    trained.sum().backward()
    policy.model.eval()
    assert torch.equal(engine.forward(PAIRS, grad=False), scored)


def texts(loaded: Loaded) -> list[str]:
    found: dict[int, str] = {}
    encoder = TextEncoder(loaded.tokenizer)
    prompts = [EncodedPrompt(loaded.tokenizer(text)["input_ids"], ends=(), room=math.inf) for text in TEXTS]
    sampling = Sampling(max_new_tokens=8, temperature=0.0, top_p=1.0, seed=0)
    generate(loaded, encoder, prompts, sampling, lambda one: found.update({one.index: one.text}), lambda: None)
    return [found[index] for index in range(len(TEXTS))]


@torch.no_grad()
def greedy(plain: nn.Module, loaded: Loaded) -> list[str]:
    """Token by token, without a cache."""
    found = []
    for text in TEXTS:
        ids = loaded.tokenizer(text)["input_ids"]
        start = len(ids)
        while len(ids) - start < 8 and loaded.tokenizer.eos_token_id not in ids[start:]:
            ids.append(int(plain(torch.tensor([ids])).logits[0, -1].argmax()))
        found.append(loaded.tokenizer.decode(ids[start:], skip_special_tokens=True))
    return found


def test_weights_that_were_repacked_before_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load()
    layer = next(iter(dequantised.four_bit_layers(loaded.model)))
    layer.weight.quant_state.packing_format_for_cpu = True
    with pytest.raises(UnsupportedModel, match="repacked"):
        build_engine(loaded.model)
