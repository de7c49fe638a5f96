"""Starts the worker process, speaks with it, and replaces it when a task has ended it."""

from __future__ import annotations

import json
import logging
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from .worker import TASK_SECONDS

WORKER = Path(__file__).with_name("worker.py")
ANSWER_SECONDS = 120.0
"""On the clock, however busy the machine is; the worker's own limit is in processor time and far below."""

log = logging.getLogger("mrpo")


class TaskFailed(Exception):
    """The task broke a limit or failed; the message says how, in words that fit behind "chat template: "."""


class Worker:
    """One process for all, one task at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, task: dict[str, Any]) -> dict[str, Any]:
        """What the worker answers. Raises TaskFailed."""
        line = json.dumps(task).encode() + b"\n"
        with self._lock:
            found = json.loads(self._exchange(line))
        if "failed" in found:
            raise TaskFailed(found["failed"])
        return found

    def _exchange(self, line: bytes) -> bytes:
        process = self._process
        if process is None or process.poll() is not None:
            process = self._process = start()
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(line)
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], ANSWER_SECONDS)
            answer = process.stdout.readline() if ready else b""
        except OSError:
            answer = b""
        if not answer.endswith(b"\n"):
            raise TaskFailed(self._end())
        return answer

    def _end(self) -> str:
        """Says what ended the process; ends it if nothing has."""
        process, self._process = self._process, None
        assert process is not None
        try:
            code = process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return f"no answer within {ANSWER_SECONDS:.0f} s"
        if code == -signal.SIGXCPU:
            return f"it takes more than {TASK_SECONDS} s of processor time"
        return f"its process ended ({signal.Signals(-code).name if code < 0 else f'exit code {code}'})"


def start() -> subprocess.Popen[bytes]:
    """Isolated (-I): no module of the working folder, no variable of the environment. It ends with its input, so with
    this process."""
    return subprocess.Popen(
        [sys.executable, "-I", str(WORKER), *package_folders()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={},
        cwd="/",
    )


def package_folders() -> list[str]:
    """Where this process has its packages from: the worker's isolated Python may not look there by itself."""
    import jinja2
    import transformers

    return sorted({str(Path(package.__file__).parents[1]) for package in (jinja2, transformers)})


ask = Worker().ask
