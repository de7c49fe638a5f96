"""A device that has failed for good ends its process, which can be replaced; any other error does not."""

from __future__ import annotations

import logging

import pytest
import torch

from py_backend.engine.errors import is_device_lost, is_out_of_memory
from py_backend.rpc import device_thread
from py_backend.rpc.device_thread import DEVICE_LOST, carried

ILLEGAL = "CUDA error: an illegal memory access was encountered"


class Ended(BaseException):
    pass


@pytest.fixture
def codes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    found: list[int] = []

    def end(code: int) -> None:
        found.append(code)
        raise Ended

    monkeypatch.setattr(device_thread.os, "_exit", end)
    monkeypatch.setattr(device_thread.logging, "shutdown", lambda: None)
    return found


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_device_error_ends_the_process_after_its_words(
    wrapped: bool, codes: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    error: Exception = torch.AcceleratorError(ILLEGAL)
    if wrapped:
        outer = ValueError("while loading")
        outer.__cause__ = error
        error = outer
    with caplog.at_level(logging.CRITICAL), pytest.raises(Ended):
        carried(error)
    assert codes == [DEVICE_LOST] and "the device has failed for good" in caplog.text


@pytest.mark.parametrize("error", [ValueError("no"), torch.OutOfMemoryError("no"), MemoryError("no")])
def test_other_errors_are_answered(error: Exception, codes: list[int]) -> None:
    assert str(carried(error)).startswith(type(error).__name__) and codes == []


def test_no_room_on_the_device_is_no_lost_device() -> None:
    error = torch.AcceleratorError("CUDA error: out of memory")
    assert is_out_of_memory(error) and not is_device_lost(error)
