"""Finds the files of a model: a Hugging Face folder, a hub id with revision, or a .gguf file, each with or without a
PEFT adapter on top. Says what is wrong with anything else. Loads nothing."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from ..faults import Fault
from ..roots import Roots, is_there
from .adapter_rules import check_adapter
from .checkpoint import INDEX, checkpoint
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
OTHER_TOKENIZER_FILES = re.compile(r"tokenizer\..+|vocab.*|dict\.txt|.+\.(model|spm|bpe|codes|tiktoken)")
"""Of versioned tokenizers (tokenizer.4.0.0.json) and of families with names of their own."""


@dataclass(frozen=True, slots=True)
class Source:
    """folder: where the files lie; gguf: name of the file in it, or None; adapter: folder of the PEFT adapter, or None;
    revision: resolved commit of a hub id, else empty; name: what the user wrote; words: where its tokenizer comes from
    when that is not its own folder (another model, or the adapter's folder), or None."""

    name: str
    folder: Path
    gguf: str | None
    adapter: Path | None
    revision: str
    words: Source | None = None

    def weight_files(self) -> list[Path]:
        """Files with the base's weights."""
        return [self.folder / self.gguf] if self.gguf else checkpoint(self.folder).files

    def tokenizer_files(self) -> list[Path]:
        """Files that decide how the tokenizer splits text, in a fixed order."""
        usual = [path for name in TOKENIZER_FILES if (path := self.folder / name).is_file()]
        others = [
            path for path in self.folder.iterdir() if OTHER_TOKENIZER_FILES.fullmatch(path.name) and path.is_file()
        ]
        return [*usual, *sorted(path for path in others if path.name not in TOKENIZER_FILES)]


def find_source(spec: ModelSpec, roots: Roots) -> Source:
    """Raises MODEL_NOT_FOUND, MODEL_INVALID or PATH_REFUSED."""
    folder, gguf, revision = _find_model(spec, roots)
    adapter = _find_adapter(spec.adapter, roots) if spec.adapter else None
    words = None
    if adapter is not None:
        stored = gguf is None and "quantization_config" in _read_config(folder, spec.source)
        check_adapter(adapter, spec.adapter, quantised=stored or spec.quantization != "none")
        if has_tokenizer(adapter):
            words = Source(spec.adapter, adapter, None, None, "")
    if spec.tokenizer:
        words = find_source(ModelSpec(spec.tokenizer, spec.tokenizer_revision), roots)
    return Source(spec.source, folder, gguf, adapter, revision, words)


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder has a vocabulary."""
    return any((folder / file).is_file() for file in VOCABULARY_FILES)


def _find_model(spec: ModelSpec, roots: Roots) -> tuple[Path, str | None, str]:
    path = local_path(spec.source, "model", roots)
    if path is not None:
        if spec.revision:
            raise Fault("MODEL_INVALID", f"model {spec.source}: revision is for hub ids, got {spec.revision!r}")
        if path.is_dir():
            check_model_folder(path, spec.source)
            check_contents(path, f"model {spec.source}", roots)
            return path, None, ""
        if path.suffix == ".gguf":
            check_gguf(path, spec.source)
            return path.parent, path.name, ""
        raise Fault("MODEL_INVALID", f"model {spec.source}: expected a folder or a .gguf file, got another file")
    folder, revision = snapshot(spec.source, spec.revision, "model")
    check_model_folder(folder, spec.source)
    check_contents(folder, f"model {spec.source}", Roots())
    return folder, None, revision


def _find_adapter(name: str, roots: Roots) -> Path:
    path = local_path(name, "adapter", roots)
    if path is None:
        path, _ = snapshot(name, "", "adapter")
    else:
        check_contents(path, f"adapter {name}", roots)
    if not (path / "adapter_config.json").is_file():
        raise Fault("MODEL_INVALID", f"adapter {name}: expected a PEFT folder with adapter_config.json, got none")
    if not (path / "adapter_model.safetensors").is_file():
        raise Fault("MODEL_INVALID", f"adapter {name}: expected adapter_model.safetensors, got none")
    return path


def local_path(name: str, what: str, roots: Roots) -> Path | None:
    """The absolute path that a name stands for, None for a hub id. What lies outside the roots is refused, or taken for
    a hub id, before it is looked at: an answer tells nobody what is there."""
    path = roots.check(name, what) if looks_like_path(name) else Path(name).resolve()
    if roots.hold(path) and is_there(path, what):
        return path
    if not looks_like_path(name):
        return None
    raise Fault("MODEL_NOT_FOUND", f"{what} {name}: no such folder or file", nearest_hint(path, roots))


def check_contents(folder: Path, what: str, roots: Roots) -> None:
    """Raises PATH_REFUSED for files that lead outside the roots, MODEL_INVALID for an index of weights that names files
    outside the folder."""
    roots.check_below(folder, what)
    for index in folder.glob("*.index.json"):
        for name in named_files(index, what):
            if not isinstance(name, str) or Path(name).is_absolute() or ".." in Path(name).parts or "\0" in name:
                raise Fault("MODEL_INVALID", f"{what}: {index.name} names {name!r}, expected files of this folder")


def named_files(index: Path, what: str) -> set[object]:
    """File names in an index of sharded weights. Raises MODEL_INVALID for one that cannot be read."""
    try:
        return set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Fault("MODEL_INVALID", f"{what}: {index.name} is no index of weights: {type(error).__name__}") from error


def looks_like_path(name: str) -> bool:
    """Whether a name can only be meant as a path, not as a hub id."""
    return name.startswith(("/", ".", "~")) or name.endswith(".gguf") or HUB_ID.fullmatch(name) is None


def nearest_hint(path: Path, roots: Roots) -> str:
    """Names the sibling that was probably meant; nothing that lies outside the roots."""
    parent = path.parent
    if not roots.hold(parent):
        return ""
    if not parent.is_dir():
        return f"{parent} does not exist either."
    try:
        names = sorted(entry.name for entry in parent.iterdir() if entry.is_dir() or entry.suffix == ".gguf")
    except OSError:
        return ""
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
    if (folder / "adapter_config.json").is_file():
        raise Fault(
            "MODEL_INVALID",
            f"model {name}: expected a model, got a folder with config.json and adapter_config.json: transformers "
            "would load the adapter's base from elsewhere",
            "For the adapter: give its base as the model and this folder as the adapter. For the model: move "
            "adapter_config.json away.",
        )
    if not any(folder.glob("*.safetensors")) and not (folder / INDEX).is_file():
        got = "only .bin files" if any(folder.glob("*.bin")) else "no weights"
        raise Fault(
            "MODEL_INVALID",
            f"model {name}: expected weights as .safetensors, got {got}",
            "Pickled weights can run code and are refused; save the model again with save_pretrained.",
        )
    if not has_tokenizer(folder):
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
    except (OSError, ValueError, RecursionError) as error:
        raise Fault("MODEL_INVALID", f"model {name}: config.json cannot be read: {error}") from error
    if not isinstance(config, dict) or "model_type" not in config:
        raise Fault("MODEL_INVALID", f"model {name}: config.json names no model_type")
    return config


def _known_to_transformers(config: dict[str, object]) -> bool:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    return config.get("model_type") in CONFIG_MAPPING_NAMES


def check_gguf(path: Path, name: str) -> None:
    """Raises MODEL_INVALID for a file that is no GGUF or only a part of one."""
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise Fault("MODEL_INVALID", f"model {name}: the file does not begin as a GGUF file does")
    if re.search(r"-\d{5}-of-\d{5}\.gguf$", path.name):
        raise Fault(
            "MODEL_INVALID", f"model {name}: split GGUF files are not read", "Join them with gguf-split --merge."
        )
