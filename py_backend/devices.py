"""Which device a backend works on. A GPU that the machine has and PyTorch cannot use is never passed over in silence: a
run that would take hours on it would take weeks on the CPU."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

VARIABLE = "MRPO_DEVICE"
CPU_ANYWAY = f"{VARIABLE}=cpu works on the CPU all the same."
HALF_SINCE = (8, 0)
"""Compute capability (Ampere) from which on a GPU multiplies bfloat16 by itself and runs variable-length attention."""


class DeviceRefused(ValueError):
    """The device cannot be used; the message says why and what helps."""


def pick_device(asked: str = "", env: Mapping[str, str] = os.environ) -> torch.device:
    """asked: auto, cpu, cuda or cuda:1, counted among those that CUDA_VISIBLE_DEVICES shows; default: MRPO_DEVICE, else
    auto, which is the first GPU, or the CPU where there is none. Raises DeviceRefused."""
    import torch  # here, so that a mistyped option is told before it is loaded

    name = asked or env.get(VARIABLE) or "auto"
    if name == "cpu":
        return torch.device("cpu")
    if not re.fullmatch(r"auto|cuda(:\d+)?", name):
        raise DeviceRefused(f"device: got {name!r}, expected auto, cpu, cuda or cuda:1")
    if torch.cuda.is_available():
        number, count = int(name.partition(":")[2] or 0), torch.cuda.device_count()
        if number >= count:
            raise DeviceRefused(f"device: got {name}, but there are {count} GPUs, cuda:0 to cuda:{count - 1}")
        return torch.device("cuda", number)
    has_gpu = sees_nvidia_gpu(env)
    if name == "auto" and not has_gpu:
        return torch.device("cpu")
    raise DeviceRefused(_why_not(has_gpu))


def before_ampere(device: torch.device) -> bool:
    """Whether a GPU is older than those that compute fast in bfloat16; False for a CPU."""
    import torch

    return device.type == "cuda" and torch.cuda.get_device_capability(device) < HALF_SINCE


def sees_nvidia_gpu(env: Mapping[str, str] = os.environ) -> bool:
    """Whether the machine has a GPU that CUDA_VISIBLE_DEVICES does not hide."""
    if env.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return False
    return any(Path("/dev").glob("nvidia[0-9]*")) or bool(_nvidia_smi("-L"))


def _why_not(has_gpu: bool) -> str:
    if not has_gpu:
        return f"device: no NVIDIA GPU can be seen here, or CUDA_VISIBLE_DEVICES hides it. {CPU_ANYWAY}"
    import torch

    release = torch.__version__
    if torch.version.cuda is None:
        return (
            f"device: this machine has an NVIDIA GPU, but PyTorch {release} was built without CUDA. "
            f"Install again with it: remove .venv, set MRPO_TORCH=default, run the same command. {CPU_ANYWAY}"
        )
    driver = _nvidia_smi("--query-gpu=driver_version", "--format=csv,noheader").splitlines()
    return (
        f"device: PyTorch {release} cannot use the NVIDIA GPU of this machine: it was built for CUDA "
        f"{torch.version.cuda}, the driver is {driver[0] if driver else 'not known'}. Update the driver "
        f"(CUDA 13 needs 580 or newer). {CPU_ANYWAY}"
    )


def _nvidia_smi(*arguments: str) -> str:
    try:
        found = subprocess.run(["nvidia-smi", *arguments], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""
