"""What a model's settings ask for, before anything of that size is made: a number in a JSON file is quickly written.

The outline of a model (its modules without weights) is built once the counts are sensible. What it would hold must be
what the weight files can fill, and what the machine can hold; patterns are tried on the outline's names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from ..faults import Fault
from ..memory import device_memory
from ..sandbox import check_patterns
from .source import Source
from .spec import ModelSpec

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

MOST_LAYERS = 1024
MOST_PARTS = 200_000  # layers times experts, say
COUNTS = re.compile(r"layers?$|^n_layer|expert|block|stage|branch|depth", re.IGNORECASE)
MOST_GROWTH = 64  # characters of a tokenizer's text for one of the row's
LONGEST_TOKEN = 4096
BYTES = {"none": None, "int8": 1.0, "nf4": 0.5}


def check_size(spec: ModelSpec, source: Source, config: PretrainedConfig, device: torch.device) -> None:
    """Raises MODEL_INVALID for a configuration that its weights cannot fill, OUT_OF_MEMORY for what the machine cannot
    hold."""
    model = outline(config, spec)
    described = sum(tensor.numel() for tensor in (*model.parameters(), *model.buffers()))
    packed = source.gguf is not None or getattr(config, "quantization_config", None) is not None
    held = weights_held(source, packed)
    if described > 2 * held + 1_000_000:  # tied weights lie there once
        raise Fault(
            "MODEL_INVALID",
            f"model {source.name}: its configuration describes {described} weights, its files hold {held}",
        )
    size = BYTES[spec.quantization] or getattr(torch, spec.dtype_name(device)).itemsize
    total, _ = device_memory(device)
    if described * size > total:
        raise Fault(
            "OUT_OF_MEMORY",
            f"model {source.name}: its {described} weights need {described * size / 1e9:.1f} GB, "
            f"{device} has {total / 1e9:.1f} GB",
            "Use quantization: nf4, or a smaller model.",
        )
    patterns = strings(getattr(config, "quantization_config", None))
    check_patterns(patterns, names_of(model), f"model {source.name}: quantization_config")


def check_counts(source: Source) -> None:
    """From the files alone: even a configuration is made in steps. Raises MODEL_INVALID for more layers or parts than
    any model has: making them takes minutes and gigabytes."""
    parts = 1
    for key, value in counts(settings(source)):
        if value > (MOST_PARTS if "expert" in key else MOST_LAYERS):
            raise Fault("MODEL_INVALID", f"model {source.name}: {key}: got {value}, more than any model has")
        if "layer" in key or "expert" in key:
            parts *= max(value, 1)
    if parts > MOST_PARTS**2:
        raise Fault("MODEL_INVALID", f"model {source.name}: {parts} layers and experts, more than any model has")


def settings(source: Source) -> dict[str, Any]:
    """What config.json or the head of a GGUF file says. Raises MODEL_INVALID."""
    try:
        if source.gguf is None:
            return json.loads((source.folder / "config.json").read_text(encoding="utf-8"))
        from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

        return load_gguf_checkpoint(str(source.folder / source.gguf), return_tensors=False)["config"]
    except Exception as error:
        text = (str(error).strip() or "no message").splitlines()[0][:300]
        raise Fault(
            "MODEL_INVALID", f"model {source.name}: its settings cannot be read: {type(error).__name__}: {text}"
        ) from error


def counts(config: Any) -> Iterator[tuple[str, int]]:
    """Names and values of all settings that count something, at any depth."""
    for key, value in config.items() if isinstance(config, dict) else ():
        if isinstance(value, dict):
            yield from counts(value)
        elif isinstance(value, int) and not isinstance(value, bool) and COUNTS.search(str(key)):
            yield str(key), value


def outline(config: PretrainedConfig, spec: ModelSpec) -> PreTrainedModel:
    """The model without weights. Raises MODEL_INVALID."""
    from transformers import AutoModelForCausalLM

    try:
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config, attn_implementation=spec.attention_name())
    except Exception as error:
        text = (str(error).strip() or "no message").splitlines()[0][:300]
        raise Fault(
            "MODEL_INVALID", f"model {spec.source}: it cannot be loaded: {type(error).__name__}: {text}"
        ) from error


def weights_held(source: Source, packed: bool) -> int:
    """Numbers in the weight files; packed: as many as they could hold, with a bit for each. Raises MODEL_INVALID."""
    if packed:
        return 8 * sum(path.stat().st_size for path in source.weight_files())
    from safetensors import SafetensorError, safe_open

    found = 0
    for path in source.weight_files():
        try:
            with safe_open(path, "pt") as file:
                shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118 - no dict
        except (OSError, SafetensorError) as error:
            raise Fault("MODEL_INVALID", f"model {source.name}: it cannot be loaded: {path.name}: {error}") from error
        found += sum(torch.Size(shape).numel() for shape in shapes)
    return found


def names_of(model: torch.nn.Module) -> list[str]:
    """Names of all modules and parameters, for a look at their pattern."""
    return [name for name, _ in (*model.named_modules(), *model.named_parameters()) if name]


def strings(value: Any) -> list[str]:
    """Every text in a setting, keys included."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in strings(part)]
    return [text for part in value for text in strings(part)] if isinstance(value, (list, tuple, set)) else []


def check_tokenizer(source: Source) -> None:
    """Raises MODEL_INVALID for a tokenizer.json whose rules write many times the text they get."""
    path = source.folder / "tokenizer.json"
    if source.gguf or not path.is_file():
        return
    try:
        rules = json.loads(path.read_text(encoding="utf-8"))
        for part in ("normalizer", "pre_tokenizer", "decoder"):
            grown = growth(rules.get(part))
            if grown > MOST_GROWTH:
                raise Fault(
                    "MODEL_INVALID", f"model {source.name}: tokenizer.json: {part} writes {grown:.0f} times its text"
                )
        vocabulary = rules.get("model", {}).get("vocab", {})
        tokens = [entry if isinstance(entry, str) else entry[0] for entry in vocabulary]
        tokens += [token["content"] for token in rules.get("added_tokens") or []]
        longest = max(map(len, tokens), default=0)
    except (OSError, ValueError, RecursionError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise Fault("MODEL_INVALID", f"model {source.name}: tokenizer.json: {type(error).__name__}: {error}") from error
    if longest > LONGEST_TOKEN:
        raise Fault("MODEL_INVALID", f"model {source.name}: tokenizer.json: a token of {longest} characters")


def growth(rule: Any) -> float:
    """Characters written for one that is read, at most, by replacements one after another."""
    if isinstance(rule, list):
        product = 1.0
        for part in rule:
            product *= growth(part)
        return product
    if not isinstance(rule, dict):
        return 1.0
    own = 1.0
    if rule.get("type") == "Replace":
        pattern = rule.get("pattern", {})
        own = max(1.0, (len(rule.get("content", "")) + ("Regex" in pattern)) / max(1, len(pattern.get("String", ""))))
    for part in rule.values():
        if isinstance(part, (dict, list)):
            own *= growth(part)
    return own
