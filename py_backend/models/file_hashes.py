"""SHA-256 of files, remembered: hashing gigabytes of weights is paid once.

A digest is remembered under what the file system says of the file (device, inode, size, times of last change), not
under its path, so a folder that moves keeps its digests. The change time (ctime) cannot be set back by a program, so
a changed file never finds its old digest. A file that changed within the last two seconds is not remembered: the
clock of a file system is coarse, and a second change could hide behind the first.

Entries are small files in the user's cache folder, each written whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from ..faults import Fault
from ..progress import Progress, Report
from ..scratch import scratch_folder

CHUNK = 4 << 20
SETTLED_NS = 2_000_000_000


def cache_folder() -> Path:
    """MRPO_CACHE_DIR, or ~/.cache/mrpo (XDG_CACHE_HOME is followed)."""
    chosen = os.environ.get("MRPO_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mrpo"


def hash_files(paths: Iterable[Path], report: Report) -> list[str]:
    """Digests in the order of `paths`; progress in bytes over all of them."""
    listed = list(paths)
    total = sum(path.stat().st_size for path in listed)
    done = 0
    digests = []
    for path in listed:
        digests.append(hash_file(path, lambda more, base=done: report(Progress("hash", base + more, total, "bytes"))))
        done += path.stat().st_size
    return digests


def hash_file(path: Path, read: Callable[[int], None] | None = None) -> str:
    """64 hex digits; `read(bytes so far)` is called per chunk. A file that changes meanwhile is a MODEL_INVALID."""
    before = signature(path)
    known = recall(before)
    if known is not None:
        return known
    digest = hashlib.sha256()
    done = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            done += len(chunk)
            if read is not None:
                read(done)
    if signature(path) != before:
        raise Fault("MODEL_INVALID", f"{path}: the file changes while it is read", "Wait until it is written.")
    if time.time_ns() - max(before["mtime_ns"], before["ctime_ns"]) > SETTLED_NS:
        remember(before, digest.hexdigest())
    return digest.hexdigest()


def signature(path: Path) -> dict[str, int]:
    """What the file system says of a file; it changes whenever the content may have changed."""
    stat = path.stat()
    return {
        "device": stat.st_dev,
        "inode": stat.st_ino,
        "size": stat.st_size,
        "mtime_ns": stat.st_mtime_ns,
        "ctime_ns": stat.st_ctime_ns,
    }


def entry_path(sign: dict[str, int]) -> Path:
    """Where the digest of a file with this signature is remembered."""
    name = hashlib.sha256(json.dumps(sign, sort_keys=True).encode()).hexdigest()
    return cache_folder() / "hashes" / name[:2] / f"{name[2:]}.json"


def recall(sign: dict[str, int]) -> str | None:
    """The digest remembered for a signature, as hex digits; None if there is none or it cannot be read."""
    try:
        entry = json.loads(entry_path(sign).read_text(encoding="utf-8"))
        return str(entry["sha256"]) if entry["file"] == sign else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(sign: dict[str, int], digest: str) -> None:
    """Losing an entry costs a second hashing and nothing else, so a full or read-only disk is no error."""
    target = entry_path(sign)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with scratch_folder(target.parent, "entry") as scratch:
            entry = scratch / target.name
            entry.write_text(json.dumps({"file": sign, "sha256": digest}), encoding="utf-8")
            os.replace(entry, target)
    except OSError:
        return
