"""Whole answers and written adapters on a fake GPU: what runs on the device, and where the host reads."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers.generation.utils import DeferredStopCheck

from py_backend.generation import EncodedPrompt, Generation, Sampling, generate
from py_backend.models.load import Loaded
from py_backend.tests.cuda.fake_device import on_device
from py_backend.tests.cuda.meter import Meter
from py_backend.tests.cuda.models import put_on_device, tiny_outline, with_adapter
from py_backend.training import policy_files, raw_weights
from py_backend.training.policy import LoraSpec, Policy

TOKENS = 3
ENDED = "utils.py __call__"
"""Where transformers reads whether all answers have ended."""
ONCE_A_CALL = {"utils.py _prepare_special_tokens": 2, "utils.py generate": 2}
"""What it checks of its arguments."""
PROMPTS = [EncodedPrompt([5, 6, 7, 8], (), 100), EncodedPrompt([9, 3], (), 100)]


class Answers(TorchDispatchMode):
    """Answers for single values that code reads on the device: no. The question whether all answers have ended is told
    yes after the last token."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is not torch.ops.aten._local_scalar_dense.default:
            return func(*args, **(kwargs or {}))
        frame = sys._getframe(1)
        while "torch" in Path(frame.f_code.co_filename).parts:
            frame = frame.f_back
        where = f"{Path(frame.f_code.co_filename).name} {frame.f_code.co_name}"
        self.reads[where] += 1
        if sum(self.reads.values()) > 100:
            raise AssertionError(f"it does not end: {self.reads}")
        return where == ENDED and self.reads[where] == TOKENS


def _loaded(model: torch.nn.Module, base: torch.nn.Module) -> Loaded:
    words = SimpleNamespace(pad_token_id=0, eos_token_id=1, decode=lambda ids, **_: str(list(ids)))
    source = SimpleNamespace(folder=Path("/nowhere"), gguf=None, revision="", adapter=None)
    return Loaded(spec=None, source=source, model=model, tokenizer=words, base=base, adaptable_modules={})


def test_answers_are_drawn_on_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers reads whether all answers have ended one token late on a real GPU, and so does not wait for it."""
    monkeypatch.setattr(DeferredStopCheck, "is_supported", lambda *_, **__: False)
    given: list[Generation] = []
    base = tiny_outline("gemma3", torch.bfloat16).eval()
    with on_device(), Meter() as meter, Answers() as answers:
        put_on_device(base)
        loaded = _loaded(base, base)
        encoder = SimpleNamespace(tokenizer=loaded.tokenizer, at_work=torch.no_grad)
        generate(loaded, encoder, PROMPTS, Sampling(TOKENS, 0.7, 0.9, 1), given.append, lambda: None)
    assert sorted((answer.index, answer.tokens) for answer in given) == [(0, TOKENS), (1, TOKENS)]
    assert answers.reads == {**ONCE_A_CALL, ENDED: TOKENS}
    assert [copy for copy in meter.copies if copy[0] == "TO HOST"] == []
    assert meter.kernels["aten.argmax"] == TOKENS


def test_what_is_written_is_whole_and_float32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trained weights as they are, copied to the host, and an adapter in PEFT's format, whose tensors the writer of
    the file copies one by one."""
    written: list[dict[str, torch.Tensor]] = []

    def keep(tensors: dict[str, torch.Tensor], *_: object, **__: object) -> None:
        written.append(dict(tensors))

    monkeypatch.setattr(raw_weights, "save_file", keep)
    monkeypatch.setattr("peft.peft_model.safe_save_file", keep)
    base = tiny_outline("llama", torch.bfloat16)
    model = with_adapter(base, dropout=0.0)
    policy = Policy(model, LoraSpec(4, 8, 0.0, ()), False)
    with on_device(), Meter():
        put_on_device(model)
        raw_weights.write_raw(policy, tmp_path)
        policy_files.write_adapter(_loaded(model, base), policy, tmp_path)
    raw, adapter = written
    assert len(raw) == len(adapter) == len(policy.parameters())
    for tensors, device in ((raw, "cpu"), (adapter, "cuda")):
        assert {(value.dtype, value.device.type) for value in tensors.values()} == {(torch.float32, device)}
