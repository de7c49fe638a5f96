"""Which PEFT adapters can be loaded: one table over the fields of adapter_config.json.

Every field is either followed exactly or refused by its name, from the JSON alone, before a weight is read. What an
adapter adds stays a low-rank part of its own below the trained one; what it puts in the place of base weights
(modules_to_save, single tokens, biases, resized embeddings) goes into the base.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..faults import Fault

FOLLOWED = frozenset(
    {
        "alpha_pattern",
        "bias",
        "exclude_modules",
        "fan_in_fan_out",
        "init_lora_weights",  # see INITIALISATIONS
        "layers_pattern",
        "layers_to_transform",
        "lora_alpha",
        "lora_bias",
        "lora_dropout",  # off: a start adapter is not trained
        "modules_to_save",
        "peft_type",
        "r",
        "rank_pattern",
        "target_modules",
        "task_type",
        "trainable_token_indices",
        "use_dora",
        "use_rslora",
    }
)
WITHOUT_EFFECT = frozenset(
    {
        "auto_mapping",
        "base_model_name_or_path",
        "corda_config",
        "eva_config",
        "inference_mode",
        "loftq_config",
        "lora_ga_config",
        "megatron_core",  # without megatron_config
        "peft_version",
        "qalora_group_size",  # without use_qalora
        "revision",
        "runtime_config",
    }
)
"""Settings of an initialisation or of a place, which a loaded adapter no longer has."""

REFUSED = frozenset(
    {
        "alora_invocation_tokens",
        "arrow_config",
        "ensure_weight_tying",
        "kasa_config",
        "layer_replication",
        "megatron_config",
        "monteclora_config",
        "target_parameters",
        "use_bdlora",
        "use_qalora",
        "velora_config",
    }
)
INITIALISATIONS = (True, False, "gaussian", "eva", "orthogonal", "mica", "pissa", "olora")
"""pissa and olora take their first weights out of the base; the rest of the base is what the adapter adds to."""

TAKEN_FROM_BASE = ("pissa", "olora")
MERGE_HINT = "Merge it into its base first (peft's merge_and_unload, save_pretrained) and use the merged model."


def check_adapter(folder: Path, name: str, quantised: bool) -> None:
    """Raises MODEL_INVALID or UNSUPPORTED, naming the field. quantised: the base is, or will be when it is loaded."""
    config = _read(folder, name)
    kind = config.get("peft_type")
    if kind != "LORA":
        raise _refusal(name, "peft_type", kind, "LORA")
    unknown = [field for field in config if field not in FOLLOWED | WITHOUT_EFFECT | REFUSED]
    for field in sorted([*REFUSED, *unknown]):
        if config.get(field):
            expected = "no such setting" if field in REFUSED else "a setting of LoraConfig that is known here"
            raise _refusal(name, field, config[field], expected)
    for field, known in _VALUES.items():
        value = config.get(field, known[0])
        if not any(value == each and type(value) is type(each) for each in known):
            hint = _CONVERT_HINT if field == "init_lora_weights" else MERGE_HINT
            raise _refusal(name, field, value, f"one of {', '.join(map(json.dumps, known))}", hint)
    if quantised and config.get("init_lora_weights") in TAKEN_FROM_BASE:
        raise _refusal(
            name, "init_lora_weights", config["init_lora_weights"], "another one on quantised weights", _CONVERT_HINT
        )


_VALUES: dict[str, tuple[Any, ...]] = {
    "task_type": ("CAUSAL_LM", None),
    "bias": ("none", "all", "lora_only"),
    "init_lora_weights": INITIALISATIONS,
}
_CONVERT_HINT = (
    "What such an adapter adds to depends on weights that its folder does not hold. Convert it to a plain one "
    "(peft's save_pretrained with path_initial_model_for_weight_conversion), or merge it into its base."
)


def _read(folder: Path, name: str) -> Mapping[str, Any]:
    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Fault("MODEL_INVALID", f"adapter {name}: adapter_config.json cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise Fault("MODEL_INVALID", f"adapter {name}: adapter_config.json is no JSON object")
    return config


def _refusal(name: str, field: str, got: object, expected: str, hint: str = MERGE_HINT) -> Fault:
    shown = json.dumps(got)
    shown = shown if len(shown) <= 100 else f"{shown[:100]}..."
    return Fault("UNSUPPORTED", f"adapter {name}: {field}: got {shown}, expected {expected}", hint)
