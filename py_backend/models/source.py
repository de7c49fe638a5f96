"""Finds the files of a model: a Hugging Face folder, a hub id with revision, or a .gguf file, each with or without a
PEFT adapter on top. Says what is wrong with anything else. Loads nothing."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from ..faults import Fault
from ..roots import Roots
from .hub import HUB_ID, snapshot
from .spec import ModelSpec

VOCABULARY_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tekken.json",
)
TOKENIZER_FILES = (
    *VOCABULARY_FILES,
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)


@dataclass(frozen=True, slots=True)
class Source:
    """folder: where the files lie; gguf: name of the file in it, or None; adapter: folder of the PEFT adapter, or None;
    revision: resolved commit of a hub id, else empty; name: what the user wrote; words: the other model whose tokenizer
    it is given, or None."""

    name: str
    folder: Path
    gguf: str | None
    adapter: Path | None
    revision: str
    words: Source | None = None

    def weight_files(self) -> list[Path]:
        return [self.folder / self.gguf] if self.gguf else sorted(self.folder.glob("*.safetensors"))

    def tokenizer_files(self) -> list[Path]:
        return [path for name in TOKENIZER_FILES if (path := self.folder / name).is_file()]


def find_source(spec: ModelSpec, roots: Roots) -> Source:
    """Raises MODEL_NOT_FOUND, MODEL_INVALID or PATH_REFUSED."""
    folder, gguf, revision = _find_model(spec, roots)
    adapter = _find_adapter(spec.adapter, roots) if spec.adapter else None
    words = find_source(ModelSpec(spec.tokenizer, spec.tokenizer_revision), roots) if spec.tokenizer else None
    return Source(spec.source, folder, gguf, adapter, revision, words)


def _find_model(spec: ModelSpec, roots: Roots) -> tuple[Path, str | None, str]:
    path = Path(spec.source).expanduser()
    if path.exists():
        if spec.revision:
            raise Fault("MODEL_INVALID", f"model {spec.source}: revision is for hub ids, got {spec.revision!r}")
        path = roots.check(path, "model")
        if path.is_dir():
            check_model_folder(path, spec.source)
            return path, None, ""
        if path.suffix == ".gguf":
            check_gguf(path, spec.source)
            return path.parent, path.name, ""
        raise Fault("MODEL_INVALID", f"model {spec.source}: expected a folder or a .gguf file, got another file")
    if looks_like_path(spec.source):
        raise Fault("MODEL_NOT_FOUND", f"model {spec.source}: no such folder or file", nearest_hint(path))
    folder, revision = snapshot(spec.source, spec.revision, "model")
    check_model_folder(folder, spec.source)
    return folder, None, revision


def _find_adapter(name: str, roots: Roots) -> Path:
    path = Path(name).expanduser()
    if path.exists():
        path = roots.check(path, "adapter")
    elif looks_like_path(name):
        raise Fault("MODEL_NOT_FOUND", f"adapter {name}: no such folder", nearest_hint(path))
    else:
        path, _ = snapshot(name, "", "adapter")
    if not (path / "adapter_config.json").is_file():
        raise Fault("MODEL_INVALID", f"adapter {name}: expected a PEFT folder with adapter_config.json, got none")
    if not (path / "adapter_model.safetensors").is_file():
        raise Fault("MODEL_INVALID", f"adapter {name}: expected adapter_model.safetensors, got none")
    return path


def looks_like_path(name: str) -> bool:
    return name.startswith(("/", ".", "~")) or name.endswith(".gguf") or HUB_ID.fullmatch(name) is None


def nearest_hint(path: Path) -> str:
    """Names the sibling that was probably meant."""
    parent = path.parent if str(path.parent) else Path(".")
    if not parent.is_dir():
        return f"{parent} does not exist either."
    names = sorted(entry.name for entry in parent.iterdir() if entry.is_dir() or entry.suffix == ".gguf")
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"Did you mean {parent / close[0]}?" if close else ""


def check_model_folder(folder: Path, name: str) -> None:
    """A folder transformers can open: config.json, safetensors, a tokenizer, no code of its own."""
    if not (folder / "config.json").is_file():
        hint = ""
        if (folder / "adapter_config.json").is_file():
            hint = "This is a PEFT adapter: give its base as the model and this folder as the adapter."
        raise Fault("MODEL_INVALID", f"model {name}: expected a Hugging Face folder, got one without config.json", hint)
    config = _read_config(folder, name)
    if not any(folder.glob("*.safetensors")):
        got = "only .bin files" if any(folder.glob("*.bin")) else "no weights"
        raise Fault(
            "MODEL_INVALID",
            f"model {name}: expected weights as .safetensors, got {got}",
            "Pickled weights can run code and are refused; save the model again with save_pretrained.",
        )
    if not any((folder / file).is_file() for file in VOCABULARY_FILES):
        raise Fault(
            "MODEL_INVALID",
            f"model {name}: expected a tokenizer in the folder, got none",
            "Copy tokenizer.json and tokenizer_config.json of the model into it.",
        )
    if "auto_map" in config and not _known_to_transformers(config):
        raise Fault("MODEL_INVALID", f"model {name}: it needs code of its own, which is never run here")


def _read_config(folder: Path, name: str) -> dict[str, object]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Fault("MODEL_INVALID", f"model {name}: config.json cannot be read: {error}") from error
    if not isinstance(config, dict) or "model_type" not in config:
        raise Fault("MODEL_INVALID", f"model {name}: config.json names no model_type")
    return config


def _known_to_transformers(config: dict[str, object]) -> bool:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    return config.get("model_type") in CONFIG_MAPPING_NAMES


def check_gguf(path: Path, name: str) -> None:
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise Fault("MODEL_INVALID", f"model {name}: the file does not begin as a GGUF file does")
    if re.search(r"-\d{5}-of-\d{5}\.gguf$", path.name):
        raise Fault(
            "MODEL_INVALID", f"model {name}: split GGUF files are not read", "Join them with gguf-split --merge."
        )
