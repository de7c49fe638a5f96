"""What a step holds in memory, and what happens when it does not fit."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch

from py_backend.engine import OutOfMemory, TokenPair, build_engine
from py_backend.engine import engine as engine_module
from py_backend.engine.memory import saved_bytes

from .tiny import PAIRS, model, with_adapter


def _kept(vocabulary: int, response: int) -> int:
    """Bytes between forward and backward of one pair."""
    policy = with_adapter(model("llama", torch.float32, vocab_size=vocabulary, max_position_embeddings=1024))
    engine = build_engine(policy)
    pair = TokenPair([1, 2, 3], [4 + i % 50 for i in range(response)], [5 + i % 50 for i in range(response)])
    return saved_bytes(policy, lambda: engine.forward([pair], grad=True))


def test_memory_of_long_responses_does_not_grow_with_the_vocabulary() -> None:
    small, large = _kept(vocabulary=89, response=200), _kept(vocabulary=8900, response=200)
    assert large <= 1.02 * small
    logits = 2 * 200 * 8900 * 4
    assert large < logits


@pytest.mark.parametrize("checkpointing", ["off", "selective", "full", "auto"])
def test_an_engine_that_has_measured_itself_keeps_no_model_alive(checkpointing: str) -> None:
    policy = with_adapter(model("llama", torch.float32))
    engine = build_engine(policy, checkpointing=checkpointing)
    engine.micro_batch_tokens()
    engine.forward(PAIRS, grad=True).sum().backward()
    weights = [weakref.ref(parameter) for parameter in policy.parameters()]
    del policy, engine
    gc.collect()
    assert [weight() for weight in weights if weight() is not None] == []


def test_recomputation_keeps_less() -> None:
    policy = with_adapter(model("llama", torch.float32))
    engine = build_engine(policy)
    kept = {}
    for mode in ("off", "selective", "full"):
        engine.set_checkpointing(mode)
        kept[mode] = saved_bytes(policy, lambda: engine.forward(PAIRS[:1], grad=True))
    assert kept["off"] > kept["selective"] > kept["full"]


def test_automatic_recomputation_follows_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = build_engine(with_adapter(model("llama", torch.float32)))
    chosen = []
    for free in (10**12, 1):
        monkeypatch.setattr(engine_module, "free_bytes", lambda _device, free=free: free)
        engine.set_checkpointing("auto")
        chosen.append((engine.checkpointing, engine.micro_batch_tokens()))
    assert chosen == [("off", 2048), ("full", 1)]


@pytest.mark.parametrize(
    "failure",
    [
        MemoryError("no more"),
        torch.OutOfMemoryError("no more"),
        RuntimeError("[enforce fail] can't allocate memory"),
        torch.AcceleratorError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_a_call_that_does_not_fit_says_so_and_the_next_one_works(failure: Exception) -> None:
    policy = with_adapter(model("llama"))
    engine = build_engine(policy)
    expected = engine.forward(PAIRS, grad=False)

    def fail(*_arguments):
        raise failure

    handle = policy.get_base_model().model.layers[2].register_forward_pre_hook(fail)
    with pytest.raises(OutOfMemory, match=f"{len(PAIRS)} pairs, "):
        engine.forward(PAIRS, grad=True)
    handle.remove()
    assert torch.equal(engine.forward(PAIRS, grad=False), expected)


@pytest.mark.parametrize("layout", ["auto", "plain"])
def test_a_long_prompt_that_is_read_twice_is_planned_for_twice(layout: str) -> None:
    """The prompt of a pair whose responses stand in rows of their own: always, or past the length where positions
    turn."""
    rope = {"rope_type": "longrope", "rope_theta": 10000.0, "factor": 16.0, "original_max_position_embeddings": 64}
    rope |= {"short_factor": [1.0] * 4, "long_factor": [4.0] * 4}
    turning = {"rope_parameters": rope, "max_position_embeddings": 1024} if layout == "auto" else {}
    policy = with_adapter(model("llama", torch.float32, **{"max_position_embeddings": 1024} | turning))
    engine = build_engine(policy, layout=layout)
    pair = TokenPair([1 + i % 50 for i in range(400)], [3] * 10, [4] * 10)
    held = saved_bytes(policy, lambda: engine.forward([pair], grad=True))
    assert held <= engine.bytes_per_token() * pair.tokens <= 2 * held
    twice = engine.bytes_per_token()
    engine.longest = 64
    assert engine.bytes_per_token() == (twice if layout == "plain" else twice / 2)
