"""How many tokens a model can read at once."""

from __future__ import annotations

from transformers import PretrainedConfig

STRETCHED = frozenset({"linear", "dynamic", "yarn"})
"""Kinds of rotary positions that reach `factor` times as far as the model was trained for."""


def context_length(config: PretrainedConfig) -> int:
    """Tokens of prompt and response together; 0 when the model states no limit."""
    text = config.get_text_config()
    stated = getattr(text, "max_position_embeddings", None) or 0
    rope = getattr(text, "rope_parameters", None) or {}
    # Models whose layers differ hold one set of parameters a kind of layer.
    kinds = [rope] if "rope_type" in rope else [kind for kind in rope.values() if isinstance(kind, dict)]
    for kind in kinds:
        trained = kind.get("original_max_position_embeddings") or 0
        if kind.get("rope_type") in STRETCHED and trained:
            stated = max(stated, int(trained * kind.get("factor", 1)))
    return stated
