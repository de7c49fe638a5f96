"""Every kind of start adapter: mrpo opens it as PEFT does, an untrained policy on it is its reference (loss ln 2), and
what is exported after two updates is what was trained, read by PEFT and transformers alone."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from _pytest.mark.structures import ParameterSet
from peft import LoraConfig
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from py_backend.engine import Engine, TokenPair, build_engine
from py_backend.export import ExportSpec, export
from py_backend.faults import Fault
from py_backend.models.adapter_rules import FOLLOWED, REFUSED, WITHOUT_EFFECT
from py_backend.models.load import Loaded, load_model
from py_backend.models.source import find_source
from py_backend.models.spec import ModelSpec
from py_backend.progress import silent
from py_backend.roots import Roots
from py_backend.tests.adapter_kinds import KINDS, VOCABULARY, Kind, Maker, make_adapter, make_base, peft_alone
from py_backend.training.policy import LoraSpec, Policy, check_policy, create_policy
from py_backend.training.proof import log_probs
from tiny_models import tiny_model

NATS = 1e-4
LORA = LoraSpec(r=2, alpha=4, dropout=0.2, target_modules=("q_proj", "up_proj"))
EVERYWHERE = LoraSpec(r=2, alpha=4, dropout=0.0, target_modules=("q_proj", "embed_tokens", "lm_head"))
PAIRS = [
    TokenPair(prefix=[5, 3, 7, 1], chosen=[9, 3, 22, 7], rejected=[30, 4]),
    TokenPair(prefix=[8, 2, 39], chosen=[17, 12], rejected=[9, 9, 1, 3, 26]),
]
TIED = {"tied": True, "untied": False}


def _cases() -> tuple[list[ParameterSet], list[ParameterSet]]:
    """Every pair of kind, tying and way of training (LoRA on float32, LoRA on NF4, all weights), in half of all
    combinations: the two LoRA ways of a kind differ in tying, and which of them is tied changes from kind to kind."""
    adapters, whole = [], []
    for number, kind in enumerate(KINDS):
        tied, also = number % 2 == 0, number % 4 < 2
        for way, ties in (("none", tied), ("nf4", not tied)):
            adapters.append(pytest.param(kind, ties, way, id=f"{kind.name}-{'tied' if ties else 'untied'}-{way}"))
        whole.append(pytest.param(kind, also, id=f"{kind.name}-{'tied' if also else 'untied'}"))
    return adapters, whole


ADAPTERS, WHOLE = _cases()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    home = tmp_path_factory.mktemp("adapters")
    bases = {tied: make_base(home / name, tiny_model("qwen2"), tied=tied) for name, tied in TIED.items()}
    done: dict[tuple[str, bool], Path] = {}

    def make(kind: Kind, tied: bool) -> tuple[Path, Path]:
        if (kind.name, tied) not in done:
            done[kind.name, tied] = make_adapter(kind, bases[tied], home / f"{kind.name}-{tied}")
        return bases[tied], done[kind.name, tied]

    return make


def load(base: Path, adapter: Path | None, quantization: str = "none") -> Loaded:
    spec = ModelSpec(str(base), adapter=str(adapter or ""), quantization=quantization)
    loaded = load_model(spec, find_source(spec, Roots()), torch.device("cpu"))
    build_engine(loaded.model)
    return loaded


def loss(now: list[float], start: list[float]) -> float:
    """Mean DPO loss with beta 1."""
    margins = [n - s for n, s in zip(now, start, strict=True)]
    return sum(math.log1p(math.exp(rejected - chosen)) for chosen, rejected in _pairs(margins)) / len(PAIRS)


def _pairs(values: list[float]) -> Iterator[tuple[float, float]]:
    return zip(values[0::2], values[1::2], strict=True)


def train(policy: Policy, engine: Engine) -> None:
    """Two updates, in training mode, for the chosen answers."""
    optimizer = torch.optim.AdamW(policy.parameters(), lr=0.02)
    torch.manual_seed(1)
    for _ in range(2):
        policy.model.train()
        logps = engine.forward(PAIRS, grad=True)
        logps.backward(torch.tensor([-1.0, 1.0] * len(PAIRS), dtype=logps.dtype))
        optimizer.step()
        optimizer.zero_grad()
        policy.updates += 1
    policy.model.eval()


def start_policy(loaded: Loaded, lora: LoraSpec | None) -> tuple[Policy, Engine]:
    """An untrained policy, whose loss against its own start is ln 2, in training mode too."""
    check_policy(loaded, lora)
    policy = create_policy(loaded, lora, seed=0)
    loaded.model = policy.model
    engine = build_engine(policy.model)
    policy.model.train()
    torch.manual_seed(0)
    now = engine.forward(PAIRS, grad=True).tolist()
    policy.model.eval()
    with policy.off():
        start = engine.forward(PAIRS, grad=False).tolist()
    assert loss(now, start) == pytest.approx(math.log(2), abs=1e-6)
    return policy, engine


def whole_model(folder: Path) -> torch.nn.Module:
    return AutoModelForCausalLM.from_pretrained(folder).eval()


NF4 = {
    "quantization_config": BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.float32,
    )
}


@pytest.mark.parametrize(("kind", "tied", "quantization"), ADAPTERS)
def test_a_policy_on_any_adapter_is_exported_as_it_was_trained(
    made: Maker, tmp_path: Path, kind: Kind, tied: bool, quantization: str
) -> None:
    base, adapter = made(kind, tied)
    if kind.not_quantised and quantization == "nf4" and kind.name != "mica":
        with pytest.raises(Fault, match="init_lora_weights") as caught:
            load(base, adapter, quantization)
        assert caught.value.reason == "UNSUPPORTED"
        return
    loaded = load(base, adapter, quantization)
    options = NF4 if quantization == "nf4" else {}
    if not kind.not_quantised or quantization == "none":
        assert log_probs(loaded.model, PAIRS) == pytest.approx(
            log_probs(peft_alone(kind, base, adapter, **options), PAIRS), abs=NATS
        )
    policy, engine = start_policy(loaded, LORA)
    begun = log_probs(policy.model, PAIRS)
    train(policy, engine)
    trained = log_probs(policy.model, PAIRS)
    assert trained != pytest.approx(begun, abs=0.05)
    assert engine.forward(PAIRS, grad=False).tolist() == pytest.approx(trained, abs=NATS)

    exported = export(loaded, policy, ExportSpec(str(tmp_path / "adapter"), pairs=PAIRS), Roots(), silent)
    assert exported.difference is not None and exported.difference <= NATS
    reopened = log_probs(peft_alone(kind, base, exported.path, **options), PAIRS)
    assert reopened == pytest.approx(trained, abs=NATS)
    again = load(base, exported.path, quantization)  # an export is a start adapter like any other
    assert log_probs(again.model, PAIRS) == pytest.approx(trained, abs=NATS)

    merge = ExportSpec(str(tmp_path / "merged"), merge=True, pairs=PAIRS)
    if kind.unmergeable:
        with pytest.raises(Fault, match="lora_bias") as caught:
            export(loaded, policy, merge, Roots(), silent)
        assert caught.value.reason == "UNSUPPORTED"
    else:
        merged = export(loaded, policy, merge, Roots(), silent)
        assert merged.difference is not None and merged.difference <= NATS
        assert log_probs(whole_model(merged.path), PAIRS) == pytest.approx(trained, abs=NATS)
    assert log_probs(policy.model, PAIRS) == trained  # writing and proving leave the policy as it was


@pytest.mark.parametrize(("kind", "tied"), WHOLE)
def test_all_weights_are_trained_from_any_adapter(made: Maker, tmp_path: Path, kind: Kind, tied: bool) -> None:
    base, adapter = made(kind, tied)
    loaded = load(base, adapter)
    if kind.unmergeable:
        with pytest.raises(Fault, match="lora_bias"):
            start_policy(loaded, None)
        return
    begun = log_probs(loaded.model, PAIRS)
    policy, engine = start_policy(loaded, None)
    assert log_probs(policy.model, PAIRS) == pytest.approx(begun, abs=NATS)
    train(policy, engine)
    trained = log_probs(policy.model, PAIRS)
    assert engine.forward(PAIRS, grad=False).tolist() == pytest.approx(trained, abs=NATS)
    whole = export(loaded, policy, ExportSpec(str(tmp_path / "model"), merge=True, pairs=PAIRS), Roots(), silent)
    assert whole.difference is not None and whole.difference <= NATS
    assert log_probs(whole_model(whole.path), PAIRS) == pytest.approx(trained, abs=NATS)


@pytest.mark.parametrize(
    ("kind", "tied"),
    [(None, True), (None, False), *((kind, True) for kind in KINDS if kind.name in ("dora", "embedding"))],
)
def test_embeddings_and_head_are_trained_like_other_modules(
    made: Maker, tmp_path: Path, kind: Kind | None, tied: bool
) -> None:
    base, adapter = made(kind or KINDS[0], tied)
    loaded = load(base, adapter if kind else None)
    policy, engine = start_policy(loaded, EVERYWHERE)
    assert {"model.embed_tokens", "lm_head"} <= set(policy.trained_modules())
    train(policy, engine)
    moved = {name for name, value in policy.model.named_parameters() if value.requires_grad and value.abs().sum() > 0}
    assert any("lora_embedding_A" in name for name in moved) and any("lm_head.lora_B" in name for name in moved)
    trained = log_probs(policy.model, PAIRS)
    exported = export(loaded, policy, ExportSpec(str(tmp_path / "adapter"), pairs=PAIRS), Roots(), silent)
    assert log_probs(peft_alone(KINDS[0], base, exported.path), PAIRS) == pytest.approx(trained, abs=NATS)
    merged = export(loaded, policy, ExportSpec(str(tmp_path / "merged"), merge=True, pairs=PAIRS), Roots(), silent)
    assert log_probs(whole_model(merged.path), PAIRS) == pytest.approx(trained, abs=NATS)


def test_a_base_that_is_stored_in_4_bits_is_merged_as_it_was_trained(made: Maker, tmp_path: Path) -> None:
    base, adapter = made(KINDS[0], True)
    stored = Path(shutil.copytree(base, tmp_path / "stored", ignore=shutil.ignore_patterns("*.safetensors")))
    AutoModelForCausalLM.from_pretrained(base, **NF4).save_pretrained(stored)
    loaded = load(stored, adapter)
    policy, engine = start_policy(loaded, LORA)
    train(policy, engine)
    trained = log_probs(policy.model, PAIRS)
    merged = export(loaded, policy, ExportSpec(str(tmp_path / "merged"), merge=True, pairs=PAIRS), Roots(), silent)
    assert "quantization_config" not in json.loads((merged.path / "config.json").read_text())
    assert log_probs(whole_model(merged.path), PAIRS) == pytest.approx(trained, abs=NATS)


def test_every_field_of_an_adapters_configuration_has_a_rule() -> None:
    """Fails when a new version of PEFT knows a setting that nobody has thought about."""
    assert {each.name for each in fields(LoraConfig)} == FOLLOWED | WITHOUT_EFFECT | REFUSED
    assert VOCABULARY == 40
