"""The harness itself, brought in when it is first needed: it is an extra, and heavy."""

from __future__ import annotations

import functools
import importlib.util
import logging
import os
import signal
from importlib.metadata import version
from typing import Any

from ..faults import Fault


def harness_installed() -> bool:
    """Whether the extra packages are there; nothing is imported."""
    return importlib.util.find_spec("lm_eval") is not None


def harness_version() -> str:
    """As its package says: "0.4.13"."""
    return version("lm_eval")


def require_harness() -> None:
    """Raises UNSUPPORTED where it is not installed."""
    if not harness_installed():
        raise Fault(
            "UNSUPPORTED",
            "evaluating tasks needs lm-evaluation-harness, which is not installed here",
            "Install it where the backend runs: pip install -r requirements-eval.txt -c requirements.txt",
        )
    _prepare()


@functools.cache
def _prepare() -> None:
    """Prompts are Jinja, rendered in this process: a task file may hold text and no way out of it. Standard errors of
    perplexity are drawn in forked processes, which are then ended. And the harness's own log speaks of every step."""
    from jinja2 import BaseLoader, StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment
    from lm_eval import utils

    confined = SandboxedEnvironment(loader=BaseLoader(), undefined=StrictUndefined, keep_trailing_newline=True)
    confined.filters.update(utils.env.filters)
    utils.env = confined
    os.register_at_fork(after_in_child=_end_alone)
    logging.getLogger("lm_eval").setLevel(logging.ERROR)


def _end_alone() -> None:
    """A forked process has the signal handlers of this one: what ends it would stop the server."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@functools.cache
def task_index() -> Any:
    """The harness's own tasks by name. Takes seconds the first time."""
    from lm_eval.tasks import TaskManager

    return TaskManager()
