"""Sequence log-probs and their gradients for preference pairs, near the limit of the machine."""

from .build import build_engine
from .engine import Engine
from .errors import EngineError, OutOfMemory, UnsupportedModel
from .pairs import TokenPair

__all__ = ["Engine", "EngineError", "OutOfMemory", "TokenPair", "UnsupportedModel", "build_engine"]
