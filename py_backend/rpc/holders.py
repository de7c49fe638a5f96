"""Which clients hold which models, so that one whose clients have all gone does not stay in memory for ever.

A client names itself in the metadata of its calls. Whoever loads a model, or names it in a call, holds it, as long as a
call of that client is open or its last one is not longer ago than the grace time. A model that nobody holds any more is
freed. Of a client without a name nothing is known: what it has loaded stays until it is unloaded.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import grpc

CLIENT_KEY = "mrpo-client"
GRACE_S = 600.0
LOOKS = 4
"""Within the grace time, each of which must find a client away: a process that was suspended wakes up behind all of
that time at once, and its clients with it."""

HANDLES = ("model_handle", "row_set", "trainer_handle")

log = logging.getLogger("mrpo")
_caller: ContextVar[str] = ContextVar("caller", default="")


def caller() -> str:
    """The name of the client whose call is being answered; empty if it has none."""
    return _caller.get()


@dataclass(slots=True)
class Client:
    """models: handles. last: when its last call began or ended, in seconds of the monotonic clock."""

    open_calls: int = 0
    looks_left: int = LOOKS
    last: float = field(default_factory=time.monotonic)
    models: set[str] = field(default_factory=set)


class Holders:
    """Used on the event loop and on the device thread."""

    def __init__(
        self, model_of: Callable[[str], str], free: Callable[[str, Callable[[], bool]], None], grace_s: float = GRACE_S
    ) -> None:
        """model_of: the model that a handle of any kind belongs to, empty for an unknown one. free: to unload a model
        when the device comes to it, if nobody holds it even then."""
        self.grace_s = grace_s
        self._model_of = model_of
        self._free = free
        self._clients: dict[str, Client] = {}
        self._lock = threading.Lock()

    @contextmanager
    def call(self, context: grpc.aio.ServicerContext) -> Iterator[Callable[[Any], None]]:
        """While a call is answered. Gives a function that is to see its requests."""
        name = client_of(context)
        if not name:
            yield lambda _request: None
            return
        _caller.set(name)  # each call has a task, and so a context, of its own
        self._count(name, 1)
        try:
            yield lambda request: self._see(name, request)
        finally:
            self._count(name, -1)

    def hold(self, name: str, model: str) -> None:
        """Notes that a client holds a model. One without a name holds nothing."""
        with self._lock:
            if name:
                self._clients.setdefault(name, Client()).models.add(model)

    def away_s(self, model: str) -> float | None:
        """Seconds since the last sign of life of whoever holds a model: 0 while a call is open, None if nobody does."""
        now = time.monotonic()
        with self._lock:
            holders = [client for client in self._clients.values() if model in client.models]
            return min((0.0 if client.open_calls else now - client.last for client in holders), default=None)

    async def watch(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(self.grace_s / LOOKS)
            self.look()

    def look(self) -> None:
        """Frees what only clients hold that are gone."""
        with self._lock:
            for client in self._clients.values():
                client.looks_left = LOOKS if client.open_calls else client.looks_left - 1
                client.models = {model for model in client.models if self._model_of(model)}
            gone = {name: client for name, client in self._clients.items() if client.looks_left <= 0}
            for name in gone:
                del self._clients[name]
        for model in set().union(*(client.models for client in gone.values())):
            if not self._is_held(model):
                log.warning("the client that held %s has gone: it is freed", model)
                self._free(model, lambda model=model: self._is_held(model))

    def _is_held(self, model: str) -> bool:
        with self._lock:
            return any(model in client.models for client in self._clients.values())

    def _count(self, name: str, change: int) -> None:
        with self._lock:
            client = self._clients.setdefault(name, Client())
            client.open_calls += change
            client.looks_left, client.last = LOOKS, time.monotonic()
            if client.open_calls == 0 and not client.models:
                del self._clients[name]

    def _see(self, name: str, request: Any) -> None:
        for part in (request, getattr(request, "open", None)):
            for key in HANDLES:
                model = self._model_of(getattr(part, key, ""))
                if model:
                    self.hold(name, model)


def client_of(context: grpc.aio.ServicerContext) -> str:
    """What a call's client calls itself; empty if it does not."""
    found = dict(context.invocation_metadata() or ()).get(CLIENT_KEY, "")
    return found if isinstance(found, str) else found.decode(errors="replace")
