"""A backend that has no memory left answers all the same, or ends: a client must never wait for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from py_backend.rpc import device_thread
from py_backend.rpc.device_thread import MEMORY_LOST, DeviceThread, JobFailed, own_thread, stream


class Ended(BaseException):
    pass


def raises(error: BaseException) -> Any:
    def fail(*_args: object, **_options: object) -> Any:
        raise error

    return fail


def test_a_job_is_answered_when_its_error_cannot_even_be_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_thread, "described", raises(MemoryError()))
    monkeypatch.setattr(device_thread.log, "error", raises(SystemError("error return without exception set")))

    async def scene() -> None:
        device = DeviceThread()
        for submit in (own_thread, device.submit):
            with pytest.raises(JobFailed, match="no memory left"):
                async for _ in stream(submit, raises(MemoryError())):
                    pass
        with pytest.raises(JobFailed, match="no memory left"):
            await device.run(raises(MemoryError()))
        assert await device.run(lambda: 7) == 7  # its thread lives

    asyncio.run(asyncio.wait_for(scene(), 30))


def test_an_answer_waits_for_memory_and_the_process_ends_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_thread, "RETRIES_S", (0.01,) * 3)
    monkeypatch.setattr(device_thread.os, "_exit", lambda code: (_ for _ in ()).throw(Ended(code)))
    failures = [MemoryError(), SystemError()]

    class Loop:
        def call_soon_threadsafe(self, function: Any, *args: Any) -> None:
            if failures:
                raise failures.pop()
            function(*args)

    got: list[int] = []
    device_thread.post(Loop(), got.append, 1)  # type: ignore[arg-type]
    assert got == [1]
    failures.extend([MemoryError()] * 9)
    with pytest.raises(Ended) as ended:
        device_thread.post(Loop(), got.append, 2)  # type: ignore[arg-type]
    assert ended.value.args == (MEMORY_LOST,) and got == [1]
