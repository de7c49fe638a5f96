"""What the engine raises on purpose."""

from __future__ import annotations


class EngineError(Exception):
    """Base of the engine's own errors."""


class OutOfMemory(EngineError):
    """The device or the machine has no room for this call. Nothing of it is kept: send fewer pairs."""


class UnsupportedModel(EngineError):
    """The model cannot be run by the engine at all (no causal language-model head, no backbone)."""
