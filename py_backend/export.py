"""Writes what was trained: the adapter in PEFT format, or a whole model with the adapter merged in.

A folder appears complete or not at all (temporary folder beside it, flushed, renamed) and nothing is ever overwritten.
Before it gets its name, what was written is opened again and compared with the policy in memory (see training/proof).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import SafetensorError

from .engine import TokenPair
from .faults import Fault
from .models.load import Loaded
from .progress import Progress, Report
from .roots import Roots
from .scratch import scratch_folder
from .training.policy import Policy
from .training.policy_files import (
    check_whole,
    own_generation_settings,
    require_trained,
    whole_bytes,
    write_adapter,
    write_whole,
    writes_adapter,
)
from .training.proof import prove_adapter, prove_whole
from .training.raw_weights import SETTINGS as RAW_SETTINGS
from .training.raw_weights import write_raw

SPARE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class ExportSpec:
    """merge: a whole model and no adapter. pairs: some are compared. replace: the path may hold an earlier export.
    raw: the trained weights alone, as they are. rehearse: all that can be refused is tried, nothing stays."""

    path: str
    merge: bool = False
    model_card: str = ""
    replace: bool = False
    raw: bool = False
    rehearse: bool = False
    pairs: Sequence[TokenPair] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Exported:
    """difference: of a sequence's log-prob between files and memory, the largest, in nats; None = not compared."""

    path: Path
    files: list[str]
    difference: float | None


def export(loaded: Loaded, policy: Policy | None, spec: ExportSpec, roots: Roots, report: Report) -> Exported:
    """Raises PATH_REFUSED for a folder that holds something or cannot be written, UNSUPPORTED for a model of which
    nothing was trained (unless its whole weights are asked for), EXPORT_DIFFERS."""
    target = check_target(spec.path, roots, spec.replace)
    with new_folder(target, keep=not spec.rehearse) as scratch:
        report(Progress("write", 0, 0, "bytes"))
        difference = _write(loaded, policy, spec, scratch)
        if not spec.raw:
            loaded.tokenizer.save_pretrained(str(scratch))
        if spec.model_card:
            (scratch / "README.md").write_text(spec.model_card, encoding="utf-8")
        files = sorted(str(file.relative_to(scratch)) for file in scratch.rglob("*") if file.is_file())
        size = sum((scratch / file).stat().st_size for file in files)
        _require_space(target, scratch, 0)
    report(Progress("write", size, size, "bytes"))
    return Exported(target, files, difference)


def _write(loaded: Loaded, policy: Policy | None, spec: ExportSpec, folder: Path) -> float | None:
    if spec.raw:
        write_raw(require_trained(policy), folder)
        return None
    if writes_adapter(policy, spec.merge):
        trained = require_trained(policy)
        write_adapter(loaded, trained, folder)
        return prove_adapter(loaded, trained, folder, spec.pairs)
    if spec.rehearse:
        check_whole(loaded, policy, folder)
        with own_generation_settings(loaded.base, loaded, folder):
            pass
        _require_space(folder.parent, folder, whole_bytes(loaded))
        return None
    write_whole(loaded, policy, folder)
    return prove_whole(loaded, policy, folder, spec.pairs)


def check_target(path: str, roots: Roots, replace: bool) -> Path:
    """The absolute folder to write to, its parent made. Raises PATH_REFUSED where something is that must stay."""
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
    return not names or (replace and not names.isdisjoint({"adapter_config.json", "config.json", RAW_SETTINGS}))


@contextmanager
def new_folder(target: Path, *, keep: bool) -> Iterator[Path]:
    """A folder that takes the target's name at the end, or goes. Beside it is room for scratch files."""
    try:
        with scratch_folder(target.parent, target.name) as scratch:
            content = scratch / "content"
            content.mkdir()
            yield content
            share(content)
            flush(content)
            if keep:
                if target.exists() and any(target.iterdir()):
                    os.rename(target, scratch / "replaced")
                os.rename(content, target)
    except (OSError, SafetensorError) as error:
        raise Fault("PATH_REFUSED", f"export to {target}: {getattr(error, 'strerror', None) or error}") from error


def _require_space(target: Path, folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size + (SPARE_BYTES if size else 0):
        raise Fault(
            "PATH_REFUSED",
            f"export to {target}: the model needs {size >> 20} MiB and the disk has {free >> 20} MiB left",
            "Make room, or write to another disk.",
        )


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
