"""Brings a model into memory: base weights as the spec says, a PEFT adapter on top where it names one, a tokenizer.

The low-rank parts of a spec's adapter stay a frozen adapter of their own (named START): merging them would requantise a
quantised base, and so "the policy with its trainable adapter off" is exactly the model that was loaded.
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..engine.errors import is_device_lost, is_out_of_memory
from ..engine.float32_stream import has_units
from ..faults import Fault
from ..sandbox import check_patterns
from .adapter_base import note_on_base
from .gguf_bos import add_bos
from .gguf_weights import unread_gguf
from .limits import check_counts, check_size, check_tokenizer, names_of, strings
from .source import Source
from .spec import ATTENTION, DTYPES, ModelSpec
from .start_adapter import StartAdapter, open_adapter
from .weight_report import WeightReport

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

log = logging.getLogger("mrpo")


@dataclass(slots=True)
class Loaded:
    """model: the transformers model, wrapped by PEFT when it has a START adapter. Weights are frozen, mode is eval.
    start: what came from the spec's adapter, or None. notes: what a user should know of where its parts come from.
    adaptable_modules: by name of each of the model's own modules, whether an adapter can be put on it."""

    spec: ModelSpec
    source: Source
    model: nn.Module
    tokenizer: PreTrainedTokenizerBase
    base: PreTrainedModel = field(repr=False)
    adaptable_modules: dict[str, bool] = field(repr=False)
    start: StartAdapter | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.base.parameters()).device

    @property
    def quantised(self) -> str:
        """How, in words: by the spec, or stored so. Empty for plain weights."""
        if self.spec.quantization != "none":
            return f"in {self.spec.quantization}"
        return "stored in few bits" if getattr(self.base, "hf_quantizer", None) is not None else ""


def load_tokenizer(spec: ModelSpec, source: Source) -> PreTrainedTokenizerBase:
    """The model's own tokenizer, the one in its adapter's folder, or the one it is given, with the spec's chat template
    when it has one. Raises MODEL_INVALID."""
    from transformers import AutoTokenizer

    own_template = None if source.words else template_beside(source.adapter)
    check_counts(source)
    if source.words is not None:
        source = source.words
        if source.gguf or (source.folder / "config.json").is_file():  # an adapter's folder has none
            check_counts(source)
    check_tokenizer(source)
    options = {"gguf_file": source.gguf} if source.gguf else {}
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            str(source.folder), local_files_only=True, trust_remote_code=False, **options
        )
        if source.gguf:
            add_bos(tokenizer, source.folder / source.gguf)
    except Exception as error:
        raise Fault(
            "MODEL_INVALID", f"model {source.name}: its tokenizer cannot be read: {first_line(error)}"
        ) from error
    template = spec.chat_template or own_template
    if template:
        tokenizer.chat_template = template
    return tokenizer


def template_beside(adapter: Path | None) -> str | None:
    """The chat template in an adapter's folder that holds no tokenizer."""
    file = adapter / "chat_template.jinja" if adapter else None
    return file.read_text(encoding="utf-8") if file and file.is_file() else None


def chat_template_of(tokenizer: PreTrainedTokenizerBase) -> str:
    """The template in force as text, empty when there is none."""
    return _template(tokenizer, "default")


def tool_template_of(tokenizer: PreTrainedTokenizerBase) -> str:
    """The template for conversations with tools where the model has one of its own, else empty."""
    return _template(tokenizer, "tool_use")


def _template(tokenizer: PreTrainedTokenizerBase, name: str) -> str:
    template = getattr(tokenizer, "chat_template", None)
    named = template if isinstance(template, dict) else {"default": template}
    return named.get(name) or ""


def embeddings(loaded: Loaded) -> int:
    """Token ids that the model can take, from 0."""
    return loaded.base.get_input_embeddings().weight.shape[0]


def load_model(spec: ModelSpec, source: Source, device: torch.device) -> Loaded:
    """Raises MODEL_INVALID, UNSUPPORTED or OUT_OF_MEMORY."""
    tokenizer = load_tokenizer(spec, source)
    base = _load_base(spec, source, device)
    base.config.use_cache = True
    adaptable_modules = {name: can_adapt(module) for name, module in base.named_modules()}
    model: nn.Module = base
    start = None
    if source.adapter is not None:
        model, start = _with_start_adapter(base, source)
    model.requires_grad_(False)
    model.eval()
    return Loaded(
        spec=spec,
        source=source,
        model=model,
        tokenizer=tokenizer,
        base=base,
        adaptable_modules=adaptable_modules,
        start=start,
        notes=(
            *filter(None, [note_on_base(source)]),
            *_notes_on_places(spec, source),
            *_notes_on_sizes(base, tokenizer),
            *notes_on_speed(spec, device),
        ),
    )


def notes_on_speed(spec: ModelSpec, device: torch.device) -> list[str]:
    """What a number format costs on this processor, where it costs time and gains none."""
    if device.type != "cpu" or spec.dtype not in ("bfloat16", "float16"):
        return []
    if spec.dtype == "bfloat16" and has_units():
        return []
    return [
        f"dtype {spec.dtype} is slower than float32 on this processor, which has no units for it: "
        "leave dtype out, unless memory is short"
    ]


def _notes_on_sizes(base: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[str]:
    known, rows = len(tokenizer), base.get_input_embeddings().weight.shape[0]
    if known <= rows:
        return []
    return [
        f"its tokenizer knows {known} tokens and the model has embeddings for {rows}: rows with others are left out"
    ]


def _notes_on_places(spec: ModelSpec, source: Source) -> list[str]:
    if source.adapter is None or spec.tokenizer:
        return []
    if source.words is not None:
        parts = "the tokenizer is the one" if spec.chat_template else "tokenizer and chat template are those"
        return [f"{parts} in the folder of its adapter {spec.adapter}"]
    if not spec.chat_template and template_beside(source.adapter):
        return [f"the chat template is the one in the folder of its adapter {spec.adapter}"]
    return []


def can_adapt(module: nn.Module) -> bool:
    """Linear layers, bitsandbytes' and GPT-2's own kinds of them, and embeddings."""
    return isinstance(module, (nn.Linear, nn.Embedding)) or type(module).__name__ == "Conv1D"


def _load_base(spec: ModelSpec, source: Source, device: torch.device) -> PreTrainedModel:
    from transformers import AutoModelForCausalLM

    if spec.attention and spec.attention not in ATTENTION:
        raise Fault("UNSUPPORTED", f"attention: got {spec.attention!r}, expected one of {', '.join(ATTENTION)}")
    if source.gguf and spec.quantization != "none":
        raise Fault(
            "UNSUPPORTED",
            f"model {source.name}: a .gguf file cannot be loaded in {spec.quantization}",
            "Its weights are brought to dtype when it is read. Leave quantization out, or use the original folder.",
        )
    if source.words is not None:
        check_counts(source)
    check_size(spec, source, _config(source), device)
    options: dict[str, object] = {
        "dtype": DTYPES[spec.dtype_name(device)],
        "attn_implementation": spec.attention_name(),
        "device_map": {"": str(device)},
        "local_files_only": True,
        "trust_remote_code": False,
    }
    if source.gguf:
        options["gguf_file"] = source.gguf
    else:
        options["use_safetensors"] = True
    if spec.quantization != "none":
        options["quantization_config"] = quantization_config(spec, device)
    failure: str
    try:
        model, info = AutoModelForCausalLM.from_pretrained(
            str(source.folder), output_loading_info=True, ignore_mismatched_sizes=True, **options
        )
        report = str(_loading_report(model, info, source))
        if not report:
            return plain_if_gguf(model, source)
        failure = f"MODEL_INVALID:its weights do not fit its configuration: {report}"
    except Exception as error:  # noqa: BLE001 - transformers raises many kinds
        if is_device_lost(error):
            raise
        if is_out_of_memory(error):
            failure = f"OUT_OF_MEMORY:{first_line(error)}"
        else:
            log.warning("model %s cannot be loaded", source.name, exc_info=error)
            failure = f"MODEL_INVALID:{first_line(error)}"
    reason, _, text = failure.partition(":")
    raise Fault(reason, f"model {source.name}: it cannot be loaded: {text}")


def _config(source: Source) -> PretrainedConfig:
    from transformers import AutoConfig

    options = {"gguf_file": source.gguf} if source.gguf else {}
    try:
        return AutoConfig.from_pretrained(str(source.folder), local_files_only=True, trust_remote_code=False, **options)
    except Exception as error:
        raise Fault("MODEL_INVALID", f"model {source.name}: config.json: {first_line(error)}") from error


def _loading_report(model: PreTrainedModel, info: dict[str, Any], source: Source) -> WeightReport:
    """What transformers only warns of: it starts missing weights anew and leaves others unread."""
    own = model.state_dict()
    unexpected = dict.fromkeys(info["unexpected_keys"])
    if source.gguf:
        unexpected |= unread_gguf(model, source.folder / source.gguf)
    return WeightReport(
        missing={name: own[name].shape if name in own else None for name in info["missing_keys"]},
        unexpected={name: size for name, size in unexpected.items() if not _OF_OTHER_PARTS.search(name)},
        resized={name: (got, expected) for name, got, expected in info["mismatched_keys"]},
    )


_OF_OTHER_PARTS = re.compile(
    r"rotary_emb\.inv_freq$|\.(masked_)?bias_mask$|(^|\.)(mtp|visual|vision_(tower|model)|audio_tower|multi_modal_projector|score)\."
)
"""Weights that text generation does not use: buffers of older files, other modalities, further prediction heads."""


def plain_if_gguf(model: PreTrainedModel, source: Source) -> PreTrainedModel:
    """Weights of a GGUF file are plain ones once they are read; without its mark they can be saved and trained."""
    if source.gguf and hasattr(model, "hf_quantizer"):
        model.hf_quantizer.remove_quantization_config(model)
    return model


def quantization_config(spec: ModelSpec, device: torch.device) -> object:
    """The bitsandbytes settings of an int8 or nf4 model; nf4 uses double quantisation."""
    from transformers import BitsAndBytesConfig

    if spec.quantization == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=DTYPES[spec.dtype_name(device)],
    )


def _with_start_adapter(base: PreTrainedModel, source: Source) -> tuple[nn.Module, StartAdapter]:
    check_adapter_patterns(base, source)
    name = str(source.adapter)
    try:
        return open_adapter(base, source.adapter, name)
    except Fault:
        raise
    except Exception as error:
        raise Fault("MODEL_INVALID", f"adapter {name}: it does not fit {source.name}: {first_line(error)}") from error


PATTERNS = (
    "target_modules",
    "exclude_modules",
    "modules_to_save",
    "layers_pattern",
    "rank_pattern",
    "alpha_pattern",
    "target_parameters",
    "trainable_token_indices",
)
"""Settings of adapter_config.json that PEFT matches names of modules against."""


def check_adapter_patterns(base: PreTrainedModel, source: Source) -> None:
    """Raises MODEL_INVALID for patterns that would take for ever."""
    assert source.adapter is not None
    config = json.loads((source.adapter / "adapter_config.json").read_text(encoding="utf-8"))
    found = [text for field in PATTERNS for text in strings(config.get(field))]
    check_patterns(found, names_of(base), f"adapter {source.adapter}")


def first_line(error: Exception) -> str:
    """What an error says, short enough for a message."""
    text = str(error).strip() or type(error).__name__
    return f"{type(error).__name__}: {text.splitlines()[0][:300]}"
