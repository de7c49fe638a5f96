"""The measures of one backend, in a registry of their own. Counters are told of by the server; what a backend holds now
is looked up when Prometheus asks."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import torch
from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ..backend import Backend
from ..info import device_name
from ..memory import device_memory
from ..resident import peak_resident_bytes
from ..rpc.device_thread import DeviceThread
from ..rpc.observer import Observer

CALL_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 300, 3600)  # seconds; a training stream lasts as its run
PART_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

log = logging.getLogger("mrpo")


class Measures(Observer):
    """registry: what `endpoint` gives out."""

    def __init__(self, backend: Backend, device: DeviceThread) -> None:
        self.registry = CollectorRegistry()
        about = {"registry": self.registry}
        self._calls = Counter("mrpo_backend_calls", "Calls that have ended.", ["method", "code"], **about)
        self._call_seconds = Histogram(
            "mrpo_backend_call_duration_seconds",
            "From the start of a call to its end.",
            ["method"],
            buckets=CALL_BUCKETS,
            **about,
        )
        self._errors = Counter(
            "mrpo_backend_errors",
            "Refused calls and training frames, by ErrorReason, MALFORMED or DEFECT.",
            ["reason"],
            **about,
        )
        self._parts = Histogram(
            "mrpo_backend_train_seconds",
            "Time of the parts of training steps: a forward or backward of a micro-batch, an optimizer step.",
            ["part"],
            buckets=PART_BUCKETS,
            **about,
        )
        self._steps = Counter(
            "mrpo_backend_train_steps",
            "Optimizer steps; skipped: the gradient was not finite.",
            ["outcome"],
            **about,
        )
        self._tokens = Counter(
            "mrpo_backend_tokens",
            "Tokens of pairs, a shared prompt once (train: forwards; score), and of answers (generate).",
            ["work"],
            **about,
        )
        for part in ("forward", "backward", "optimizer"):
            self._parts.labels(part)
        for outcome in ("applied", "skipped"):
            self._steps.labels(outcome)
        for work in ("train", "score", "generate"):
            self._tokens.labels(work)
        facts = {"device": str(backend.device), "device_name": device_name(backend.device), "torch": torch.__version__}
        Info("mrpo_backend", "What this backend is.", **about).info(facts)
        ProcessCollector(**about)
        self.registry.register(Held(backend, device))

    def call_ended(self, method: str, code: str, seconds: float) -> None:
        """As said in `Observer`."""
        self._calls.labels(method, code).inc()
        self._call_seconds.labels(method).observe(seconds)

    def refused(self, reason: str) -> None:
        """As said in `Observer`."""
        self._errors.labels(reason).inc()

    def trained(self, part: str, seconds: float) -> None:
        """As said in `Observer`."""
        self._parts.labels(part).observe(seconds)

    def stepped(self, applied: bool) -> None:
        """As said in `Observer`."""
        self._steps.labels("applied" if applied else "skipped").inc()

    def worked(self, work: str, tokens: int) -> None:
        """As said in `Observer`."""
        self._tokens.labels(work).inc(tokens)


class Held(Collector):
    """What there is at the moment of asking."""

    def __init__(self, backend: Backend, device: DeviceThread) -> None:
        self._backend = backend
        self._device = device

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Asks nothing of the device thread, which may be busy for long."""
        registry = self._backend.registry
        yield gauge("mrpo_backend_models", "Models in memory.", len(registry.models()))
        yield gauge("mrpo_backend_trainers", "Trainers on them.", registry.trainer_count())
        yield gauge("mrpo_backend_jobs_waiting", "Jobs that wait for the device thread.", self._device.waiting())
        yield gauge("mrpo_backend_device_busy", "1 while the device thread works.", float(self._device.busy))
        yield gauge(
            "mrpo_backend_resident_memory_peak_bytes",
            "The most that this process has had resident.",
            peak_resident_bytes(),
        )
        memory = GaugeMetricFamily(
            "mrpo_backend_device_memory_bytes",
            "Memory of the device, or of the machine without one: total and free; on a GPU also this process's "
            "allocated, reserved and peak (the most allocated).",
            labels=["kind"],
        )
        for kind, size in device_bytes(self._backend.device).items():
            memory.add_metric([kind], size)
        yield memory

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing is collected when it is registered."""
        return []


def gauge(name: str, what: str, value: float) -> GaugeMetricFamily:
    """One value without labels."""
    return GaugeMetricFamily(name, what, value=value)


def device_bytes(device: torch.device) -> dict[str, int]:
    """Bytes by kind; empty where the device does not answer, for the rest must be told all the same."""
    try:
        total, free = device_memory(device)
        found = {"total": total, "free": free}
        if device.type == "cuda":
            found["allocated"] = torch.cuda.memory_allocated(device)
            found["reserved"] = torch.cuda.memory_reserved(device)
            found["peak"] = torch.cuda.max_memory_allocated(device)
        return found
    except (RuntimeError, OSError) as error:
        log.warning("the memory of %s cannot be told: %s", device, error)
        return {}
