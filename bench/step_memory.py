"""Peak memory of a side of the step benchmark, libraries included."""

from __future__ import annotations

from pathlib import Path


def peak_bytes() -> int:
    """Of this process alone: `ru_maxrss` begins with the peak of the process that started it, which builds models."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
