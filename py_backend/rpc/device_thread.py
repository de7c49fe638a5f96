"""The one thread that owns the device, and how its results reach the event loop.

Everything that touches a model runs here, one job after another, so no two requests ever meet inside torch. Streams
come back through a bounded channel: a slow reader slows its own job down, and a reader that went away stops it at the
job's next `send`.
"""

from __future__ import annotations

import _thread
import asyncio
import logging
import os
import queue
import threading
import time
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from ..engine.errors import is_device_lost
from ..faults import Fault
from .no_memory import MEMORY_LOST, WITHOUT_MEMORY, out_of_memory

HEARTBEAT_S = 5.0
DEVICE_LOST = 70
"""Exit code of a process whose device has failed."""
MEMORY_RETURNS_S = 10.0  # within which a process that has run out of memory must be able to answer again
BEGIN_S = 30.0  # within which a new thread must have begun
BEGIN_LOOKS = 3  # spread over that time: a process that was suspended wakes up behind all of it at once
CHANNEL_ITEMS = 64

T = TypeVar("T")
Job = Callable[[], None]

log = logging.getLogger("mrpo")


class Stopped(Exception):
    """The reader of a stream is gone; the job that feeds it ends here."""


class Send:
    """What a job calls with each result. Blocks while the reader is far behind, raises Stopped when it is gone."""

    def __init__(self, loop: asyncio.AbstractEventLoop, items: asyncio.Queue[tuple[str, Any]]) -> None:
        self._loop = loop
        self._items = items
        self.room = threading.Semaphore(CHANNEL_ITEMS)
        self.stopped = threading.Event()

    def __call__(self, value: Any) -> None:
        """Sends one result."""
        while not self.stopped.is_set() and not self.room.acquire(timeout=0.2):
            pass
        self.check()
        post(self._loop, self._items.put_nowait, ("item", value))

    def check(self) -> None:
        """Call it where stopping is safe and there is nothing to send."""
        if self.stopped.is_set():
            raise Stopped


class DeviceThread:
    """A daemon thread with a queue: a job that hangs never keeps the process alive."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self.busy = False
        threading.Thread(target=self._work, name="device", daemon=True).start()

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            self.busy = True
            try:
                job()
            except BaseException as error:  # noqa: BLE001 - this thread must outlive every job
                if isinstance(error, WITHOUT_MEMORY):  # not even enough to begin it, and somebody waits for it
                    os._exit(MEMORY_LOST)
                with suppress(BaseException):  # also one that leaves no memory to write it down
                    log.error("a job failed", exc_info=error)
            del job  # and what it holds, before the next one comes
            self.busy = False

    def waiting(self) -> int:
        """Jobs in the queue, without the one at work."""
        return self._jobs.qsize()

    def submit(self, job: Job) -> None:
        """Queues a job behind those that wait; returns at once."""
        self._jobs.put(job)

    async def run(self, function: Callable[[], T], undo: Callable[[T], None] | None = None) -> T:
        """Runs `function` on the device thread and gives its result. It runs to its end even when nobody waits any
        more; then `undo` is called with the result, on the same thread."""
        return await self.start(function, undo)

    def start(self, function: Callable[[], T], undo: Callable[[T], None] | None = None) -> asyncio.Future[T]:
        """`run` without waiting: the job is in the queue, behind all that were started before."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(result: Any, error: BaseException | None) -> None:
            if future.done():
                if undo is not None and error is None:
                    self.submit(lambda: undo(result))
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        def job() -> None:
            try:
                outcome: tuple[Any, BaseException | None] = (function(), None)
            except BaseException as error:  # noqa: BLE001 - carried over to the caller
                outcome = (None, carried(error))
            post(loop, settle, *outcome)

        self.submit(job)
        return future


def own_thread(job: Job) -> None:
    """Runs long work that needs no device (hashing, tokenising, downloads) beside the device thread.

    To be called on the event loop.

    Not a `threading.Thread`: its `start` waits until the thread runs, and one without memory to begin with never does;
    the event loop would stand still. Here the loop looks after the thread, and without one the process ends."""
    begun = threading.Event()

    def run() -> None:
        try:
            begun.set()
            job()
        except BaseException:  # noqa: BLE001 - a job keeps its errors: there was not even enough to begin it
            os._exit(MEMORY_LOST)

    _thread.start_new_thread(run, ())
    loop = asyncio.get_running_loop()

    def look(looks: int) -> None:
        if begun.is_set():
            return
        if looks == 0:
            out_of_memory()
        loop.call_later(BEGIN_S / BEGIN_LOOKS, look, looks - 1)

    loop.call_later(BEGIN_S / BEGIN_LOOKS, look, BEGIN_LOOKS)


async def stream(
    submit: Callable[[Job], None],
    work: Callable[[Send], None],
    *,
    idle: Callable[[], Any] | None = None,
    heartbeat_s: float = HEARTBEAT_S,
) -> AsyncIterator[Any]:
    """What `work` sends, as it comes. When nothing came for `heartbeat_s`, `idle()` is yielded instead."""
    loop = asyncio.get_running_loop()
    items: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
    send = Send(loop, items)

    def job() -> None:
        last: tuple[str, Any] = ("end", None)
        try:
            if not send.stopped.is_set():
                work(send)
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 - carried over to the reader
            last = ("error", carried(error))
        post(loop, items.put_nowait, last)

    submit(job)
    getter = asyncio.ensure_future(items.get())
    try:
        while True:
            done, _ = await asyncio.wait({getter}, timeout=heartbeat_s if idle else None)
            if not done and idle is not None:
                yield idle()
                continue
            kind, value = getter.result()
            if kind == "end":
                return
            if kind == "error":
                raise value
            getter = asyncio.ensure_future(items.get())
            send.room.release()
            yield value
    finally:
        send.stopped.set()
        getter.cancel()


class JobFailed(Exception):
    """A defect in a job, in the job's own words: its log has the stack."""


def carried(error: BaseException) -> Exception:
    """An error ready to leave its thread. Only a Fault goes as it is: another's frames keep tensors alive, and what is
    no Exception (a tokenizer's panic, an exit) would not be answered.

    A device that has failed for good ends the process: whoever started it can start another, while in this one every
    later job would fail."""
    if is_device_lost(error):
        log.critical("the device has failed for good; this process ends: %s", error, exc_info=error)
        logging.shutdown()
        os._exit(DEVICE_LOST)
    if isinstance(error, (Fault, Stopped)):
        error.__traceback__ = None
        error.__context__ = None
        error.__cause__ = None
        return error
    try:
        log.error("a job failed", exc_info=error)
        return JobFailed(described(error))
    except BaseException:  # noqa: BLE001 - no memory to describe it, and an answer has to come
        return JobFailed("MemoryError: the backend's process has no memory left")


def described(error: BaseException) -> str:
    """Type, first line, and the place in this package where it came from."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "py_backend" in frame.filename]
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    text = (str(error).strip() or "no message").splitlines()[0][:500]
    return f"{type(error).__name__}: {text}{place}"


def post(loop: asyncio.AbstractEventLoop, function: Callable[..., Any], *args: Any) -> None:
    """Calls `function` on the event loop; a loop that has ended has no readers left.

    Somebody waits for this call, perhaps for ever. Without the memory for it, it is tried again for a while; then the
    process ends, which its client is told of at once."""
    for wait in RETRIES_S:
        try:
            loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            log.info("the event loop has ended; a result was dropped")
        except WITHOUT_MEMORY:
            time.sleep(wait)
            continue
        return
    out_of_memory()


RETRIES_S = (MEMORY_RETURNS_S / 20,) * 20
