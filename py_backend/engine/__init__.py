"""Sequence log-probs and their gradients for preference pairs, near the limit of the machine."""

from .engine import Engine, build_engine
from .errors import EngineError, OutOfMemory, UnsupportedModel
from .pairs import TokenPair

__all__ = ["Engine", "EngineError", "OutOfMemory", "TokenPair", "UnsupportedModel", "build_engine"]
