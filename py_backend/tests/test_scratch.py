"""Temporary folders: gone afterwards, and gone at the next start when their process was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from py_backend.scratch import scratch_folder, sweep
from py_backend.tests.client import ROOT

HOLD = """
import sys, time
from pathlib import Path
from py_backend.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1]), "adapter") as folder:
    (folder / "content").mkdir()
    print(folder, flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_left_goes_and_what_a_living_one_uses_stays(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    holders = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    killed, living = (Path(holder.stdout.readline().strip()) for holder in holders if holder.stdout)
    try:
        os.kill(holders[0].pid, signal.SIGKILL)
        os.waitid(os.P_PID, holders[0].pid, os.WEXITED | os.WNOWAIT)  # ended, and not noticed by its parent
        (tmp_path / ".adapter-mine").mkdir()
        (tmp_path / ".adapter-abcdefgh").mkdir()  # being made at this moment
        with scratch_folder(tmp_path, "adapter") as folder:
            assert not killed.exists() and living.exists() and folder.exists()
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
            [".adapter-mine", ".adapter-abcdefgh", living.name]
        )
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()


def test_one_without_owner_goes_when_it_is_old_and_empty(tmp_path: Path) -> None:
    old, full = tmp_path / ".adapter-abcdefgh", tmp_path / ".adapter-abcdefgi"
    for folder in (old, full):
        folder.mkdir()
    (full / "weights").touch()
    for folder in (old, full):
        os.utime(folder, (time.time() - 3600,) * 2)
    sweep(tmp_path, "adapter")
    assert not old.exists() and full.exists()


def test_it_goes_when_the_work_in_it_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), scratch_folder(tmp_path, "adapter") as folder:
        (folder / "half").touch()
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
