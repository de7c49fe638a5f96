"""Files of a checkpoint in pieces that fit into messages, and pieces back into files."""

from __future__ import annotations

import hashlib
import re
import tempfile
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from ..scratch import scratch_folder, sweep
from ..training.checkpoint import Snapshot, invalid
from .device_thread import Send

PIECE_BYTES = 1 << 20
ARRIVING = "mrpo-checkpoint"


@dataclass(frozen=True, slots=True)
class FilePiece:
    """sha256: of the whole file, on its last piece; empty before."""

    file: str
    data: bytes
    sha256: str


def send_pieces(snapshot: Snapshot, send: Send) -> None:
    """Every file of a snapshot in order, cut into pieces; the last piece of a file carries its SHA-256."""
    for file, content in snapshot.files():
        digest = hashlib.sha256(content).hexdigest()
        for start in range(0, len(content), PIECE_BYTES):
            end = start + PIECE_BYTES
            send(FilePiece(file, content[start:end], digest if end >= len(content) else ""))


def arriving_folder() -> AbstractContextManager[Path]:
    """Room for the files of a checkpoint on its way to a trainer, gone afterwards."""
    return scratch_folder(Path(tempfile.gettempdir()), ARRIVING)


def sweep_arrivals() -> None:
    """Removes what backends that were killed while a checkpoint came have left."""
    sweep(Path(tempfile.gettempdir()), ARRIVING)


def add_piece(folder: Path, file: str, data: bytes) -> None:
    """Raises CHECKPOINT_INVALID for a name that is not a plain one."""
    if not re.fullmatch(r"\w[\w.-]*", file):
        raise invalid(f"expected a plain file name, got {file!r}")
    with (folder / file).open("ab") as out:
        out.write(data)
