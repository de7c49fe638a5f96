"""Temporary folders that a killed process cannot leave behind for ever: each names its owner, and who makes a new one
removes those of the same kind whose owner has ended. The control plane writes the same (src/core/scratch-folder.ts).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

OWNER_FILE = "owner"
NAMING_S = 1.0  # from making a folder to naming its owner


@contextmanager
def scratch_folder(parent: Path, name: str) -> Iterator[Path]:
    """`.NAME-xxxxxxxx` in `parent`, gone afterwards, whatever happens; abandoned ones of the same name go first."""
    sweep(parent, name)
    folder = _named_folder(parent, name)
    try:
        yield folder
    finally:
        remove(folder)


def _named_folder(parent: Path, name: str) -> Path:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=parent))
        # It is gone where this process stood still for so long that another one has taken it for abandoned.
        with suppress(FileNotFoundError):
            (folder / OWNER_FILE).write_text(json.dumps(this_process()), encoding="utf-8")
            return folder


def remove(folder: Path) -> None:
    """The owner's name goes last, so that a folder whose removal is cut off is still known as abandoned."""
    with suppress(OSError):
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != OWNER_FILE:
                path.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def sweep(parent: Path, name: str) -> None:
    """Removes the folders of this name whose owner has ended."""
    pattern = re.compile(re.escape(f".{name}-") + r"[a-z0-9_]{8}")
    with suppress(OSError):
        for folder in [path for path in parent.iterdir() if pattern.fullmatch(path.name)]:
            if is_abandoned(folder):
                remove(folder)
            else:
                _remove_unnamed(folder)


def is_abandoned(folder: Path) -> bool:
    """Whether a folder names an owner that has ended."""
    try:
        return has_ended(json.loads((folder / OWNER_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError):
        return False


def _remove_unnamed(folder: Path) -> None:
    """Killed between making the folder and naming its owner: nothing is in it. What has anything else in it is not
    ours."""
    with suppress(OSError):
        if time.time() - folder.stat().st_mtime < NAMING_S:
            return
        owner = folder / OWNER_FILE
        if owner.exists() and owner.stat().st_size == 0:
            owner.unlink()
        folder.rmdir()  # fails where something is in it


def this_process() -> dict[str, str | int]:
    """The owner that a folder made now is given; the fields are those of ProcessOwner in src/core/process-owner.ts."""
    return {
        "host": socket.gethostname(),
        "boot": _text("/proc/sys/kernel/random/boot_id"),
        "namespace": _link("/proc/self/ns/pid"),
        "process": os.getpid(),
        "started": _start_of(os.getpid()),
    }


def has_ended(owner: dict[str, str | int]) -> bool:
    """Whether the owner has certainly ended. One of another machine or container may live."""
    here = this_process()
    if owner["host"] != here["host"]:
        return False
    if owner["boot"] != here["boot"]:
        return True
    if owner["namespace"] != here["namespace"]:
        return False
    number = int(owner["process"])
    return not _exists(number) or owner["started"] != _start_of(number)


def _exists(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return not _text(f"/proc/{number}/stat").rpartition(") ")[2].startswith("Z")  # ended, and not noticed by its parent


def _start_of(number: int) -> str:
    """Field 22 of /proc/ID/stat; the name in field 2 may hold anything but ends with the last bracket."""
    fields = _text(f"/proc/{number}/stat").rpartition(") ")[2].split(" ")
    return fields[19] if len(fields) > 19 else ""


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
