"""Patterns in a model's or adapter's settings. Python's engine tries them in ways that can take for ever, and holds up
every other thread meanwhile; so they are tried here first, on the very names they will be matched against."""

from __future__ import annotations

from collections.abc import Iterable

from ..faults import Fault
from .process import TaskFailed, ask


def check_patterns(patterns: Iterable[str], names: Iterable[str], what: str) -> None:
    """Raises MODEL_INVALID for patterns that cannot be matched against all names within the limits."""
    listed = sorted(set(patterns))
    if not listed:
        return
    try:
        ask({"task": "patterns", "patterns": listed, "names": list(names)})
    except TaskFailed as error:
        shown = ", ".join(listed)
        shown = shown if len(shown) <= 200 else f"{shown[:200]}..."
        raise Fault("MODEL_INVALID", f"{what}: its patterns ({shown}) cannot be matched: {error}") from error
