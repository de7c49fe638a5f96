"""The largest memory that this process has had resident.

`ru_maxrss` tells something else on Linux: a process that is started takes over the peak of the one that starts it, so
that the same work in the same process is 0.7 GB or 1.3 GB by what its parent did before.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def peak_resident_bytes() -> int:
    """Since the program began to run; libraries included."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
