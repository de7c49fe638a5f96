"""What is trained: a LoRA adapter in float32 on a frozen model, or all weights.

The adapter starts at zero effect, initialised from a seed and from nothing that happened before. A START adapter that
the model was loaded with stays active and frozen underneath, so that "adapter off" is the policy's start, bit for bit.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from ..faults import Fault
from ..models.load import Loaded, first_line
from ..models.merge import check_merge, merge
from ..models.start_adapter import START, carries, lora_layers
from .seeds import seeded

if TYPE_CHECKING:
    from peft import PeftModel

POLICY = "default"  # the name under which PEFT writes into the folder itself and not into a subfolder


@dataclass(frozen=True, slots=True)
class LoraSpec:
    """target_modules: empty = PEFT's default for the architecture."""

    r: int
    alpha: float
    dropout: float
    target_modules: tuple[str, ...]


@dataclass(slots=True)
class Policy:
    """model: what runs. lora: None = all weights are trained. updates: commits that changed it."""

    model: nn.Module
    lora: LoraSpec | None
    has_start: bool
    updates: int = 0

    def parameters(self) -> list[nn.Parameter]:
        """Those that are trained, in a fixed order."""
        return list(self.named_parameters().values())

    def named_parameters(self) -> dict[str, nn.Parameter]:
        """What is trained, by its name in the model."""
        return {name: parameter for name, parameter in self.model.named_parameters() if parameter.requires_grad}

    def trained_modules(self) -> list[str]:
        """Names of the modules that the adapter is on; ["all"] without an adapter."""
        if self.lora is None:
            return ["all"]
        return [name for name, layer in lora_layers(self.model).items() if carries(layer, POLICY)]

    @contextmanager
    def off(self) -> Iterator[None]:
        """The policy as it started (RefM1). Raises UNSUPPORTED once full fine-tuning has moved it."""
        if self.lora is None:
            if self.updates > 0:
                raise Fault(
                    "UNSUPPORTED",
                    "full fine-tuning has changed the start of the policy: there is no adapter to turn off",
                    "Score the start before the first update.",
                )
            yield
            return
        layers = lora_layers(self.model).values()
        for layer in layers:
            if self.has_start and carries(layer, START):
                layer.set_adapter([START])
            else:
                layer.enable_adapters(False)
        try:
            yield
        finally:
            for layer in layers:
                layer.enable_adapters(True)
            activate(self.model, self.has_start)


def check_policy(loaded: Loaded, lora: LoraSpec | None) -> None:
    """Raises TARGET_MODULES_UNMATCHED or UNSUPPORTED for a policy that cannot be made; changes nothing."""
    if lora is not None:
        check_targets(loaded, lora.target_modules)
    elif loaded.quantised:
        raise Fault(
            "UNSUPPORTED",
            f"full fine-tuning of a model {loaded.quantised}: quantised weights cannot be trained",
            "Train an adapter (lora), or load the model without quantization.",
        )
    else:
        check_merge(loaded.model)


def create_policy(loaded: Loaded, lora: LoraSpec | None, seed: int) -> Policy:
    """Puts a policy that `check_policy` accepted on the model."""
    has_start = loaded.model is not loaded.base
    if lora is None:
        return Policy(_all_weights(loaded), None, has_start)
    with seeded(loaded.device, seed, "adapter"):
        model = _with_adapter(loaded, lora, has_start)
    activate(model, has_start)
    policy = Policy(model, lora, has_start)
    _check_replaced(loaded, policy)
    return policy


def remove_policy(loaded: Loaded, policy: Policy) -> None:
    """Takes the trained adapter off again; loaded.model is then what was loaded."""
    if policy.lora is None:
        raise Fault("UNSUPPORTED", "this model's own weights were trained: load it again for another trainer")
    model: PeftModel = policy.model  # type: ignore[assignment]
    if policy.has_start:
        model.delete_adapter(POLICY)
        model.set_adapter(START)
    else:
        loaded.model = model.unload()
    loaded.model.requires_grad_(False)


def _all_weights(loaded: Loaded) -> nn.Module:
    if loaded.model is not loaded.base:
        loaded.model = loaded.base = merge(loaded.model)
    loaded.model.requires_grad_(True)
    return loaded.model


def _with_adapter(loaded: Loaded, lora: LoraSpec, has_start: bool) -> nn.Module:
    from peft import LoraConfig, get_peft_model

    targets: list[str] | str | None = list(lora.target_modules) or None
    if targets == ["all-linear"]:
        targets = "all-linear"
    config = LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=targets,
        task_type="CAUSAL_LM",
        bias="none",
    )
    try:
        if not has_start:
            return get_peft_model(loaded.model, config, adapter_name=POLICY)
        loaded.model.add_adapter(POLICY, config)  # type: ignore[operator]
        return loaded.model
    except ValueError as error:
        raise Fault(
            "TARGET_MODULES_UNMATCHED",
            f"target_modules: {first_line(error)}",
            f"Name modules of this model: {', '.join(adaptable_names(loaded))}.",
        ) from error


def _check_replaced(loaded: Loaded, policy: Policy) -> None:
    """A module that the start adapter holds as a whole cannot also carry low ranks in one PEFT folder."""
    whole = loaded.start.replacements.whole_modules(loaded.base) if loaded.start else set()
    taken = [name for name in policy.trained_modules() if any(f"{name}.".startswith(f"{each}.") for each in whole)]
    if taken:
        remove_policy(loaded, policy)
        raise Fault(
            "UNSUPPORTED",
            f"target_modules: got {', '.join(taken)}, which the start adapter {loaded.source.adapter} holds as a whole "
            "(modules_to_save or trainable_token_indices): one adapter folder cannot have both",
            "Name other modules, or merge the start adapter into its base first (peft's merge_and_unload).",
        )


def activate(model: nn.Module, has_start: bool) -> None:
    """Both adapters compute, only the policy's is trained."""
    for layer in lora_layers(model).values():
        layer.set_adapter([name for name in (START, POLICY) if carries(layer, name) and (has_start or name == POLICY)])
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(f".{POLICY}." in f"{name}." and "lora_" in name)


def check_targets(loaded: Loaded, targets: tuple[str, ...]) -> None:
    """Every name must match modules, all of which can carry an adapter: PEFT itself is content when one of several
    names matches."""
    if targets == ("all-linear",):
        return
    unmatched = [target for target in targets if not all_adaptable(loaded.adaptable_modules, target)]
    if not unmatched:
        return
    known = adaptable_names(loaded)
    close = difflib.get_close_matches(unmatched[0], known, n=1)
    meant = f" Did you mean {close[0]}?" if close else ""
    raise Fault(
        "TARGET_MODULES_UNMATCHED",
        f"target_modules: got {', '.join(unmatched)}, expected names of layers that can carry one: {', '.join(known)}",
        f"Each name must match modules of the policy.{meant}",
    )


def all_adaptable(adaptable_modules: dict[str, bool], target: str) -> bool:
    """PEFT's rule for a name: a whole module name, or the end of one after a dot."""
    matches = [able for name, able in adaptable_modules.items() if name == target or name.endswith(f".{target}")]
    return bool(matches) and all(matches)


def adaptable_names(loaded: Loaded) -> list[str]:
    """Last parts of the names of modules that can carry an adapter, in order of appearance."""
    return list(dict.fromkeys(name.rpartition(".")[2] for name, able in loaded.adaptable_modules.items() if able))
