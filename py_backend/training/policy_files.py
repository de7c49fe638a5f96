"""The files of a trained policy: an adapter in PEFT format, or whole weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file
from torch import nn

from ..faults import Fault
from ..models.load import Loaded, load_model
from ..models.merge import merge
from ..models.start_adapter import open_adapter
from .combined import combine
from .policy import POLICY, Policy

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def writes_adapter(policy: Policy | None, merge: bool) -> bool:
    """Whether an export has adapter files and not whole weights."""
    return not merge and (policy is None or policy.lora is not None)


def write_adapter(loaded: Loaded, policy: Policy, folder: Path) -> None:
    """One adapter on the original base: the trained one, with what the start adapter is added to it."""
    model = policy.model
    if loaded.start is None:
        config = model.peft_config[POLICY]  # type: ignore[index,union-attr]
        _name_base(config, loaded)
        model.save_pretrained(str(folder), selected_adapters=[POLICY], save_embedding_layers=False)  # type: ignore[operator]
        return
    config, tensors = combine(model, loaded.start, POLICY)
    _name_base(config, loaded)
    config.save_pretrained(str(folder))
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})


def write_whole(loaded: Loaded, policy: Policy | None, folder: Path) -> None:
    """A model that transformers opens alone, unquantised, with every adapter in its weights."""
    trained = policy is not None and policy.lora is None
    model = loaded.base if trained else merged_model(loaded, policy, folder.parent)
    with own_generation_settings(model, loaded, folder):
        model.save_pretrained(str(folder))


@contextmanager
def own_generation_settings(model: PreTrainedModel, loaded: Loaded, folder: Path) -> Iterator[None]:
    """The model's generation_config.json is kept as it is: transformers refuses to write some that it reads."""
    from transformers import GenerationConfig

    settings, model.generation_config = model.generation_config, GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = settings
    written, own = folder / "generation_config.json", loaded.source.folder / "generation_config.json"
    if loaded.source.gguf is None and own.is_file():
        shutil.copyfile(own, written)
    elif written.is_file():
        # Without a file of its own a model generates by what its configuration says of special tokens.
        kept = {
            key: value for key, value in settings.to_dict().items() if key.endswith("_token_id") and value is not None
        }
        written.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def merged_model(loaded: Loaded, policy: Policy | None, scratch: Path) -> PreTrainedModel:
    """A second copy of the base on the CPU, with the dequantised weights where the base is quantised (those the policy
    was trained on) and every adapter merged into it, the trained one by way of `scratch`."""
    spec = replace(loaded.spec, quantization="none", dtype=loaded.spec.dtype_name(loaded.device))
    fresh = load_model(spec, replace(loaded.source, adapter=None), torch.device("cpu")).base
    if getattr(fresh, "hf_quantizer", None) is not None:
        _dequantise(fresh)
    _copy_dequantised(loaded.base, fresh)
    if policy is None and loaded.start is None:
        return fresh
    if policy is None:
        model, _ = open_adapter(fresh, loaded.source.adapter, str(loaded.source.adapter))
    else:
        adapter = scratch / "adapter"
        adapter.mkdir()
        write_adapter(loaded, policy, adapter)
        model, _ = open_adapter(fresh, adapter, "of the policy")
    return model if model is fresh else merge(model)


def _dequantise(stored: PreTrainedModel) -> None:
    """Plain weights instead of those stored in few bits, and no wish to write them in few bits again."""
    stored.dequantize()
    conversions = getattr(stored, "_weight_conversions", None) or []
    stored._weight_conversions = [
        each
        for each in conversions
        if not any("bitsandbytes" in type(step).__module__ for step in getattr(each, "operations", ()))
    ] or None


@torch.no_grad()
def _copy_dequantised(quantised: nn.Module, plain: nn.Module) -> None:
    from peft.utils.integrations import dequantize_module_weight

    targets = dict(plain.named_modules())
    for name, module in quantised.named_modules():
        own = name.removeprefix("base_model.model.").replace(".base_layer", "")
        if type(module).__module__.startswith("bitsandbytes") and hasattr(module, "weight"):
            weight = dequantize_module_weight(module)
            targets[own].weight.copy_(weight)


def _name_base(config: object, loaded: Loaded) -> None:
    config.base_model_name_or_path = base_name(loaded)  # type: ignore[attr-defined]
    config.revision = loaded.source.revision or None  # type: ignore[attr-defined]


def base_name(loaded: Loaded) -> str:
    """What PeftModel.from_pretrained is to open: the hub id, or the folder as an absolute path."""
    source = loaded.source
    if source.revision:
        return source.name
    return str(source.folder / source.gguf) if source.gguf else str(source.folder)


def check_whole(loaded: Loaded, policy: Policy | None, folder: Path) -> None:
    """What writing a whole model can refuse, without its weights. Raises UNSUPPORTED."""
    from ..models.merge import check_merge

    if policy is None or policy.lora is not None:
        check_merge(loaded.model)
    loaded.base.config.save_pretrained(str(folder))


def whole_bytes(loaded: Loaded) -> int:
    """Of a model written unquantised."""
    from ..models.spec import DTYPES

    itemsize = DTYPES[loaded.spec.dtype_name(loaded.device)].itemsize
    return loaded.base.num_parameters() * itemsize


def require_trained(policy: Policy | None) -> Policy:
    """The policy. Raises UNSUPPORTED where there is none."""
    if policy is None:
        raise Fault("UNSUPPORTED", "export of an adapter: this model has no trained adapter", "Train it first.")
    return policy
