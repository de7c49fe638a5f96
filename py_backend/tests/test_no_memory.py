"""A backend that has no memory left answers all the same, or ends: a client must never wait for ever."""

from __future__ import annotations

import _thread
import asyncio
import os
import sys
from typing import Any

import pytest

from py_backend.rpc import device_thread
from py_backend.rpc.device_thread import DeviceThread, JobFailed, own_thread, stream
from py_backend.rpc.no_memory import MEMORY_LOST, end_without_memory


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


@pytest.mark.parametrize("where", ["a thread of its own", "the device", "the event loop", "the end of a thread"])
def test_a_job_that_is_lost_ends_the_process(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[int] = []
    monkeypatch.setattr(os, "_exit", ends.append)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)  # to have it back
    fail = raises(SystemError("error return without exception set"))

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        end_without_memory(loop)
        {
            "a thread of its own": lambda: own_thread(fail),
            "the device": lambda: DeviceThread().submit(fail),
            "the event loop": lambda: loop.call_soon(fail),
            "the end of a thread": lambda: _thread.start_new_thread(fail, ()),
        }[where]()
        while not ends:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(scene(), 30))
    assert ends == [MEMORY_LOST]


def test_a_thread_that_never_begins_ends_the_process_and_the_event_loop_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(device_thread, "BEGIN_S", 0.3)
    monkeypatch.setattr(device_thread._thread, "start_new_thread", lambda run, arguments: 0)
    ends: list[int] = []
    monkeypatch.setattr(device_thread, "out_of_memory", lambda: ends.append(MEMORY_LOST))

    async def scene() -> int:
        own_thread(lambda: None)
        turns = 0
        while not ends:
            await asyncio.sleep(0.01)
            turns += 1
        return turns

    assert asyncio.run(asyncio.wait_for(scene(), 30)) > 1
    assert ends == [MEMORY_LOST]


def test_a_thread_that_begins_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_thread, "BEGIN_S", 0.03)
    monkeypatch.setattr(device_thread, "out_of_memory", lambda: pytest.fail("the thread has begun"))

    async def scene() -> list[str]:
        got = [value async for value in stream(own_thread, lambda send: send("done"))]
        await asyncio.sleep(0.1)
        return got

    assert asyncio.run(asyncio.wait_for(scene(), 30)) == ["done"]
