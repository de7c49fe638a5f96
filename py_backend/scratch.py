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
NAMING_S = 60.0  # from making a folder to naming its owner


@contextmanager
def scratch_folder(parent: Path, name: str) -> Iterator[Path]:
    """`.NAME-xxxxxxxx` in `parent`, gone afterwards, whatever happens; abandoned ones of the same name go first."""
    sweep(parent, name)
    folder = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=parent))
    try:
        (folder / OWNER_FILE).write_text(json.dumps(this_process()), encoding="utf-8")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(parent: Path, name: str) -> None:
    """Removes the folders of this name whose owner has ended."""
    pattern = re.compile(re.escape(f".{name}-") + r"[a-z0-9_]{8}")
    for folder in parent.iterdir():
        if pattern.fullmatch(folder.name) and is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)


def is_abandoned(folder: Path) -> bool:
    """Whether nobody can need a folder any more. A folder without an owner counts after a while, if it is empty."""
    try:
        return has_ended(json.loads((folder / OWNER_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError):
        pass
    # Killed between making the folder and naming its owner: nothing else is in it.
    with suppress(OSError):
        empty = all(path.name == OWNER_FILE for path in folder.iterdir())
        return empty and time.time() - folder.stat().st_mtime > NAMING_S
    return False


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
