"""A process's peak memory is its own, whatever its parent had."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from py_backend.resident import peak_resident_bytes

ROOT = Path(__file__).resolve().parents[2]


def test_the_peak_of_the_parent_does_not_count() -> None:
    ballast = bytearray(256 << 20)
    assert peak_resident_bytes() > len(ballast)
    code = "from py_backend.resident import peak_resident_bytes; print(peak_resident_bytes())"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert 1 << 20 < int(found.stdout) < len(ballast) // 2
