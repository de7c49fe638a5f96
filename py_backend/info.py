"""Who answers: versions, device, limits, what this build can do."""

from __future__ import annotations

import importlib.util
import logging
import os
import platform
from importlib.metadata import PackageNotFoundError, version

import torch

from .evaluation.harness import harness_installed

PACKAGES = ("torch", "transformers", "peft", "bitsandbytes", "safetensors", "tokenizers", "grpcio", "lm_eval")


def device_name(device: torch.device) -> str:
    """Product name of the GPU or the processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return _cpu_name() or platform.processor() or platform.machine()


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = (line.split(":", 1) for line in file if line.startswith("model name"))
            return next((value.strip() for _, value in lines), "")
    except OSError:
        return ""


def versions() -> dict[str, str]:
    """Of Python and the packages that decide numbers; a package that is not installed is left out."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    if torch.version.cuda is not None:
        found["cuda"] = torch.version.cuda
    return found


def capabilities() -> list[str]:
    """Names a client may branch on."""
    found = ["train", "score", "generate"]
    if importlib.util.find_spec("bitsandbytes") is not None:
        found += ["nf4", "int8"]
    if importlib.util.find_spec("gguf") is not None:
        found.append("gguf")
    if importlib.util.find_spec("datasets") is not None:
        found.append("datasets")
    if harness_installed():
        found.append("evaluate")
    return found


def quiet_libraries() -> None:
    """A log that a person can read: no progress bars (clients get progress messages), no repeated warnings."""
    from huggingface_hub.utils import disable_progress_bars
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bars()
    disable_progress_bar()
    logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)  # else a line per 8-bit product


def set_threads(threads: int) -> int:
    """Fixes the number of CPU threads torch uses (0 = torch's choice, which follows OMP_NUM_THREADS); returns it."""
    if threads > 0:
        os.environ["OMP_NUM_THREADS"] = str(threads)
        torch.set_num_threads(threads)
    return torch.get_num_threads()
