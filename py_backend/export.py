"""Writes what was trained: the adapter in PEFT format, or a whole model with the adapter merged in.

A folder appears complete or not at all (temporary folder beside it, flushed, renamed) and nothing is ever overwritten.
Merging reloads the base unquantised on the CPU: merging into quantised weights would round the update away.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError

from .faults import Fault
from .models.load import START, Loaded, load_model
from .progress import Progress, Report
from .roots import Roots
from .scratch import scratch_folder
from .training.policy import POLICY, Policy, activate

if TYPE_CHECKING:
    from peft import PeftModel

COMBINED = "combined"


def export(
    loaded: Loaded,
    policy: Policy | None,
    path: str,
    *,
    merge: bool,
    model_card: str,
    replace: bool,
    roots: Roots,
    report: Report,
) -> tuple[Path, list[str]]:
    """The folder and the files in it. Raises PATH_REFUSED for a folder that holds something, UNSUPPORTED for a model
    of which nothing was trained (unless its whole weights are asked for)."""
    target = check_target(path, roots, replace)
    try:
        with scratch_folder(target.parent, target.name) as scratch:
            content = scratch / "content"
            content.mkdir()
            report(Progress("write", 0, 0, "bytes"))
            write_weights(loaded, policy, content, merge)
            loaded.tokenizer.save_pretrained(str(content))
            if model_card:
                (content / "README.md").write_text(model_card, encoding="utf-8")
            share(content)
            flush(content)
            if replace and target.exists():
                os.rename(target, scratch / "replaced")
            os.rename(content, target)
    except (OSError, SafetensorError) as error:
        raise Fault("PATH_REFUSED", f"export to {target}: {getattr(error, 'strerror', None) or error}") from error
    files = sorted(str(file.relative_to(target)) for file in target.rglob("*") if file.is_file())
    size = sum((target / file).stat().st_size for file in files)
    report(Progress("write", size, size, "bytes"))
    return target, files


def check_target(path: str, roots: Roots, replace: bool) -> Path:
    target = roots.check(path, "export")
    if target.exists() and not may_take(target, replace):
        raise Fault("PATH_REFUSED", f"export to {target}: it exists and is not an empty folder", "Choose another path.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Fault("PATH_REFUSED", f"export to {target}: {error.strerror}") from error
    return target


def may_take(target: Path, replace: bool) -> bool:
    """An empty folder, or an earlier export that is to be replaced."""
    if not target.is_dir():
        return False
    names = {path.name for path in target.iterdir()}
    return not names or (replace and not names.isdisjoint({"adapter_config.json", "config.json"}))


def write_weights(loaded: Loaded, policy: Policy | None, folder: Path, merge: bool) -> None:
    if policy is not None and policy.lora is None:
        loaded.base.save_pretrained(str(folder))
    elif not merge:
        if policy is None:
            raise Fault("UNSUPPORTED", "export of an adapter: this model has no trained adapter", "Train it first.")
        write_adapter(loaded, policy, folder)
    else:
        merged_model(loaded, policy, folder.parent).save_pretrained(str(folder))


def write_adapter(loaded: Loaded, policy: Policy, folder: Path) -> None:
    """One adapter on the original base; with a START adapter underneath, the sum of both as one of added ranks."""
    model: PeftModel = policy.model  # type: ignore[assignment]
    name = COMBINED if policy.has_start else POLICY
    if policy.has_start:
        model.add_weighted_adapter([START, POLICY], [1.0, 1.0], COMBINED, combination_type="cat")
    try:
        config = model.peft_config[name]
        config.base_model_name_or_path = base_name(loaded)
        config.revision = loaded.source.revision or None
        model.save_pretrained(str(folder), selected_adapters=[name], save_embedding_layers=False)
    finally:
        if policy.has_start:
            model.delete_adapter(COMBINED)
            activate(model, policy.has_start)
    written = folder / name
    if written.is_dir():
        for file in written.iterdir():
            shutil.move(str(file), str(folder / file.name))
        written.rmdir()


def base_name(loaded: Loaded) -> str:
    """What PeftModel.from_pretrained is to open: the hub id, or the folder as an absolute path."""
    source = loaded.source
    if source.revision:
        return source.name
    return str(source.folder / source.gguf) if source.gguf else str(source.folder)


def merged_model(loaded: Loaded, policy: Policy | None, scratch: Path) -> torch.nn.Module:
    """A second, unquantised copy of the base with every adapter merged into it, the trained one by way of `scratch`."""
    from peft import PeftModel

    spec = replace(loaded.spec, quantization="none", dtype=loaded.spec.dtype_name(loaded.device))
    fresh = load_model(
        spec, replace(loaded.source, adapter=None if policy else loaded.source.adapter), torch.device("cpu")
    )
    model = fresh.model
    if policy is not None:
        adapter = scratch / "adapter"
        adapter.mkdir()
        write_adapter(loaded, policy, adapter)
        model = PeftModel.from_pretrained(model, str(adapter))
    return model.merge_and_unload() if isinstance(model, PeftModel) else model


def share(folder: Path) -> None:
    """Temporary folders and safetensors' files are private; these get the permissions that a new file has here."""
    probe = folder / ".probe"
    probe.touch()
    mode = probe.stat().st_mode & 0o777
    probe.unlink()
    for path in [folder, *folder.rglob("*")]:
        path.chmod(mode | (mode & 0o444) >> 2 if path.is_dir() else mode)


def flush(folder: Path) -> None:
    """Everything is on the disk before the folder gets its name."""
    for path in [*folder.rglob("*"), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
