"""Whether an adapter was trained on another model than the one it is put on: shapes alone do not show it, since a base
and its instruction-tuned form fit alike."""

from __future__ import annotations

import json
import re
from pathlib import Path

from .source import Source

_COPIES = re.compile(
    r"(-unsloth)?-bnb-4bit$|-(gptq|awq|gguf|fp8|nf4|int4|int8|4bit|8bit)\b.*$"
    r"|([-._](ud-)?([it]?q\d\w*|mxfp4\w*|bf16|fp?16|fp?32))?(-\d+-of-\d+)?\.gguf$"
)
"""Ends of the names of copies in fewer bits; a GGUF file names its number format: "-q4_k_m.gguf", ".IQ3_XXS.gguf"."""


def note_on_base(source: Source) -> str:
    """What to tell; empty where the adapter names no base, or one of the model's own names. Only the last part of a
    name counts: the same model lies in other folders elsewhere."""
    if source.adapter is None:
        return ""
    config = _read(source.adapter / "adapter_config.json")
    trained_on, revision = config.get("base_model_name_or_path"), config.get("revision")
    if not isinstance(trained_on, str) or not trained_on:
        return ""
    own = [source.name, str(source.folder / (source.gguf or ""))]
    if source.gguf is None:
        own.append(str(_read(source.folder / "config.json").get("_name_or_path") or ""))
    if _plain(trained_on) not in {_plain(name) for name in own}:
        return f"its adapter was trained on {trained_on} by its own word; make sure that {source.name} is that model"
    if source.revision and _is_commit(revision) and revision != source.revision:
        return f"its adapter was trained on revision {revision} of it, and this is {source.revision}"
    return ""


def _is_commit(revision: object) -> bool:
    return isinstance(revision, str) and re.fullmatch(r"[0-9a-f]{40}", revision) is not None


def _plain(name: str) -> str:
    return _COPIES.sub("", name.rstrip("/\\").replace("\\", "/").rpartition("/")[2].lower())


def _read(file: Path) -> dict[str, object]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
